"""train pgpg, train dpg and figures proposals: from labels and detections to files."""

import json

import numpy as np
import pytest
from command_line import assert_one_line, names
from PIL import Image

from multiposenet.skeleton import COCO_17
from multiposenet.training.proposals import DPG, PGPG
from multiposenet.training.proposals.offsets import SIDES


@pytest.fixture
def files(tmp_path):
    """Annotations of 24 photos with a person each, and detections that are off a little."""
    rng = np.random.default_rng(0)
    images, annotations, found = [], [], []
    for number in range(1, 25):
        images.append({"id": number, "file_name": f"{number}.jpg", "width": 200, "height": 200})
        keypoints = np.column_stack([rng.uniform(50, 90, 17), np.linspace(20, 180, 17)])
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [50, 20, 40, 160],
                "keypoints": np.column_stack([keypoints, np.full(17, 2)]).ravel().tolist(),
            }
        )
        corner, size = rng.normal((50, 20), (2, 8)), rng.normal((40, 160), (2, 8))
        found.append({"image_id": number, "bbox": [*corner, *size], "score": 0.9})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    paths = tmp_path / "labels.json", tmp_path / "poses.json"
    for path, data in zip(paths, (content, found), strict=True):
        path.write_text(json.dumps(data))
    return ("--annotations", paths[0], "--detections", paths[1])


def test_train_both_and_compare(multiposenet, tmp_path, files):
    run = tmp_path / "run"
    status, text, errors = multiposenet("train", "pgpg", *files, "--run", run, "--set", "atoms=2")
    assert (status, text, errors) == (0, f"pgpg: wrote {run / 'pgpg.npz'}\n", [])
    assert len(PGPG.load(run / "pgpg.npz").atoms) == 2
    small = ("size=16", "features=4", "parts=1", "steps=2", "batch_size=4")
    status, text, _ = multiposenet("train", "dpg", *files, "--run", run, "--set", *small)
    assert status == 0 and text.endswith(f"dpg: wrote {run / 'dpg.weights.h5'}\n")
    assert DPG.load(run / "dpg.weights.h5").network.size == 16
    status, _, errors = multiposenet("train", "pgpg", *files, "--run", run)
    assert status == 2
    assert_one_line(errors, "pgpg.npz: file: the pgpg stage of this run is finished")

    out = tmp_path / "figure.png"
    arguments = (*files, "--run", run, "--out", out, "--json", "-")
    status, text, _ = multiposenet("figures", "proposals", *arguments)
    content = json.loads(text)
    assert (status, content["pairs"]) == (0, 24)
    assert [row["generator"] for row in content["rows"]] == ["PGPG", "DPG", "random"]
    for row in content["rows"]:
        assert row["mean"] == pytest.approx(sum(row[side] for side in SIDES) / 4)
        assert 0 <= row["mean"] <= 1
    assert content["rows"][0]["mean"] < content["rows"][2]["mean"]
    assert np.shape(content["detector"]) == (4, len(content["edges"]) - 1)
    with Image.open(out) as picture:
        assert min(picture.size) > 300 and np.asarray(picture).std() > 5


def test_without_a_run_every_other_photo_is_measured(multiposenet, tmp_path, files):
    out = tmp_path / "figure.png"
    status, text, _ = multiposenet("figures", "proposals", *files, "--out", out, "--json", "-")
    content = json.loads(text)
    assert (status, content["pairs"]) == (0, 12)
    rows = [row["generator"] for row in content["rows"]]
    assert rows == ["detector, other photos", "PGPG", "one mixture", "one Gaussian", "random"]
    again = multiposenet("figures", "proposals", *files, "--out", out, "--json", "-")
    assert again[1] == text
    _, text, _ = multiposenet("figures", "proposals", *files, "--out", out)
    lines = [line.split() for line in text.splitlines() if line.strip()]
    assert lines[0] == ["KS", "distance", *SIDES, "mean"] and lines[-1] == [str(out)]


@pytest.mark.parametrize(
    "arguments, part",
    (
        (("train", "pgpg", "--detections", "{found}"), "pgpg: --annotations: missing"),
        (("train", "dpg", "--annotations", "{labels}"), "dpg: --detections: missing"),
        (("train", "pgpg", "{both}", "--set", "atom=3"), "--set: atom: the recipe has no such"),
        (("train", "dpg", "{both}", "--set", "parts=0"), "--set: parts: 0 is out of range"),
        (("train", "pgpg", "{both}", "--set", "iou=1.5"), "--set: iou: 1.5 is out of range"),
        (("figures", "proposals", "{both}", "--run", "run"), "run: --run: no generator"),
        (("figures", "proposals", "{swapped}"), "poses.json: file: a JSON list"),
    ),
)
def test_what_is_wrong_is_named(multiposenet, tmp_path, monkeypatch, files, arguments, part):
    monkeypatch.chdir(tmp_path)
    _, labels, _, found = files
    words = []
    for argument in arguments:
        if argument == "{both}":
            words += files
        elif argument == "{swapped}":
            words += ["--annotations", found, "--detections", labels]
        else:
            words.append(argument.format(labels=labels, found=found))
    before = [name for name in names(tmp_path) if name != "run"]
    status, text, errors = multiposenet(*words, *(("--run", "run") if "train" in words else ()))
    assert (status, text) == (2, "")
    assert_one_line(errors, part)
    assert [name for name in names(tmp_path) if name != "run"] == before
