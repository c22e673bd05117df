"""The functions behind the page's widgets, called as Gradio calls them."""

import json
from types import SimpleNamespace

import pytest
from PIL import Image

from multiposenet.errors import WeightsError
from multiposenet.web.choices import Choices
from multiposenet.web.limits import Limits

gradio = pytest.importorskip("gradio", reason="no Gradio; pip install multiposenet[web]")
page_module = pytest.importorskip("multiposenet.web.page")

LAYERS = ["skeleton", "boxes"]


@pytest.fixture
def page(choices, tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "results"))
    return page_module.Page(choices, Limits(), tmp_path / "results")


def find(page, paths, score=0.2):
    names = [str(path) for path in paths]
    return page.find(names, None, "multiposenet", "one", LAYERS, score, progress=None)


def test_found_and_drawn_again(page, uploads, network):
    seen, shown, picture, clip, message, table, drawn, written, heatmap = find(
        page, [upload.path for upload in uploads]
    )
    runs = len(network)
    assert shown.visible and len(shown.choices) == 3 and not clip.visible and not heatmap.visible
    assert message.splitlines()[0] == "a.png: 2 people" and len(table.value["data"]) == 3
    assert len(json.loads(open(written.value["path"]).read())) == 3
    again = page.draw(seen, 0, [], 0.5, progress=None)
    assert len(network) == runs
    before, after = (Image.open(part.value["path"]).tobytes() for part in (picture, again[0]))
    assert before != after and len(again[3].value["data"]) == 2
    assert {drawn.value["path"], written.value["path"]} <= page.kept


def test_a_photo_of_the_webcam(page, uploads):
    found = page.find(None, str(uploads[1].path), None, None, LAYERS, 0.2, progress=None)
    assert found[4] == "b.png: 1 person"


def test_what_is_bad(page, uploads, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    seen, shown, picture, _, message, _, drawn, written, _ = find(page, [text])
    assert seen is None and picture.value is None and not shown.visible
    assert message.startswith("text.jpg: file: not an image of a known kind")
    assert not drawn.interactive and not written.interactive
    seen, _, picture, _, message, *_ = find(page, [text, uploads[1].path])
    assert seen is not None and picture.value and len(message.splitlines()) == 2
    assert find(page, [])[4] == "upload: is empty; give photos or a clip"
    assert page.draw(None, None, LAYERS, 0.2, progress=None)[2] == ""


def test_a_click(page, uploads):
    seen = find(page, [uploads[0].path])[0]
    shown = page.keypoint(seen, 0, 0.2, SimpleNamespace(index=[36, 64]))
    assert shown.visible and shown.label.startswith("neck of person 0, score 0.90")
    assert not page.keypoint(None, 0, 0.2, SimpleNamespace(index=[36, 64])).visible
    nobody = find(page, [uploads[2].path])[0]
    with pytest.raises(gradio.Error, match="c.png: keypoints: none are shown"):
        page.keypoint(nobody, 0, 0.2, SimpleNamespace(index=[36, 64]))


def test_a_system_that_cannot_be_had(tmp_path, uploads):
    def load(system, model):
        raise WeightsError("nano: <no> network; connect it")

    page = page_module.Page(Choices(load, ["rmpe"], ["nano"]), Limits(), tmp_path)
    path = str(uploads[0].path)
    assert page.find([path], None, None, None, [], 0.2)[4] == "nano: <no> network; connect it"
    with pytest.raises(gradio.Error, match="nano: &lt;no&gt; network"):
        page.own_score("rmpe", "nano")


def test_the_score_of_a_choice(page):
    assert page.own_score("rmpe", "other") == 0.2
