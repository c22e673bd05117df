"""bench: a row for each number of people, from images that show as many."""

import json

import numpy as np
import pytest
from instant_export import exports_are_the_model
from random_model import random_model
from rectangles import rectangle_finder

from multiposenet.commands import systems
from multiposenet.evaluation import speed
from multiposenet.systems.estimator import Estimator
from multiposenet.training.figures import speed as speed_figure


@pytest.fixture(scope="module")
def model():
    """Built, and its graph made, once."""
    return random_model()


@pytest.fixture
def random_nano(monkeypatch, model):
    def load(args, **options):
        return Estimator(model, score=0.0, **options)

    monkeypatch.setattr(systems, "load", load)


def test_rows(multiposenet, random_nano):
    options = ("--size", "64x128", "--people", "1,3", "--rounds", "3", "--json", "-")
    status, text, _ = multiposenet("bench", *options)
    assert status == 0
    content = json.loads(text)
    assert content["size"] == "64x128" and [row["people"] for row in content["rows"]] == [1, 3]
    for row in content["rows"]:
        assert row["fps"] == pytest.approx(1000 / row["total_ms"])
        assert row["ratio"] > 0.5 and row["network_ms"] > 0 and row["spread_ms"] >= 0
        assert 0 <= row["found"] <= 3


def test_table(multiposenet, random_nano):
    status, text, _ = multiposenet("bench", "--size", "64x64", "--people", "2", "--rounds", "1")
    assert status == 0 and "network ms" in text


def test_a_system_of_several_networks_is_loaded_for_each_runtime(multiposenet, monkeypatch):
    loaded = []

    def load(args, runtime=None, **options):
        loaded.append((args.system, runtime, options))
        return rectangle_finder(score=0.2)

    monkeypatch.setattr(systems, "load", load)
    given = ("--system", "rmpe", "--size", "64x96", "--people", "1", "--rounds", "1")
    status, text, _ = multiposenet("bench", *given, "--runtime", "openvino,keras", "--json", "-")
    rows = json.loads(text)["rows"]
    assert status == 0 and [row["runtime"] for row in rows] == ["openvino", "keras"]
    assert loaded == [("rmpe", name, {"image_size": 96}) for name in ("openvino", "keras")]
    assert rows[0]["network_ms"] is None
    status, _, told = multiposenet("bench", *given, "--runtime", "openvino-int8")
    assert status == 2 and "openvino-int8 does not run RMPE" in told[0]


@pytest.mark.parametrize(
    "wrong", [("--size", "480x490"), ("--size", "64"), ("--people", "0"), ("--rounds", "none")]
)
def test_wrong_arguments(multiposenet, wrong):
    with pytest.raises(SystemExit) as end:
        multiposenet("bench", *wrong)
    assert end.value.code == 2


def test_functions_are_timed_in_turn():
    order = []
    functions = {name: lambda name=name: order.append(name) for name in "ab"}
    seconds = speed.interleaved(functions, rounds=3, warmup=1)
    assert order == ["a", "b"] + ["a", "b"] * 3
    assert {name: len(values) for name, values in seconds.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_a_crowd_shows_everybody_whole(count):
    person = np.zeros((60, 40, 3), np.uint8)
    person[10:50, 10:30] = 255  # one white block each
    image = speed.crowd(person, count, (384, 576))
    assert image.shape == (384, 576, 3)
    import cv2

    found, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 200).astype(np.uint8))
    assert found - 1 == count
    areas = stats[1:, cv2.CC_STAT_AREA]
    assert areas.max() - areas.min() <= 0.1 * areas.max()


def test_runtimes_and_batches_and_plot(multiposenet, random_nano, model, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    exports_are_the_model(monkeypatch, model)  # test_export_command.py times a real one
    options = ("--size", "64x64", "--people", "1,2", "--rounds", "2", "--batch", "1,2")
    status, text, _ = multiposenet(
        "bench",
        *options,
        "--runtime",
        "keras,openvino",
        "--plot",
        tmp_path / "a.png",
        "--json",
        "-",
    )
    assert status == 0 and (tmp_path / "a.png").stat().st_size > 1000
    rows = json.loads(text)["rows"]
    assert [(row["runtime"], row["batch"], row["people"]) for row in rows] == [
        (runtime, batch, people)
        for runtime in ("keras", "openvino")
        for batch in (1, 2)
        for people in (1, 2)
    ]
    assert all(row["speedup"] == 1 for row in rows[:4]) and all(row["fps"] > 0 for row in rows)


def test_the_papers_curve():
    assert speed_figure.paper_fps([1, 20]) == pytest.approx([1000 / 37, 1000 / 75])
