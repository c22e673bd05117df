"""The page in a browser, end to end: upload, see, toggle, click, download; bad files; a clip.

It needs a Chromium: the one of playwright, or `chromium`, `chromium-browser`, `google-chrome` on
the path, or the file that `MULTIPOSENET_CHROMIUM` names.
"""

import json
import os
import shutil
from pathlib import Path

import clips
import pytest
from command_line import paint

from multiposenet import cli
from multiposenet.systems import estimator

sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")

SECONDS = 60_000  # milliseconds that anything may take on a busy machine


@pytest.fixture(scope="module")
def chromium():
    named = ("chromium", "chromium-browser", "google-chrome")
    found = os.environ.get("MULTIPOSENET_CHROMIUM") or next(
        filter(None, map(shutil.which, named)), None
    )
    with sync_api.sync_playwright() as play:
        if not found and not Path(play.chromium.executable_path).exists():
            pytest.skip("no Chromium; install chromium, or name one by MULTIPOSENET_CHROMIUM")
        browser = play.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def asked():
    """Addresses that the browser has asked for."""
    return []


@pytest.fixture
def page(chromium, served, asked):
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.set_default_timeout(SECONDS)
    page = context.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served[0])
    built(page)
    yield page
    context.close()


def built(page):
    """Waits for the parts that a test begins with: the page is built step by step."""
    for part in ("#find", "#files input[type=file]", "#message textarea"):
        page.wait_for_selector(part, state="attached")


def upload(page, *paths):
    page.set_input_files("#files input[type=file]", [str(path) for path in paths])


def message(page, start):
    """The message, once it begins so; its field is replaced as the page fills."""
    script = "start => document.querySelector('#message textarea')?.value.startsWith(start)"
    page.wait_for_function(script, arg=start)
    return page.input_value("#message textarea")


def picture(page, before=None):
    """The address of the drawing, once it is another than before."""
    script = """before => {
        const image = document.querySelector('#picture img');
        return image && image.src != before && image.naturalWidth && image.src
    }"""
    return page.wait_for_function(script, arg=before).json_value()


def download(page, button):
    with page.expect_download() as found:
        page.click(button)
    return Path(found.value.path()), found.value.suggested_filename


def test_people_layers_clicks_and_results(page, served, finder, monkeypatch, tmp_path):
    photo = paint(tmp_path / "a.png")
    upload(page, photo)
    assert message(page, "a.png") == "a.png: 2 people"
    first = picture(page)
    page.locator("#people").get_by_text("0.25").first.wait_for()  # the second one's score
    runs = len(served[1])
    page.get_by_label("heatmaps").check()
    second = picture(page, first)
    page.locator("#picture img").click()  # its middle, 64, 64
    page.wait_for_selector("#heatmap img")
    assert "neck of person 1" in page.inner_text("#heatmap")
    assert len(served[1]) == runs and second != first
    file, name = download(page, "#json")
    monkeypatch.setattr(estimator, "load", lambda name, **options: finder)
    cli.main(["predict", str(photo), "--out", str(tmp_path / "out"), "--pictures", "none"])
    expected = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert name == "poses.json" and json.loads(file.read_text()) == expected
    drawn, name = download(page, "#drawn")
    assert name == "a.jpg" and drawn.read_bytes()[:3] == b"\xff\xd8\xff"


def test_bad_files_and_a_photo_without_people(page, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("no image")
    upload(page, text)
    assert "not an image of a known kind" in message(page, "text.jpg: file:")
    page.reload()
    built(page)
    upload(page, paint(tmp_path / "empty.png", []), text)
    lines = message(page, "text.jpg").splitlines()
    assert lines[1] == "empty.png: nobody found with a score of 0.2 or more" and picture(page)


def test_a_clip(page, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    upload(page, clips.write(tmp_path / "in.mp4", 10))
    assert message(page, "in.mp4") == "in.mp4: 10 frames, 1 person"
    script = "() => { const v = document.querySelector('#clip video'); return v && v.duration }"
    assert page.wait_for_function(script).json_value() == pytest.approx(0.4, abs=0.1)
    file, name = download(page, "#json")
    assert name == "in.jsonl" and len(file.read_text().splitlines()) == 10


def test_the_browser_asked_nobody_else(page, served, asked):
    assert (
        asked
        and {url for url in asked if not url.startswith((served[0], "data:", "blob:"))} == set()
    )
