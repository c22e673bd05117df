"""convert: what is written, what is said to be lost, and what is not replaced."""

import json

import numpy as np
import pytest
from command_line import assert_one_line, names

from multiposenet import label_formats
from multiposenet.skeleton import COCO_17
from multiposenet.training import datasets


def test_there_and_back_with_photos(multiposenet, tmp_path, clean):
    """Synthetic scenes, through YOLO's folder; its samples teach what those of the original do."""
    yolo, back = f"yolo:{tmp_path / 'yolo'}", tmp_path / "back.json"
    status, text, errors = multiposenet("convert", f"coco:{clean}", yolo, "--photos")
    assert status == 0 and "persons: " in text
    assert any("outlines: not held" in line for line in errors)
    assert any("crowds: not held" in line for line in errors)
    status, _, errors = multiposenet("convert", yolo, back)
    assert (status, errors) == (0, [])
    original = label_formats.read(f"coco:{clean}").annotations
    again = label_formats.read(str(back)).annotations
    kept = ~original.persons.crowd
    assert again.persons.keypoints == pytest.approx(original.persons.keypoints[kept], abs=1e-6)
    assert again.skeleton == COCO_17
    one, other = datasets.read(f"coco:{clean}"), datasets.read(yolo)
    for first, second in zip(one, other, strict=True):
        assert first.path.name == second.path.name and second.path.is_file()
        assert second.keypoints == pytest.approx(first.keypoints, abs=1e-4)
        assert second.boxes == pytest.approx(first.boxes, abs=1e-4)
        assert (second.labelled == first.labelled).all()
    assert datasets.skeleton_of(yolo) == COCO_17


def test_every_tool_is_a_data_set(multiposenet, tmp_path, clean):
    wanted = [sample.keypoints for sample in datasets.read(f"coco:{clean}") if len(sample)]
    for kind in ("cvat", "labelme", "label-studio"):
        target = f"{kind}:{tmp_path / kind}"
        assert multiposenet("convert", f"coco:{clean}", target, "--photos")[0] == 0
        samples = [sample for sample in datasets.read(target) if len(sample)]
        assert all(sample.path.is_file() for sample in samples)
        for sample, keypoints in zip(samples, wanted, strict=True):
            assert sample.keypoints == pytest.approx(keypoints, abs=1e-3)
        status, text, _ = multiposenet("inspect", target, "--no-decode", "--json", "-")
        assert json.loads(text)["persons"] == sum(map(len, wanted))


def test_the_result_as_json(multiposenet, tmp_path, clean):
    target = tmp_path / "a.xml"
    status, text, _ = multiposenet("convert", f"coco:{clean}", target, "--json", "-")
    result = json.loads(text)
    assert status == 0 and result["photos"] == 4 and result["lost"]["of A"] == {}
    assert "areas other than the box's" in result["lost"]["in B"]
    assert result["files"] == [str(target), str(tmp_path / "a.skeleton.yaml")]


def test_nothing_is_replaced_unasked(multiposenet, tmp_path, clean):
    for target in ("a.json", "a.xml", "labelme:l", "yolo:y", "label-studio:s/t.json"):
        kind, colon, path = target.rpartition(":")
        target = f"{kind}{colon}{tmp_path / path}"
        arguments = ("convert", f"coco:{clean}", target)
        assert multiposenet(*arguments)[0] == 0
        before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
        status, _, errors = multiposenet(*arguments)
        assert status == 2
        assert_one_line(errors, "B: is there; name another place, or replace it with --overwrite")
        assert multiposenet(*arguments, "--overwrite")[0] == 0
        assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["{clean}/annotations.json", "b.txt"], "b.txt: format: not known by the name"),
        (["{clean}/annotations.json", "b.json", "--photos"], "photos: have no place beside a file"),
        (["{clean}/annotations.json", "labelme:b", "--photos"], "name it by --images"),
        (["nowhere.json", "b.xml"], "nowhere.json"),
        (["coco:{clean}", "b.xml", "--skeleton", "x"], "x: skeleton: unknown name"),
    ],
)
def test_what_cannot_be(multiposenet, tmp_path, clean, monkeypatch, arguments, told):
    monkeypatch.chdir(tmp_path)
    status, _, errors = multiposenet("convert", *[a.format(clean=clean) for a in arguments])
    assert status == 2 and told in errors[-1]


def test_a_photo_that_is_missing_costs_itself(multiposenet, tmp_path, clean):
    from shutil import copytree

    broken = copytree(clean, tmp_path / "broken")
    (broken / "photos" / "000001.jpg").unlink()
    target = tmp_path / "out"
    status, _, errors = multiposenet("convert", f"coco:{broken}", f"coco:{target}", "--photos")
    assert status == 1
    assert_one_line(errors, "000001.jpg: photo: No such file")
    assert len(names(target / "photos")) == 3


def test_the_same_labels_train_the_same_network_in_any_format(multiposenet, tmp_path, clean):
    """Patches, heatmaps, anchors and matched boxes of YOLO's text are those of COCO's JSON."""
    from multiposenet.maths.anchors import AnchorSpec
    from multiposenet.training import recipes
    from multiposenet.training.stages.keypoints import KeypointBatches
    from multiposenet.training.stages.person import PersonBatches

    text, plain = f"yolo:{tmp_path / 'yolo'}", f"coco:{tmp_path / 'plain'}"
    assert multiposenet("convert", f"coco:{clean}", text, "--photos")[0] == 0
    assert multiposenet("convert", text, plain, "--photos")[0] == 0
    for original, written in zip(
        datasets.read(f"coco:{clean}", COCO_17), datasets.read(text, COCO_17), strict=True
    ):
        np.testing.assert_allclose(written.keypoints, original.keypoints, atol=1e-4)
        np.testing.assert_allclose(written.boxes, original.boxes, atol=1e-4)
    made = []
    for name in (text, plain):
        samples, flips = datasets.read(name, COCO_17), COCO_17.flip_indices
        small = recipes.SmallKeypoints(batch_size=4, patch_sizes=((0.0, 64),))
        anchors = AnchorSpec(sizes=(16, 32), strides=(8, 16))
        persons = recipes.SmallPerson(batch_size=4, patch_size=128)
        people = PersonBatches(samples, persons, anchors, flips)
        made.append([KeypointBatches(samples, small, flips), people])
    for ours, theirs in zip(*made, strict=True):
        assert len(ours.samples) == len(theirs.samples) == 4
        for step in range(3):
            (x, y), (other, labels) = ours(step), theirs(step)
            np.testing.assert_array_equal(x, other)
            for part in y:
                np.testing.assert_array_equal(y[part], labels[part])
