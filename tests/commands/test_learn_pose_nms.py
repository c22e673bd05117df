"""multiposenet learn-pose-nms: halves or other photos, the file for --pose-nms, bad input."""

import json

import pytest
from command_line import assert_one_line
from crowded import found, labels

from multiposenet.maths.suppression import PoseNMSParameters


@pytest.fixture
def files(tmp_path):
    """Annotations and detections, two of each."""
    paths = []
    for seed in range(2):
        annotations = labels(tmp_path / f"labels-{seed}.json")
        poses = tmp_path / f"poses-{seed}.json"
        poses.write_text(json.dumps(found(annotations, seed)))
        paths += [annotations.path, poses]
    return paths


def given(files):
    return ["learn-pose-nms", "--annotations", files[0], "--detections", files[1]]


@pytest.mark.parametrize("measure", ["AP", "mAP"])
def test_halves_of_the_photos(multiposenet, files, tmp_path, measure):
    out, table = tmp_path / "nms.json", tmp_path / "table.json"
    status, text, errors = multiposenet(
        *given(files), "--splits", 1, "--measure", measure, "--out", out, "--json", table
    )
    assert (status, errors) == (0, [])
    assert f"keypoints/{measure}" in text and "learnt is better by" in text and "sigma1" in text
    result = json.loads(table.read_text())
    assert [row["name"] for row in result["rows"]] == [
        "none", "hand-set", "oks", "overlap", "learnt",
    ]  # fmt: skip
    assert PoseNMSParameters.load(out) == PoseNMSParameters(**result["parameters"])
    assert result["poses"] == len(json.loads(files[1].read_text()))
    assert result["history"][-1]["parameters"] == result["parameters"]


def test_other_photos_are_held_out(multiposenet, files):
    others = ["--held-out-annotations", files[2], "--held-out-detections", files[3]]
    status, text, errors = multiposenet(*given(files), *others, "--json", "-")
    assert (status, errors) == (0, [])
    rows = {row["name"]: row for row in json.loads(text)["rows"]}
    assert rows["learnt"]["train/AP"] >= rows["hand-set"]["train/AP"]
    assert rows["learnt"]["held-out/AP"] > rows["none"]["held-out/AP"]
    assert set(rows["oks"]["parameters"]) == {"threshold"}


def test_bad_input(multiposenet, files, tmp_path):
    status, _, errors = multiposenet(*given(files), "--held-out-annotations", files[2])
    assert status == 2
    assert_one_line(errors, "--held-out-annotations, --held-out-detections", "give both")
    files[1].write_text("[]")
    status, _, errors = multiposenet(*given(files))
    assert status == 2
    assert_one_line(errors, files[1], "no pose")
    with pytest.raises(SystemExit):
        multiposenet(*given(files), "--splits", "0")
