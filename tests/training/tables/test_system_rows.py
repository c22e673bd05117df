"""Tables of systems used in different ways, on scenes whose people a detector finds as asked."""

import json

import numpy as np
import pytest

from multiposenet import cli
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17
from multiposenet.systems import pose_scores, registry
from multiposenet.systems.pose_nms import OKSNMS, SoftOKSNMS
from multiposenet.systems.registry import Entry
from multiposenet.systems.system import ImageByImage
from multiposenet.systems.top_down import TopDown
from multiposenet.training import pipeline, recipes
from multiposenet.training.datasets import synthetic
from multiposenet.training.tables import grmi, test_time
from multiposenet.training.tables.system_rows import DecidedRow, SystemRow, SystemTable, decided
from multiposenet.training.tables.trained_runs import TrainedRuns


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(folder, photos=4, seed=2, size=(96, 128), people=(2, 2))
    return folder


class Oracle(ImageByImage):
    """Finds all people of a photo of ``data``; of a mirrored one nobody."""

    score, skeleton = 0.0, COCO_17

    def __init__(self, folder, share):
        self.share, self._known = share, {}
        annotations = CocoAnnotations.load(folder / "annotations.json")
        for record in annotations.images:
            from multiposenet.sources import read_image

            image = read_image(folder / "photos" / record.file_name)
            self._known[image.tobytes()] = record

    def keeping(self, score):
        return self

    def at_scale(self, factor):
        return self

    def _poses(self, frame):
        record = self._known.get(frame.image.tobytes())
        count = 0 if record is None else round(self.share * len(record.boxes))
        boxes = record.boxes[:count] if count else np.zeros((0, 4))
        points = record.keypoints[:count, :, :2] if count else np.zeros((0, 17, 2))
        return Poses(
            boxes=boxes.astype(np.float32),
            box_scores=np.ones(count, np.float32),
            keypoints=points.astype(np.float32),
            keypoint_scores=np.ones((count, 17), np.float32),
            scores=np.ones(count, np.float32),
            skeleton=COCO_17,
            image_size=frame.image.shape[:2],
            **frame.origin,
        )


@pytest.fixture
def loaded(data, monkeypatch):
    """The systems find half of the people (multiposenet), or all; the list of what was loaded."""
    calls = []

    def get(name):
        def load(model, **options):
            calls.append((name, model, options))
            return Oracle(data, 0.5 if name == "multiposenet" else 1.0)

        return Entry(title=name, summary="", load=load)

    monkeypatch.setattr(registry, "get", get)
    return calls


def test_what_rows_ask_for_and_are_compared_with(data, loaded):
    annotations = CocoAnnotations.load(data / "annotations.json")
    table = SystemTable(annotations, data / "photos", "other", "openvino")
    half = table.measure(SystemRow("half", "half", "multiposenet"))
    assert 40 < half["AP"] < 60 and half["ms"] > 0 and "gain" not in half
    both = table.measure(
        SystemRow("both", "both", "multiposenet", {"pose_nms": None}, ("grmi",), than="half")
    )
    assert both["AP"] == pytest.approx(100) == both["AP50"] and both["cost"] > 0
    assert both["gain"] == pytest.approx(100 - half["AP"])
    seen = table.measure(SystemRow("flip", "flip", "grmi", tta="flip", than="not measured"))
    assert seen["AP"] > 90 and "gain" not in seen
    # The runtime is the row's where its system knows it.
    assert loaded == [
        ("multiposenet", "other", {"runtime": "auto", "score": 0.0}),
        ("multiposenet", "other", {"runtime": "auto", "score": 0.0, "pose_nms": None}),
        ("grmi", "other", {"runtime": "auto", "score": 0.0}),
        ("grmi", "other", {"runtime": "auto", "score": 0.0}),
    ]


@pytest.mark.parametrize("rows", [grmi.ROWS, test_time.ROWS], ids=["grmi", "tta"])
def test_rows_are_compared_with_rows_before_them(rows):
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    for place, row in enumerate(rows):
        of = row.of if isinstance(row, DecidedRow) else row.name
        assert names.index(of) <= place
        assert getattr(rows[names.index(of)], "system", "grmi") in registry.SYSTEMS
        assert row.than is None or names.index(row.than) < place
    decided = [row for row in grmi.ROWS if isinstance(row, DecidedRow)]
    assert {row.pose_nms for row in decided} >= {None, OKSNMS(0.3)}


