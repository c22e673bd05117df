"""figures: every name writes a picture and, by --json, the numbers in it."""

import functools
import json

import numpy as np
import pytest
from command_line import BLUE, RED, assert_one_line, names, paint
from PIL import Image

from multiposenet.evaluation.errors import KEYPOINTS
from multiposenet.networks.pose_residual_network import Max
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator


def annotation(number, image, box, keypoints):
    x1, y1, x2, y2 = box
    return {
        "id": number,
        "image_id": image,
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "area": (x2 - x1) * (y2 - y1),
        "iscrowd": 0,
        "keypoints": [value for x, y in keypoints for value in (x, y, 2)],
        "num_keypoints": len(keypoints),
    }


def write(path, photos, annotations, keypoints):
    category = {"id": 1, "name": "person", "keypoints": list(keypoints)}
    images = [
        {"id": i, "file_name": name, "width": 128, "height": 128}
        for i, name in enumerate(photos, start=1)
    ]
    content = {"images": images, "annotations": annotations, "categories": [category]}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def corners(tmp_path):
    """Two photos of the fake model's rectangles, each labelled as it finds them."""
    annotations = []
    for image in (1, 2):
        paint(tmp_path / "photos" / f"{image}.png")
        for x1, y1, x2, y2 in (RED, BLUE):
            places = [((x1 + x2) / 2, (y1 + y2) / 2), (x1, y1), (x2, y2)]
            annotations.append(annotation(len(annotations) + 1, image, (x1, y1, x2, y2), places))
    keypoints = ("neck", "left_hip", "right_hip")
    return write(tmp_path / "labels.json", ("1.png", "2.png"), annotations, keypoints)


@pytest.fixture
def people(tmp_path):
    """One photo with ten persons, six of them upright and four the other way up."""
    rng = np.random.default_rng(0)
    annotations = []
    for number in range(10):
        places = np.stack([rng.uniform(0.45, 0.55, 17), np.linspace(0.05, 0.95, 17)], axis=1)
        places = places if number < 6 else 1 - places
        corner, size = np.array([12.0 * number, 20]), np.array([10, 80])
        box = [*corner, *(corner + size)]
        annotations.append(annotation(number + 1, 1, box, corner + places * size))
    return write(tmp_path / "labels.json", ("1.png",), annotations, COCO_17.keypoints)


@pytest.fixture
def max_model(monkeypatch):
    """`load` gives a model whose assigner returns its input, which needs no training."""

    class Copy(Max):
        def logits(self, crops, training=None):
            return crops

    class Model:
        skeleton, prn = COCO_17, Copy()

    class Loaded:
        model = Model()

    monkeypatch.setattr(estimator, "load", lambda name, **options: Loaded())


def check_picture(path, least_side=300):
    with Image.open(path) as picture:
        assert min(picture.size) >= least_side
        pixels = np.asarray(picture)
    assert pixels.shape[2] == 3 and pixels.std() > 5 and pixels[0, 0].min() == 255


def test_parameters(multiposenet, tmp_path):
    out, numbers = tmp_path / "figure.png", tmp_path / "figure.json"
    status, text, errors = multiposenet("figures", "parameters", "--out", out, "--json", numbers)
    assert (status, text, errors) == (0, f"{out}\n", [])
    check_picture(out)
    content = json.loads(numbers.read_text())
    assert content["figure"] == "parameters"
    status, text, _ = multiposenet("summary", "--json", "-")
    assert content["blocks"] == json.loads(text)["blocks"]
    assert content["total"] == json.loads(text)["total"]["parameters"]
    assert names(tmp_path) == ["figure.json", "figure.png"]


def test_curves_have_the_evaluation_as_their_mean(multiposenet, tmp_path, corners, fake_model):
    data = ("--annotations", corners, "--images", tmp_path / "photos")
    out = tmp_path / "figure.png"
    status, text, _ = multiposenet("figures", "pr-curves", *data, "--out", out, "--json", "-")
    assert status == 0
    check_picture(out)
    content = json.loads(text)
    status, text, _ = multiposenet("evaluate", *data, "--json", "-")
    figures = json.loads(text)
    for kind in ("keypoints", "boxes"):
        for size, name in (("all", "AP"), ("medium", "APM"), ("large", "APL")):
            curve = content["curves"][kind][size]
            assert np.shape(curve["precision"]) == (10, 101)
            expected = figures[f"{kind}/{name}"]  # none where the curve has COCO's -1
            assert curve["AP"] == pytest.approx(-1 if expected is None else expected, abs=1e-9)
            assert np.mean(curve["precision"]) == pytest.approx(curve["AP"], abs=1e-6)
    assert content["curves"]["keypoints"]["all"]["AP"] > 0.9
    assert content["curves"]["keypoints"]["large"]["AP"] == -1  # nobody is large
    assert content["photos"] == 2 and content["failed"] == 0


def test_curves_without_one_photo(multiposenet, tmp_path, corners, fake_model):
    (tmp_path / "photos" / "2.png").unlink()
    data = ("--annotations", corners, "--images", tmp_path / "photos")
    out = tmp_path / "figure.png"
    status, text, errors = multiposenet("figures", "pr-curves", *data, "--out", out, "--json", "-")
    assert status == 1
    assert_one_line(errors, "2.png")
    assert json.loads(text)["failed"] == 1
    check_picture(out)


