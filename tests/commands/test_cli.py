"""The command line as a whole: usage, progress, files written whole."""

import json

import pytest
from command_line import names

from multiposenet import cli
from multiposenet.commands import console, result_files


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["fly"],
        ["predict", "--score", "2"],
        ["predict", "--score", "nan"],
        ["predict", "--size", "12"],
        ["predict", "--size", "x"],
        ["evaluate"],
        ["evaluate", "--images", ".", "--metrics", "keypoints,hats"],
        ["train", "sleep"],
        ["train", "prn", "--set", "steps"],
    ],
)
def test_wrong_usage(argv, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(argv)
    assert end.value.code == 2
    assert "usage: multiposenet" in capsys.readouterr().err


def test_progress_is_shown_on_a_terminal_only(capsys, monkeypatch):
    assert list(console.progress(iter("abc"), 3, "work")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(console.progress(iter("abc"), 3, "work")) == ["a", "b", "c"]
    text = capsys.readouterr()
    assert "work" in text.err and text.out == ""


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    target = tmp_path / "r.json"
    result_files.write_json(target, [{"a": 1}, {"a": 2}])
    assert json.loads(target.read_text()) == [{"a": 1}, {"a": 2}]
    with pytest.raises(ValueError):
        result_files.write_json(target, [float("nan")])
    output_size = target.stat().st_size
    target.with_name("folder").mkdir()
    with pytest.raises(OSError):
        result_files.write_json(tmp_path / "folder", [3])  # the rename fails
    assert target.stat().st_size == output_size
    assert names(tmp_path) == ["folder", "r.json"]
