"""Command lines made of what commands are made of, in any order."""

import contextlib
import io
import json
import os
import shutil

import numpy as np
import pytest
from attacked import in_time
from constant_model import crowd_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from multiposenet import cli, keras_start
from multiposenet.commands import bench, systems
from multiposenet.systems import catalogue
from multiposenet.training import pipeline
from multiposenet.training.datasets import synthetic
from multiposenet.training.registry import STAGES
from multiposenet.web import server


class Reached(BaseException):
    """What would take long was reached: all that was asked for is in order so far."""


def reach(*arguments, **options):
    raise Reached


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with photos, annotations and things that are neither."""
    folder = tmp_path_factory.mktemp("cli")
    synthetic.write(folder / "set", photos=2, seed=1, size=(64, 64), people=(1, 2))
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (48, 64, 3), np.uint8)).save(folder / "a.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    (folder / "empty").mkdir()
    (folder / "poses.json").write_text("[]")
    (folder / "bad.json").write_text('{"images": 3}')
    (folder / "file.txt").write_text("text")
    (folder / "bad.yaml").write_text("keypoints: 7")
    return folder


@pytest.fixture(autouse=True)
def light(place, monkeypatch):
    """No network is made; and nothing is written outside of the folder."""
    model = crowd_of(2)
    monkeypatch.setattr(systems, "load", lambda args, runtime=None, **options: model)
    monkeypatch.setattr(keras_start, "import_keras", reach)
    monkeypatch.setattr(pipeline, "train", reach)
    monkeypatch.setattr(bench, "measure", reach)
    monkeypatch.setattr(server, "serving", reach)
    for name in ("untrained", "parameters"):
        monkeypatch.setattr(catalogue, name, reach)
    monkeypatch.chdir(place)


VALUES = [
    *("a.png", "set", "set/photos", "set/annotations.json", "broken.jpg", "empty", "poses.json"),
    *("bad.json", "file.txt", "bad.yaml", "none", "*.png", "[", "", " ", "-", "--", "\u20ac", "\0"),
    *("out", "out/deep/er", "file.txt/x", "x" * 300, "/dev/null", "/proc/none", ".", "..", "~"),
    *("0", "1", "-1", "32", "64", "1e9", "999999999999", "nan", "inf", "0.5", "2", "64x96", "1,3"),
    *(
        "a=b",
        "steps=3",
        "steps=x",
        "steps={[]:1}",
        "seed=" + "-" * 20_000 + "1",
        "learning_rate=" + "9" * 400,
        "learning_rate=1e999",
        "seed=99999999999",
        "=",
        "score=0.5",
        "nms_iou=2",
        "coco:set",
        "coco:",
        ":",
        "x:y",
    ),
    *(
        "coco_17",
        "mpii_16",
        "multiposenet-nano",
        "sppe-nano",
        "keypoints",
        "keypoints,boxes",
        "pck",
    ),
    *("keras", "onnx", "auto", "openvino", "rmpe", "multiposenet", "nano", "paper", *STAGES),
]


def vocabulary(verb):
    """The options of a verb."""
    (verbs,) = cli.parser()._subparsers._group_actions
    return [flag for action in verbs.choices[verb]._actions for flag in action.option_strings]


OPTIONS = {verb: vocabulary(verb) for verb in cli.VERBS}


@st.composite
def command_lines(draw):
    verb = draw(st.sampled_from([*cli.VERBS] * 4 + ["nothing", ""]))
    line = [verb]
    for _ in range(draw(st.integers(0, 6))):
        kind = draw(st.sampled_from(("value", "option", "pair", "pair", "text")))
        if kind != "value" and kind != "text" and OPTIONS.get(verb):
            line.append(draw(st.sampled_from(OPTIONS[verb])))
        if kind in ("value", "pair"):
            line.append(draw(st.sampled_from(VALUES)))
        if kind == "text":
            line.append(draw(st.text(max_size=8)))
    return line


# Such command lines are right but for one value, so that they come far.
USUAL = [
    ["predict", "a.png", "broken.jpg", "--out", "out", "--json", "out/all.json"],
    ["predict", "set/photos", "--out", "out", "--size", "64", "--score", "0.5"],
    ["evaluate", "--annotations", "set/annotations.json", "--images", "set/photos"],
    ["evaluate", "--images", "set/photos", "--json", "-"],
    ["inspect", "coco:set", "--out", "out"],
    ["inspect", "coco:set", "--repair", "out/repaired.json"],
    ["train", "prn", "--data", "coco:set", "--run", "out/run", "--set", "epochs=3"],
    ["train", "keypoints", "--data", "coco:set", "--run", "out/run", "--workers", "1"],
    ["export", "--format", "onnx", "--out", "out/a.onnx", "--photos", "set/photos"],
    ["bench", "--people", "1,3", "--size", "64x96"],
    ["learn-pose-nms", "--annotations", "set/annotations.json", "--detections", "poses.json"],
    ["figures", "parameters"],
    ["serve", "--port", "0", "--max-clip", "30"],
    ["tables", "prn", "--annotations", "set/annotations.json"],
]


@st.composite
def nearly_usual(draw):
    line = list(draw(st.sampled_from(USUAL)))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(1, len(line)))
        if draw(st.booleans()):
            line[at : at + 1] = [draw(st.sampled_from(VALUES) | st.text(max_size=8))]
        else:
            line[at:at] = [draw(st.sampled_from([*OPTIONS[line[0]], *VALUES]))]
    return line


def run(line):
    """Exit status and what was said; None if the line came as far as a network."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), in_time():
        try:
            status = cli.main(line)
        except Reached:
            status = None
        except SystemExit as end:
            status = end.code
    return status, out.getvalue(), err.getvalue()


def check(place, line):
    kept = {name: (place / name).read_bytes() for name in ("a.png", "bad.json", "poses.json")}
    try:
        status, out, err = run(line)
        assert status in (None, 0, 1, 2), (line, status)
        assert "Traceback" not in err
        said = err.splitlines()
        if status in (1, 2):
            found = out.splitlines() if line[0] == "inspect" and status == 1 else []
            told = [each for each in said + found if ": " in each]
            assert told, (line, err)
        if status == 0 and line[-2:] == ["--json", "-"] and not out.startswith("usage: "):
            json.loads(out)
        for name, content in kept.items():
            assert (place / name).read_bytes() == content or name in line, line
    finally:
        os.chdir(place)
        for name in ("out", "multiposenet-out", "runs", "none"):
            shutil.rmtree(place / name, ignore_errors=True)
        for name, content in kept.items():
            (place / name).write_bytes(content)


@given(command_lines())
def test_any_command_line(place, line):
    check(place, line)


@given(nearly_usual())
def test_a_command_line_that_is_nearly_right(place, line):
    check(place, line)


@pytest.mark.parametrize("line", USUAL, ids=lambda line: " ".join(line[:3]))
def test_what_is_not_attacked_is_right(place, line):
    status, _, err = run(line)
    # One photo is broken, and the stub finds nobody where there is somebody.
    wanted = {"predict": (0, 1), "evaluate": (0, 1)}
    assert status in wanted.get(line[0], (0, None)), err
