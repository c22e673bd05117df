"""AP against the number of photos: which photos, what is trained once, the plot."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from multiposenet.poses import Poses
from multiposenet.skeleton import LSP_14
from multiposenet.training.datasets import synthetic

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "few_photos.py"
_SPEC = importlib.util.spec_from_file_location("few_photos", FILE)
few_photos = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(few_photos)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    for seed, name in enumerate(("train", "test")):
        options = {"size": (64, 64), "people": (1, 1), "skeleton": LSP_14}
        synthetic.write(folder / name, photos=4, seed=seed, **options)
    return folder


def test_fewer_photos_are_among_more(data):
    content = json.loads((data / "train" / "annotations.json").read_text())
    two, three = (few_photos.subset(content, count) for count in (2, 3))
    ids = [[image["id"] for image in one["images"]] for one in (two, three)]
    assert ids[1][:2] == ids[0] and len(ids[1]) == 3
    assert {row["image_id"] for row in two["annotations"]} == set(ids[0])
    assert two["categories"] == content["categories"]
    with pytest.raises(SystemExit, match="has 4 photos, 9 are asked for"):
        few_photos.write_subset(data / "train", 9, data / "x.json")


def test_each_start_is_trained_once_and_measured(data, tmp_path, monkeypatch):
    labels = few_photos.CocoAnnotations.load(data / "test" / "annotations.json")
    truth = {record.file_name: record for record in labels.images}
    asked = []

    def fit(given, **options):
        asked.append((given.name, options["start"], options["settings"], options["resume"]))

        def pose(photo, score):
            record, off = truth[photo.name], 0 if options["start"] else 500
            size = Image.open(photo).size[::-1]
            return Poses(
                record.boxes, np.ones(1), record.keypoints[..., :2] + off, np.ones((1, 14)),
                np.ones(1), LSP_14, size,
            )  # fmt: skip

        return pose

    monkeypatch.setattr(few_photos.multiposenet, "fit", fit)
    run = ["--run", str(tmp_path / "run"), "--tests", "3", "--set", "steps=2", "frozen=C2"]
    few_photos.main([str(data), *run, "--counts", "1"])
    few_photos.main([str(data), *run, "--counts", "1", "2"])
    assert [call[:2] for call in asked] == [
        (f"train-{count}.json", start) for count in (1, 2) for start in ("multiposenet-nano", None)
    ]
    assert asked[0][2:] == ({"steps": 2, "frozen": "C2"}, False)
    assert asked[1][2]["keypoints.pretrained"] == "imagenet" and asked[1][2]["steps"] == 2
    rows = few_photos.results(tmp_path / "run" / "results.jsonl")
    assert [(row["photos"], row["AP"]) for row in rows] == [(1, 1), (1, 0), (2, 1), (2, 0)]
    assert Image.open(tmp_path / "run" / "few-photos.png").width > 500
    with pytest.raises(SystemExit, match="not of .*'seed': 5.*; name another --run"):
        few_photos.main([str(data), *run, "--counts", "1", "--seed", "5"])
