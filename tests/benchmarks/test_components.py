"""The hot places agree with their plain versions, and are faster."""

import json
from functools import partial

import components
import pytest
from constant_model import crowd_of

from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import COCO_17
from multiposenet.systems.estimator import Estimator

SMALL = {"heatmaps": 1, "oks": 20, "nms": 40, "grouping": 20, "coco": 30, "json": 100}


@pytest.mark.parametrize("name", SMALL)
def test_components_agree_with_the_plain_way_and_are_faster(name):
    row = components.measure(name, 2, SMALL[name])
    assert row["difference"] < 1e-5
    assert row["ratio"] > 1.5 or name in ("nms", "coco")  # too little work to be worth it


def test_a_video_by_stream_and_frame_by_frame(monkeypatch):
    plain, seen = crowd_of(3).model, []

    def moving(images, names):
        seen.append(images[:, :, :32].mean())  # the people move, so that every frame differs
        found = plain(images, names)
        return {**found, "keypoints": found["keypoints"] + seen[-1]}

    model = ExportedModel(moving, COCO_17, None, {}, "none")
    monkeypatch.setattr("multiposenet.systems.estimator.load", lambda name: Estimator(model, 64))
    assert components.measure("video", 1)["difference"] == 0
    assert len(seen) == 4 * 16 and len(set(seen[:16])) == 16


def test_the_command(monkeypatch, capsys):
    monkeypatch.setitem(components.COMPONENTS, "oks", partial(components.oks, 5))
    assert components.main(["oks", "--rounds", "1", "--json", "-"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["component"] == "oks" and row["difference"] < 1e-12
    for wrong in (["none"], ["--rounds", "0"]):
        with pytest.raises(SystemExit):
            components.main(wrong)
