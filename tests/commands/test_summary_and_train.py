"""summary and train: parameters per block; arguments and recipe fields."""

import json

import pytest
from command_line import assert_one_line

from multiposenet.commands import train


def test_summary_counts_every_block(multiposenet):
    status, text, _ = multiposenet("summary", "--model", "multiposenet-r50", "--json", "-")
    assert status == 0
    summary = json.loads(text)
    blocks = {row["block"]: row["parameters"] for row in summary["blocks"]}
    assert list(blocks)[-1] == "PRN" and len(blocks) == 6
    cells = 56 * 36 * 17
    assert blocks["PRN"] == cells * 1024 + 1024 + 1024 * cells + cells
    assert blocks["backbone"] == 23_587_712  # ResNet-50 without its classifier
    assert summary["total"]["parameters"] == sum(blocks.values())


def test_summary_table(multiposenet):
    status, text, _ = multiposenet("summary")
    assert status == 0
    for word in ("backbone", "person subnet", "PRN", "total"):
        assert word in text


def test_train_passes_its_arguments_on(multiposenet, tmp_path, monkeypatch):
    from multiposenet.training import nano

    calls = []
    monkeypatch.setattr(nano, "train", lambda *args, **options: calls.append((args, options)))
    run = tmp_path / "run"
    options = ["--set", "epochs=7", "learning_rate=1", "--resume", "--json", "-"]
    status, text, _ = multiposenet("train", "prn", "--data", tmp_path, "--run", run, *options)
    assert status == 0
    assert json.loads(text) == {"stage": "prn", "files": [str(run / "prn.weights.h5")]}
    ((stage, data, folder), given), *_ = calls
    assert (stage, data, folder, given["resume"]) == ("prn", str(tmp_path), run, True)
    assert (given["recipe"].epochs, given["recipe"].learning_rate) == (7, 1.0)
    assert given["recipe"].seed == nano.RECIPES["prn"]().seed


@pytest.mark.parametrize(
    "change, problem",
    [("epoch=7", "no such field"), ("epochs=many", "'many' is no int"), ("epochs=1.5", "no int")],
)
def test_train_with_a_wrong_field(change, problem, multiposenet, tmp_path):
    arguments = ["prn", "--data", tmp_path, "--run", tmp_path / "run", "--set", change]
    status, _, errors = multiposenet("train", *arguments)
    assert status == 2
    assert_one_line(errors, "--set", problem)


def test_train_needs_data(multiposenet, tmp_path):
    status, _, errors = multiposenet("train", "prn", "--run", tmp_path)
    assert status == 2
    assert_one_line(errors, "--data")


def test_the_stages_are_those_of_the_training_code():
    from multiposenet.training import nano

    assert set(train.STAGES) == {*nano.PARTS, "release"}
