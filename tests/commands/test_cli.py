"""The command line as a whole: usage, progress, files written whole."""

import io
import json
import subprocess
import sys

import pytest
from command_line import assert_one_line, names

from multiposenet import __version__, cli
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


def test_python_m():
    command = [sys.executable, "-m", "multiposenet", "--version"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert (answer.returncode, answer.stdout) == (0, f"multiposenet {__version__}\n")


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


@pytest.mark.parametrize(
    "argv",
    [
        ["predict", "a.png", "--json", "a.png"],
        ["predict", "b.png", "a.png", "--json", "./sub/../a.png"],
        ["evaluate", "--annotations", "set/annotations.json", "--images", "set", "--json", "link"],
        ["inspect", "set/annotations.json", "--repair", "set/annotations.json"],
        ["inspect", "coco:set", "--repair", "set/annotations.json"],
        ["inspect", "coco:set", "--skeleton", "own.yaml", "--write-skeleton", "own.yaml"],
        ["bench", "--photo", "a.png", "--plot", "a.png"],
        ["train", "prn", "--data", "lsp:x", "--data", "coco:set", "--json", "link"],
    ],
    ids=lambda argv: " ".join(argv[:1] + argv[-2:]),
)
def test_what_is_read_is_not_written(argv, multiposenet, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("set", "sub"):
        (tmp_path / name).mkdir()
    files = [tmp_path / name for name in ("a.png", "b.png", "own.yaml", "set/annotations.json")]
    for file in files:
        file.write_text("of the user")
    (tmp_path / "link").symlink_to(files[-1])
    status, text, errors = multiposenet(*argv)
    assert (status, text) == (2, "")
    assert_one_line(errors, argv[-1], argv[-2], "is also to be read; name another file")
    assert all(file.read_text() == "of the user" for file in files)


def test_zero_bytes_are_one_line(multiposenet):
    status, text, errors = multiposenet("summary", "--json", "a\0b")
    assert (status, text) == (2, "")
    assert_one_line(errors, "arguments: one has a zero byte")


def test_terminals_get_nothing_to_obey(capsys):
    """Names of photos and keypoints are other people's texts."""
    bad = "a\x1b[2Jb\rc\u202ed\x07\ud800"
    console.report(f"{bad}: file: missing")
    console.say(f"{bad}\nZoë 漢字\u3000x\u00a0y")
    console.print_table([bad, bad], [[bad, bad]])
    out, err = capsys.readouterr()
    shown = (out + err).replace("\n", "")
    assert "\\x1b[2Jb" in err and "\\x1b[2Jb\\rc\\u202ed\\x07\\ud800" in out
    assert "Zoë 漢字\u3000x\u00a0y" in out
    assert all(letter.isprintable() for letter in shown.replace("\u3000", "").replace("\u00a0", ""))


@pytest.mark.parametrize("coding", ["ascii", "cp1252", "utf-8"])
def test_json_on_a_stdout_of_any_encoding(tmp_path, monkeypatch, coding):
    result = [{"file_name": "Zoë 漢字 \U0001f9d1.jpg"}, {"score": 0.5}]
    path = tmp_path / "r.json"
    result_files.write_json(path, result)
    for write in (
        lambda: result_files.write_json("-", result),
        lambda: result_files.copy(path, "-"),
    ):
        stdout = io.TextIOWrapper(io.BytesIO(), encoding=coding)
        with monkeypatch.context() as patch:
            patch.setattr("sys.stdout", stdout)
            write()
        stdout.flush()
        assert json.loads(stdout.buffer.getvalue().decode(coding)) == result
