"""Many visitors, shortly, on a system that finds rectangles."""

import pytest
import web_load
from command_line import paint
from rectangles import rectangle_finder

from multiposenet.web import server
from multiposenet.web.choices import Choices
from multiposenet.web.limits import Limits

pytest.importorskip("gradio", reason="Gradio is not installed; pip install multiposenet[web]")


def test_right_and_wrong_answers_are_counted(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pose = rectangle_finder()
    good = [paint(tmp_path / "a.png"), paint(tmp_path / "b.png", [])]
    bad = [tmp_path / "text.png"]
    bad[0].write_text("no image")
    expected = {path: pose(path).to_coco(1, file_name=path.name) for path in good}
    memory = iter(range(100))
    with server.serving(Choices(lambda *names: pose, ["s"], ["m"]), Limits()) as url:
        found = web_load.load(url, good, bad, expected, 3, 4, lambda: next(memory))
        assert (found["uploads"], found["right"], found["wrong"]) == (12, 12, 0)
        assert found["memory"] == [0, 1, 2, 3, 4]
        swapped = {good[0]: expected[good[1]], good[1]: expected[good[0]]}
        found = web_load.load(url, good, bad, swapped, 1, 2)
    assert (found["right"], found["wrong"]) == (1, 1)


def test_files(tmp_path):
    good, bad = web_load.write_uploads(tmp_path, 4)
    assert len(good) == len(bad) == 4 and bad[1].read_text() == "no image"
    assert good[0].read_bytes().startswith(bad[0].read_bytes())
