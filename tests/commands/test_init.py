"""init: the skeleton of a data set, written to be edited."""

import json

import numpy as np
import pytest
from command_line import assert_one_line

from multiposenet.skeleton import Skeleton

NAMES = ["Kopf", "L_tip", "R_tip"]


def annotations(path, names=NAMES, skeleton=(), noise=0.0, count=25, seed=0):
    """One person a photo, with labels that differ by noise."""
    truth, noises = np.random.default_rng(1), np.random.default_rng(seed)
    images, persons = [], []
    for number in range(1, count + 1):
        points = truth.uniform(20, 180, (len(names), 2))
        points += noises.normal(size=points.shape) * noise
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 200, "height": 200})
        keypoints = np.column_stack([points, np.full(len(names), 2)]).round(2).ravel().tolist()
        box = {"bbox": [10, 10, 180, 180], "area": 10_000, "iscrowd": 0}
        ids = {"id": number, "image_id": number, "category_id": 1}
        persons.append({**ids, **box, "keypoints": keypoints})
    category = {"id": 1, "name": "doll", "keypoints": names, "skeleton": list(skeleton)}
    content = {"images": images, "annotations": persons, "categories": [category]}
    path.write_text(json.dumps(content))
    return path


def test_it_writes_what_the_file_tells(multiposenet, tmp_path):
    path, out = annotations(tmp_path / "a.json", skeleton=[[1, 2], [1, 3]]), tmp_path / "s.yaml"
    status, text, errors = multiposenet("init", path, "--out", out)
    assert status == 0
    assert_one_line(errors, "a.json: sigmas: nothing is known of 3 of 3 keypoints, 0.067 stands in")
    skeleton = Skeleton.from_yaml(out)
    assert skeleton.name == "doll" and list(skeleton.keypoints) == NAMES
    assert skeleton.limbs == ((0, 1), (0, 2)) and skeleton.sigmas == (0.067,) * 3
    assert skeleton.flip_indices.tolist() == [0, 2, 1]
    written = out.read_text()
    assert "# sigmas of Kopf, L_tip, R_tip: 0.067" in written and "pairs:" in written
    assert "R_tip" in text and "limbs: 2\n" in text


def test_sigmas_are_measured_where_somebody_labelled_again(multiposenet, tmp_path):
    first = annotations(tmp_path / "a.json", noise=4.0, seed=2)
    again = annotations(tmp_path / "b.json", noise=4.0, seed=3)
    out = tmp_path / "s.yaml"
    status, text, errors = multiposenet(
        "init", first, "--again", again, "--out", out, "--json", "-", "--name", "puppe"
    )
    assert (status, errors) == (0, [])
    result = json.loads(text)
    assert result["sources"] == ["repeated labels"] * 3 and result["repeats"] == [25, 50, 50]
    # 4 pixels in x and in y, of sqrt(area) 100
    np.testing.assert_allclose(Skeleton.from_yaml(out).sigmas, 4 * 2**0.5 / 100, rtol=0.25)
    assert result["name"] == "puppe"


def test_known_names_have_known_sigmas_and_limbs(multiposenet, tmp_path):
    names = ["head_top", "neck", "lShoulder", "rShoulder"]
    path, out = annotations(tmp_path / "a.json", names), tmp_path / "s.yaml"
    status, text, errors = multiposenet("init", path, "--out", out)
    assert (status, errors) == (0, [])
    skeleton = Skeleton.from_yaml(out)
    assert skeleton.sigmas == (0.079,) * 4
    limbs = {frozenset(names[k] for k in limb) for limb in skeleton.limbs}
    assert frozenset(("neck", "head_top")) in limbs
    assert frozenset(("lShoulder", "rShoulder")) in limbs
    assert ", by name" in text


def test_formats_of_another_layout(multiposenet, tmp_path):
    (tmp_path / "m").mkdir()
    out = tmp_path / "s.yaml"
    assert multiposenet("init", f"mpii:{tmp_path / 'm'}", "--out", out)[0] == 0
    assert Skeleton.from_yaml(out).num_keypoints == 16


@pytest.mark.parametrize(
    ("names", "options", "told"),
    [
        (["left_tip", "Kopf"], [], "'left_tip' has no mirror keypoint; add 'right_tip'"),
        (NAMES, ["--again", "{other}"], "other.json: keypoints: are not those of"),
        (NAMES, ["--out", "{folder}/s.txt"], "s.txt: --out: is no YAML file"),
        (NAMES, ["--out", "{folder}/there.yaml"], "there.yaml: --out: is there"),
        (NAMES, ["--skeleton", "coco_18"], "coco_18: skeleton: unknown name"),
    ],
)
def test_what_cannot_be(multiposenet, tmp_path, names, options, told):
    path = annotations(tmp_path / "a.json", names)
    other = annotations(tmp_path / "other.json", ["Kopf"])
    (tmp_path / "there.yaml").write_text("mine")
    options = [option.format(other=other, folder=tmp_path) for option in options]
    if "--out" not in options:
        options += ["--out", tmp_path / "s.yaml"]
    status, _, errors = multiposenet("init", path, *options)
    assert status == 2 and not (tmp_path / "s.yaml").exists()
    assert_one_line(errors, told)
    assert (tmp_path / "there.yaml").read_text() == "mine"