class Persons:
    """Keypoints along the diagonals of known boxes, their scores at random."""

    skeleton, batch_size = COCO_17, 100

    def __init__(self, boxes, scores):
        self._known = {tuple(box): own for box, own in zip(boxes.tolist(), scores, strict=True)}

    def __call__(self, images, boxes):
        share = np.linspace(0, 1, 17)[:, None]
        answers = []
        for own in boxes:
            keypoints = own[:, None, :2] * (1 - share) + own[:, None, 2:] * share
            scores = [self._known[tuple(box)] for box in own.tolist()]
            answers.append((keypoints.astype(np.float32), np.reshape(scores, (-1, 17))))
        return answers


@pytest.mark.parametrize("rescoring", pose_scores.RULES)
@pytest.mark.parametrize("pose_nms", [None, OKSNMS(0.4), SoftOKSNMS()], ids=str)
@pytest.mark.parametrize("box_overlap", [None, 0.2, 0.5])
def test_rules_on_all_poses_keep_what_the_system_keeps(rescoring, pose_nms, box_overlap):
    rng = np.random.default_rng(3)
    boxes = np.tile([20.0, 20, 60, 90], (12, 1)) + rng.integers(-12, 13, (12, 4))
    scores = rng.uniform(0.2, 1, 12).astype(np.float32)
    persons = Persons(boxes, rng.uniform(0.1, 1, (12, 17)).astype(np.float32))
    image = np.zeros((120, 120, 3), np.uint8)

    def system(**options):
        return TopDown(lambda _: (boxes, scores), persons, score=0.0, **options)

    every = system(pose_nms=None, box_overlap=None)(image)
    rules = {"box_overlap": box_overlap, "rescoring": rescoring, "pose_nms": pose_nms}
    wanted = system(**rules)(image)
    kept = decided(every, DecidedRow("row", "row", "no-nms", **rules))
    assert len(kept) == len(wanted) and (box_overlap is None or len(kept) < 12)
    for field in ("keypoints", "scores", "boxes"):
        np.testing.assert_allclose(getattr(kept, field), getattr(wanted, field), rtol=1e-6)


def test_the_command(data, loaded, tmp_path, capsys):
    out = tmp_path / "table.json"
    given = ["--annotations", data / "annotations.json", "--images", data / "photos"]
    command = ["tables", "grmi", *given, "--rows", "grmi,box-score", "--json", out]
    assert cli.main(list(map(str, command))) == 0
    printed = capsys.readouterr().out
    assert "a pose scores what its box does" in printed and "+0.0" in printed
    first, second = json.loads(out.read_text())["rows"]
    assert (first["name"], second["name"]) == ("grmi", "box-score") and second["gain"] == 0
    assert "ms" not in second
    command += ["--box-score", "0.3", "--rows", "grmi,margin-0.5", "--every", "3"]
    assert cli.main(list(map(str, command))) == 0
    # Rows that decide on the same poses look at the photos once.
    assert [options.get("box_score") for _, _, options in loaded] == [None, 0.3, 0.3]
    assert loaded[2][2]["margin"] == 0.5
    command = ["tables", "tta", *given[:3], tmp_path / "nowhere"]
    assert cli.main(list(map(str, command))) == 2
    assert "--images: not a folder" in capsys.readouterr().err


def test_a_row_whose_network_is_trained(data, loaded, tmp_path, monkeypatch):
    done = []

    def train(stage, samples, run, recipe, *, resume):
        done.append((stage, run.name, recipe.image_size, recipe.offset_weight, len(samples)))
        run.mkdir()
        (run / "grmi.weights.h5").touch()

    monkeypatch.setattr(pipeline, "train", train)
    annotations = CocoAnnotations.load(data / "annotations.json")
    systems = SystemTable(annotations, data / "photos", "other")
    rows = [row for row in grmi.ROWS if row.name.endswith("160x128")]
    for train_on in ([], [f"coco:{data}"], []):
        runs = TrainedRuns("grmi", recipes.TableGRMI(), tmp_path, train_on)
        measured = [grmi.GRMITable(systems, runs).measure(row) for row in rows]
        if not done:
            assert [own["missing"] for own in measured] == [
                f"{tmp_path / row.name}: not trained: give --train" for row in rows
            ]
    assert done == [
        ("grmi", "trained-160x128", (160, 128), 1.0, 4),
        ("grmi", "peaks-160x128", (160, 128), 0.0, 4),
    ]
    assert measured[1]["gain"] == 0 and measured[0]["AP"] > 0
    assert [own["network"] for _, _, own in loaded] == [str(tmp_path / row.name) for row in rows]


def test_a_photo_that_is_missing_is_named(data, loaded, tmp_path):
    annotations = CocoAnnotations.load(data / "annotations.json")
    with pytest.raises(InputError, match="0.jpg: file: No such file"):
        SystemTable(annotations, tmp_path, "other").measure(grmi.ROWS[0])
