"""Tables 1 to 5 of MultiPoseNet: what rows put together, and what is printed."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image
from small_model import small

from multiposenet import cli
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.sources import read_image
from multiposenet.systems import estimator, registry
from multiposenet.systems.estimator import Estimator
from multiposenet.systems.system import ImageByImage
from multiposenet.training import pipeline, recipes
from multiposenet.training.datasets import synthetic
from multiposenet.training.registry import STAGES
from multiposenet.training.tables.multiposenet import (
    detections,
    grouping,
    looks,
    paper_tables,
    persons,
    subnets,
)
from multiposenet.training.tables.system_rows import FIGURES, SystemRow, SystemTable
from multiposenet.training.tables.trained_runs import TrainedRuns

pytestmark = pytest.mark.usefixtures("eagerly")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(folder, photos=4, seed=2, size=(96, 128), people=(1, 1))
    return folder


@pytest.fixture(scope="module")
def annotations(data):
    return CocoAnnotations.load(data / "annotations.json")


class Truth(ImageByImage):
    """Finds the labelled people, and the mask."""

    score, skeleton = 0.0, COCO_17

    def __init__(self, annotations, images):
        self._known = {
            read_image(images / record.file_name).tobytes(): record for record in annotations.images
        }

    def keeping(self, score):
        return self

    def at_scale(self, factor):
        return self

    def _poses(self, frame):
        record = self._known[frame.image.tobytes()]
        count = len(record.boxes)
        return Poses(
            boxes=record.boxes.astype(np.float32),
            box_scores=np.ones(count, np.float32),
            keypoints=record.keypoints[..., :2].astype(np.float32),
            keypoint_scores=(record.keypoints[..., 2] > 0).astype(np.float32),
            scores=np.ones(count, np.float32),
            skeleton=COCO_17,
            image_size=frame.image.shape[:2],
            mask=frame.image[..., 0] / 255,
            **frame.origin,
        )


class Left(Truth):
    """Finds nobody, and a person in the left quarter of the mask."""

    def __init__(self):
        pass

    def _poses(self, frame):
        size = frame.image.shape[:2]
        mask = np.zeros(size, np.float32)
        mask[:, : size[1] // 4] = 1
        return Poses.empty(COCO_17, size, mask=mask, **frame.origin)


@pytest.fixture
def systems(data, annotations, monkeypatch):
    """All systems know the truth, but the model in Keras is one that has learnt nothing."""
    model = small()
    model.options = dataclasses.replace(model.options, box_score=0.001, image_size=128)
    truth = Truth(annotations, data / "photos")
    monkeypatch.setattr(registry, "member", lambda *_, **__: truth)
    pose = Estimator(model, score=0.0)
    monkeypatch.setattr(estimator, "load", lambda *_, **__: pose)
    return SystemTable(annotations, data / "photos", "any")


def test_labels_as_detections(annotations):
    record = annotations.images[0]
    twice = {name: np.repeat(getattr(record, name), 2, axis=0) for name in ("boxes", "crowd")}
    keypoints = np.repeat(record.keypoints, 2, axis=0)
    keypoints[1, :, 0] += 500
    found = detections.of_labels(dataclasses.replace(record, **twice, keypoints=keypoints))
    visible = record.keypoints[0, :, 2] > 0
    assert found.boxes.shape == (2, 4) and found.point_scores.sum() == 2 * visible.sum()
    for keypoint in np.flatnonzero(visible):  # both candidates are there, in any order
        wanted = sorted(keypoints[:, keypoint, :2].tolist())
        assert sorted(found.points[keypoint].tolist()) == wanted
    assert len({tuple(own[:, 0] > 400) for own in found.points[visible]}) == 2
    crowd = dataclasses.replace(record, crowd=np.ones(1, bool))
    assert not len(detections.of_labels(crowd).boxes)


def test_own_keypoints_in_own_boxes_are_the_models_poses(systems, data, annotations):
    pose = estimator.load()
    table = grouping.GroupingTable(systems)
    found, options = table._detections()
    for record, own in zip(annotations.images, found, strict=True):
        poses = pose(data / "photos" / record.file_name)
        results = table._results(pose.model.prn, own, own, options)
        results.sort(key=lambda result: -result["score"])
        wanted = poses.to_coco(record.id, guesses=True)
        assert len(results) == len(wanted) > 0
        for ours, theirs in zip(results, wanted, strict=True):
            assert ours["score"] == pytest.approx(theirs["score"], abs=1e-5)
        ours, theirs = (np.reshape(own[0]["keypoints"], (17, 3)) for own in (results, wanted))
        seen = theirs[:, 2] > 0
        np.testing.assert_allclose(ours[seen], theirs[seen], atol=0.02)


@pytest.mark.parametrize("keypoints", ["true", "rmpe"])
def test_the_truth_put_together_is_the_truth(systems, data, keypoints):
    table = grouping.GroupingTable(systems, data / "annotations.json")
    for assigner in ("max", "ucr"):
        figures = table.measure(
            grouping.GroupingRow("row", "row", "true", keypoints, assigner=assigner)
        )
        assert figures["AP"] == pytest.approx(100, abs=0.1) and set(figures) == set(FIGURES)
    nothing = table.measure(grouping.GroupingRow("row", "row", "own", "true", assigner="max"))
    assert nothing["AP"] < 50  # boxes of a model that knows nothing


def test_what_is_missing_is_said(systems, data, annotations, tmp_path):
    table = grouping.GroupingTable(systems)
    assert "give --train coco:FOLDER" in table.measure(grouping.ROWS[4])["missing"]
    runs = TrainedRuns("keypoints", recipes.TableKeypoints(), tmp_path)
    subnet = subnets.SubnetTable(annotations, data, runs)
    assert "not trained: give --train" in subnet.measure(subnets.ROWS[0])["missing"]
    table = persons.PersonTable(systems)
    assert "give --voc" in table.measure(persons.ROWS[-1])["missing"]
    other = dataclasses.replace(annotations, skeleton=LSP_14)
    with pytest.raises(InputError, match="keypoints: not those of coco_17"):
        grouping.GroupingTable(SystemTable(other, data / "photos", "any"))


def test_subnets_are_trained_once_by_one_recipe(data, annotations, tmp_path, monkeypatch):
    done, measured = [], []

    def train(stage, samples, run, recipe, *, resume):
        assert len(samples) == 4 and resume
        done.append((run.name, recipe))
        run.mkdir()
        for file in STAGES[stage].files:
            (run / file).touch()

    class Validation:
        """As good as the number of times that anything was validated."""

        def __init__(self, maps, *given):
            assert given == (annotations, data / "photos", 64)

        def figures(self):
            measured.append(len(measured))
            return {f"keypoints/{name}": measured[-1] / 100 for name in (*FIGURES, "PCK")}

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(subnets.run_folder, "new_model", lambda *_: None)
    monkeypatch.setattr(subnets.run_folder, "load_parts", lambda *_: None)
    monkeypatch.setattr(subnets, "map_function", lambda model: model)
    monkeypatch.setattr(subnets, "KeypointValidation", Validation)
    recipe = recipes.TableKeypoints(validation_size=64)
    runs = TrainedRuns("keypoints", recipe, tmp_path, [f"coco:{data}"])
    table = subnets.SubnetTable(annotations, data / "photos", runs, seeds=2)
    rows = [row for row in subnets.ROWS if row.name in ("2-no-int", "2-no-concat")]
    for first in (0, 4):
        for place, row in enumerate(rows):
            mean = first + 2 * place + 0.5
            wanted = dict.fromkeys((*FIGURES, "PCK"), mean)
            wanted |= {"spread": 0.5, "PCK/spread": 0.5, "seeds": 2}
            assert table.measure(row) == pytest.approx(wanted)
    names = [name for name, _ in done]
    assert names == ["2-no-int-0", "2-no-int-1", "2-no-concat-0", "2-no-concat-1"]
    assert [own.seed for _, own in done] == [0, 1, 0, 1]
    changed = [(own.intermediate, own.concatenated) for _, own in done[1:3]]
    assert changed == [(0, True), (0.2, False)]


def test_boxes_and_masks(systems, tmp_path, monkeypatch):
    found = persons.PersonTable(systems).measure(persons.ROWS[0])
    assert found["AP"] == pytest.approx(100)
    assert set(found) == set(persons.FIGURES)
    for folder in ("Annotations", "JPEGImages", "SegmentationClass"):
        (tmp_path / folder).mkdir()
    size = "<size><width>64</width><height>48</height></size>"
    for stem in ("a", "b"):
        xml = f"<annotation><filename>{stem}.png</filename>{size}</annotation>"
        (tmp_path / f"Annotations/{stem}.xml").write_text(xml)
        Image.new("RGB", (64, 48)).save(tmp_path / f"JPEGImages/{stem}.png")
    Image.fromarray(np.full((48, 64), 15, np.uint8)).save(tmp_path / "SegmentationClass/a.png")
    monkeypatch.setattr(estimator, "load", lambda *_, **__: Left())
    for row in persons.ROWS[-2:]:
        figures = persons.PersonTable(systems, tmp_path).measure(row)
        assert figures == {"IoU": pytest.approx(25), "photos": 1}


def test_rows_and_the_papers_figures():
    names = [row.name for row in paper_tables.ROWS]
    assert len(set(names)) == len(names) and {name[0] for name in names} == set("12345")
    known = {**looks.PAPER, **subnets.PAPER, **grouping.PAPER, **persons.PAPER}
    assert set(known) | set(persons.PAPER_IOU) <= set(names)
    assert paper_tables.paper("3-prn")["paper/APL"] == 73.9
    assert paper_tables.paper("5-boxes")["paper/APS"] == 34.9
    assert paper_tables.paper("5-masks-scales") == {"paper/IoU": 87.8}
    assert paper_tables.paper("1-plain") == {}
    compared = [row for row in paper_tables.ROWS if isinstance(row, SystemRow) and row.than]
    assert all(names.index(row.than) < names.index(row.name) for row in compared)


def test_the_command(systems, data, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        "multiposenet.training.tables.system_rows.SystemTable", lambda *_, **__: systems
    )
    given = ["--annotations", data / "annotations.json", "--images", data / "photos"]
    given += ["--run", tmp_path / "run", "--json", tmp_path / "table.json"]
    rows = "1-plain,3-true,3-max,5-boxes"
    command = ["tables", "multiposenet", *given, "--rows", rows]
    assert cli.main(list(map(str, command))) == 0
    printed = capsys.readouterr().out
    assert "true keypoints, true boxes" in printed and "89.4" in printed
    written = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert [row["name"] for row in written] == rows.split(",")
    assert written[0]["AP"] == pytest.approx(100) and written[1]["paper/AP"] == 89.4
    command = ["tables", "multiposenet", *given, "--rows", "2-whole"]
    assert cli.main(list(map(str, command))) == 1
    assert "2-whole: " in capsys.readouterr().err