def test_errors_of_a_model_that_makes_none_and_misses_a_photo(
    multiposenet, tmp_path, corners, fake_model
):
    data = ("--annotations", corners, "--images", tmp_path / "photos")
    out = tmp_path / "figure.png"
    status, text, _ = multiposenet("figures", "errors", *data, "--out", out, "--json", "-")
    assert status == 0
    check_picture(out)
    content = json.loads(text)
    persons = {size: counts for size, counts in content["persons"].items() if any(counts.values())}
    assert len(persons) == 1
    (size,) = persons
    assert persons[size]["found"] > 0 and persons[size]["missed"] == 0
    kinds = {kind: sum(j[kind] for j in content["keypoints"][size].values()) for kind in KEYPOINTS}
    assert kinds["good"] > 0 and sum(kinds.values()) == kinds["good"]
    (tmp_path / "photos" / "2.png").unlink()
    status, text, _ = multiposenet("figures", "errors", *data, "--out", out)
    assert status == 1
    assert "missed" in text and "100.0%" in text


def test_poses_clusters_what_the_network_says(multiposenet, tmp_path, people, max_model):
    out = tmp_path / "figure.png"
    options = ("--clusters", 2, "--out", out, "--json", "-")
    status, text, _ = multiposenet("figures", "poses", "--annotations", people, *options)
    assert status == 0
    check_picture(out, 200)
    content = json.loads(text)
    assert content["persons"] == 10 and content["oks"] > 0.8
    assert [cluster["share"] for cluster in content["clusters"]] == [0.6, 0.4]
    upright, inverted = (np.array(c["keypoints"]) for c in content["clusters"])
    assert upright[0, 1] < 5 and upright[-1, 1] > 51  # nose and ankle, of 56 rows
    assert inverted[0, 1] > 51 and inverted[-1, 1] < 5


def test_poses_asks_for_labels_of_the_models_keypoints(multiposenet, tmp_path, corners, max_model):
    status, _, errors = multiposenet("figures", "poses", "--annotations", corners)
    assert status == 2
    assert_one_line(errors, "keypoints: are those of", "use another model or other labels")


def test_grouping(multiposenet, tmp_path, people, max_model, monkeypatch):
    from multiposenet.training.grouping import degradation_sweep

    few = {"jitter": (0.0, 0.2), "duplicate": (0.0, 1.0)}
    monkeypatch.setattr(
        degradation_sweep, "sweep", functools.partial(degradation_sweep.sweep, levels=few)
    )
    out = tmp_path / "figure.png"
    options = ("--photos", 1, "--prior", people, "--seed", 3, "--out", out, "--json", "-")
    status, text, _ = multiposenet("figures", "grouping", "--annotations", people, *options)
    assert status == 0
    check_picture(out)
    content = json.loads(text)
    assert (content["photos"], content["seed"]) == (1, 3)
    assert [(row["kind"], row["level"]) for row in content["rows"]] == [
        (kind, level) for kind, levels in few.items() for level in levels
    ]
    assert content["rows"][0]["perfect/AP"] == pytest.approx(100)
    assert content["rows"][1]["perfect/AP"] < 50

    _, text, _ = multiposenet("figures", "grouping", "--annotations", people, "--out", out)
    lines = [line.split() for line in text.splitlines() if line.strip()]
    assert lines[0][:4] == ["keypoint", "AP", "level", "perfect"]
    assert ["jitter", "0", "100.0"] in [line[:3] for line in lines]
    assert lines[-1] == [str(out)]


@pytest.mark.parametrize(
    "arguments, part",
    (
        (("parameters", "--out", "a.txt"), "--out: no format"),
        (("parameters", "--model", "nothing"), "nothing: model: unknown name"),
        (("poses", "--annotations", "absent.json"), "absent.json"),
        (("poses", "--annotations", "{labels}", "--clusters", "11"), "--clusters: 11, but"),
        (("pr-curves", "--annotations", "{labels}", "--images", "absent"), "absent: --images"),
        (("grouping", "--annotations", "absent.json"), "absent.json"),
    ),
)
def test_what_is_wrong_is_named(
    multiposenet, tmp_path, monkeypatch, people, max_model, arguments, part
):
    monkeypatch.chdir(tmp_path)
    arguments = [argument.format(labels=people) for argument in arguments]
    status, text, errors = multiposenet("figures", *arguments)
    assert (status, text) == (2, "")
    assert_one_line(errors, part)
    assert names(tmp_path) == ["labels.json"]


def test_a_name_is_needed(multiposenet, capsys):
    for arguments in ((), ("pie",), ("poses", "--annotations", "a", "--clusters", "0")):
        with pytest.raises(SystemExit) as end:
            multiposenet("figures", *arguments)
        assert end.value.code == 2
    assert "'0' is not a whole number from 1 on" in capsys.readouterr().err


def test_every_name_has_help(capsys):
    from multiposenet import cli
    from multiposenet.commands import figures

    for name in figures.FIGURES:
        with pytest.raises(SystemExit) as end:
            cli.main(["figures", name, "--help"])
        assert end.value.code == 0
        text = capsys.readouterr().out
        assert f"usage: multiposenet figures {name}" in text and f"{name}.png" in text
