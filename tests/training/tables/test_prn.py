"""Table 3 on a tiny label file: rows are trained once, resumed, measured; bad input is told."""

import json

import keras
import numpy as np
import pytest
from prn_labels import crowd_of, write

from multiposenet import cli
from multiposenet.errors import InputError
from multiposenet.training import recipes
from multiposenet.training.grouping import assignment
from multiposenet.training.tables import prn

QUICK = {"epochs": 1, "coarse_epochs": 1, "batch_size": 8, "precision": "float32"}


@pytest.fixture
def files(tmp_path):
    people = crowd_of(12, 0) + crowd_of(5, 1, image=2)
    return [write(tmp_path / name, people).path for name in ("val.json", "train.json")]


def command(*arguments):
    return cli.main(["tables", "prn", *map(str, arguments)])


def quick():
    return [word for name, value in QUICK.items() for word in ("--set", f"{name}={value}")]


def test_rows_of_the_paper():
    rows = {row.name: row for row in prn.ROWS}
    assert {name: row.paper[0] for name, row in rows.items() if row.paper} == {
        "50": 76.3, "50-D": 78.6, "512-D": 84.1, "2x512-D": 81.9, "2048-D-R": 83.2,
        "1024-D-R": 89.4,
    }  # fmt: skip
    assert rows["2x512-D"].network == {
        "nodes": 512, "dropout": 0.5, "residual": False, "hidden": 2,
    }  # fmt: skip
    assert not rows["no-curriculum"].curriculum
    assert rows["no-curriculum"].network == rows["1024-D-R"].network
    assert recipes.TablePRN().curriculum > 0


def test_command(files, tmp_path, capsys):
    val, train = files
    run, out = tmp_path / "run", tmp_path / "table.json"
    base = ["--annotations", val, "--run", run, "--json", out]
    rows = "50-D,ucr,max,nearest,perfect"
    assert command(*base, "--train", train, "--rows", rows, *quick()) == 0
    printed = capsys.readouterr().out
    assert "50 N, D" in printed and "78.6" in printed and "perfect" in printed
    found = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert list(found) == ["50-D", "max", "ucr", "nearest", "perfect"]  # the table's order
    assert found["50-D"]["paper/AP"] == 78.6 and "paper/AP" not in found["max"]
    assert found["50-D"]["parameters"] == 2 * 50 * 36 * 56 * 3 + 50 + 36 * 56 * 3
    for row in found.values():
        for column in ("assignment", "localisation"):
            for name in prn.FIGURES:
                assert -100 <= row[f"{column}/{name}"] <= 100
        assert {"each/AP", "greedy/AP", "parameters"} <= set(row)
    assert found["perfect"]["each/AP"] > found["max"]["each/AP"] + 20
    assert found["ucr"]["assignment/AP"] != found["max"]["assignment/AP"]
    # Weights are found again, without training labels.
    trained = (run / "50-D.weights.h5").read_bytes()
    assert command(*base, "--rows", "50-D,ucr") == 0
    again = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert again == {name: found[name] for name in ("50-D", "ucr")}
    assert (run / "50-D.weights.h5").read_bytes() == trained


def test_without_training_labels(files, tmp_path, capsys):
    val, _ = files
    status = command("--annotations", val, "--run", tmp_path / "run", "--rows", "50,max",
                     "--json", "-")  # fmt: skip
    captured = capsys.readouterr()
    assert status == 1 and "50: not trained: give --train" in captured.err
    first, second = json.loads(captured.out)["rows"]
    assert "missing" in first and first["paper/AP"] == 76.3 and "assignment/AP" not in first
    assert "missing" not in second


def test_train_labels_beside_the_annotations_are_found(tmp_path):
    assert prn.default_train(tmp_path / "val.json") is None
    packed = tmp_path / "person_keypoints_train2017.json.gz"
    packed.touch()
    assert prn.default_train(tmp_path / "val.json") == packed


def test_bad_input(files, tmp_path, capsys):
    val, train = files
    base = ["--annotations", val, "--run", tmp_path / "run"]
    for arguments, words in (
        (["--rows", "51"], "--rows: 51: no such row; use some of 50, 50-D"),
        (["--set", "width=3"], "width"),
        (["--rows", "50", "--train", tmp_path / "none.json"], "none.json: file"),
    ):
        assert command(*base, *arguments) == 2
        assert words in capsys.readouterr().err
    (tmp_path / "run" / "50.weights.h5").write_bytes(b"broken")
    assert command(*base, "--rows", "50") == 2
    assert "50.weights.h5: weights: damaged" in capsys.readouterr().err


def test_other_keypoints_in_the_training_labels(files, tmp_path):
    val, _ = files
    content = json.loads(val.read_text())
    content["categories"][0]["keypoints"] = ["nose", "left_knee", "right_knee"]
    other = tmp_path / "other.json"
    other.write_text(json.dumps(content))
    table = prn.PRNTable(write(tmp_path / "again.json", crowd_of(3, 0)), tmp_path / "run", other)
    with pytest.raises(InputError, match="other.json: keypoints: not those of .*again.json"):
        table.measure(prn.choose(["ucr"])[0])


def test_a_row_goes_on_where_it_was_stopped(files, tmp_path, monkeypatch):
    """A row that is interrupted and run again ends with the weights of one that was not."""
    val, train = files
    annotations = write(tmp_path / "v.json", crowd_of(6, 0))
    row = prn.PRNRow("tiny", "tiny", network={"nodes": 4})
    recipe = recipes.TablePRN(**QUICK | {"epochs": 4, "coarse_epochs": 0})

    def table(run):
        return prn.PRNTable(annotations, tmp_path / run, train, recipe)

    whole = table("whole").measure(row)
    fit = prn.prn.fitting.fit

    def stopped(stage, batches, recipe, *, steps, **options):
        def until(step):
            if step >= 5:
                raise KeyboardInterrupt
            return batches(step)

        until.fingerprint = batches.fingerprint
        fit(stage, until, recipe, steps=steps, checkpoint_every=3, **options)

    monkeypatch.setattr(prn.prn.fitting, "fit", stopped)
    with pytest.raises(KeyboardInterrupt):
        table("parts").measure(row)
    monkeypatch.setattr(prn.prn.fitting, "fit", fit)
    assert table("parts").measure(row) == whole
    for run in ("whole", "parts"):
        assert (tmp_path / run / "tiny.weights.h5").exists()


def test_curriculum_is_the_only_difference_of_its_row(files, tmp_path, monkeypatch):
    used = {}
    monkeypatch.setattr(
        prn.prn, "train", lambda net, people, recipe, *rest, **more: used.update({net: recipe})
    )
    row = prn.PRNRow("with", "with", network={"nodes": 2})
    without = prn.PRNRow("without", "without", network={"nodes": 2}, curriculum=False)
    table = prn.PRNTable(write(tmp_path / "v.json", crowd_of(4, 0)), tmp_path / "run", files[1])
    (tmp_path / "run").mkdir()
    for each in (row, without):
        table.measure(each)
    first, second = used.values()
    assert first.curriculum == recipes.TablePRN().curriculum and second.curriculum == 0
    assert prn.replace(first, curriculum=0.0) == second
    weights = [keras.ops.convert_to_numpy(net.phi.weights[0]) for net in used]
    np.testing.assert_array_equal(*weights)  # one start for all


def test_every_rule_and_place_is_checked(files):
    assigned = assignment.AssignmentScores(None, write(files[0].parent / "c.json", crowd_of(2, 0)))
    with pytest.raises(ValueError, match="rule, place: 'best'"):
        assigned.evaluate("best")
