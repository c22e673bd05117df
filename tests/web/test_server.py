"""The served page by its API: results are those of predict; nothing else gets out or in."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import clips
import pytest
from command_line import paint

from multiposenet import cli
from multiposenet.errors import InputError
from multiposenet.systems import estimator
from multiposenet.web import server
from multiposenet.web.choices import Choices
from multiposenet.web.limits import Limits

pytest.importorskip("gradio", reason="Gradio is not installed; pip install multiposenet[web]")


@pytest.fixture(scope="module")
def client(served, tmp_path_factory):
    from gradio_client import Client

    folder = tmp_path_factory.mktemp("downloads")
    return Client(served[0], verbose=False, download_files=str(folder))


@pytest.fixture
def predicted(finder, monkeypatch, tmp_path):
    """What predict writes for a file."""
    monkeypatch.setattr(estimator, "load", lambda name, **options: finder)

    def predict(path, *options):
        out = tmp_path / "predicted"
        command = ["predict", str(path), "--out", str(out), "--pictures", "none", *options]
        assert cli.main(command) == 0
        if options:
            lines = (out / f"{path.stem}.jsonl").read_text().splitlines()
            return [json.loads(line) for line in lines]
        return json.loads((out / "poses.json").read_text())

    return predict


def call(client, path, name="photo", **options):
    """(people, path of the drawing)."""
    from gradio_client import handle_file

    return client.predict(**{name: handle_file(path)}, api_name=f"/{name}", **options)


def test_a_photo(client, uploads, predicted):
    people, drawn = call(client, uploads[0].path)
    assert people == predicted(uploads[0].path) and len(people) == 2
    assert Path(drawn).name == "a.jpg" and Path(drawn).stat().st_size > 1000
    people, plain = call(client, uploads[0].path, score=0.5, layers=[])
    assert [person["score"] for person in people] == [0.81]
    assert Path(plain).read_bytes() != Path(drawn).read_bytes()


def test_a_photo_without_people(client, uploads):
    people, drawn = call(client, uploads[2].path)
    assert people == [] and Path(drawn).name == "c.jpg"


def test_a_clip(client, predicted, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    clip = clips.write(tmp_path / "in.mp4", 8)
    lines, drawn = call(client, clip, "clip")
    assert lines == predicted(clip, "--track") and len(lines) == 8
    assert len(clips.read(drawn)[0]) == 8


def test_bad_files_are_one_line(client, uploads, tmp_path):
    from gradio_client.exceptions import AppError

    (tmp_path / "text.jpg").write_text("<b>no image</b>")
    (tmp_path / "cut.png").write_bytes(uploads[0].path.read_bytes()[:100])
    (tmp_path / "text.mp4").write_text("no clip")
    for name, api, told in (
        ("text.jpg", "photo", "text.jpg: file: not an image of a known kind; convert it"),
        ("cut.png", "photo", "cut.png: file: damaged image"),
        ("text.mp4", "clip", "text.mp4: file: "),
        ("text.mp4", "photo", "text.mp4: is no photo; a clip goes to /clip"),
        ("cut.png", "clip", "cut.png: is no clip; a photo goes to /photo"),
    ):
        with pytest.raises(AppError) as error:
            call(client, tmp_path / name, api)
        message = error.value.args[0]
        assert message.startswith(told) and "\n" not in message and str(tmp_path) not in message


def test_what_is_too_large(client, served, tmp_path):
    from gradio_client.exceptions import AppError

    boundary = b"x"
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'
    body += bytes((1 << 20) + 1) + b"\r\n--" + boundary + b"--\r\n"
    request = urllib.request.Request(
        f"{served[0]}/gradio_api/upload",
        body,
        {"Content-Type": "multipart/form-data; boundary=x"},
    )
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(request)
    pytest.importorskip("av", reason="PyAV is not installed")
    long = clips.write(tmp_path / "long.mp4", [clips.frame(0)] * 60)
    with pytest.raises(AppError, match="long.mp4: length: 2 s, more than 2; cut the clip"):
        call(client, long, "clip")


def asked(url, file):
    """The last event of a call with a file that was not uploaded."""
    given = {**file, "meta": {"_type": "gradio.FileData"}}
    data = {"data": [given, "multiposenet", "multiposenet-nano", 0, []]}
    head = {"Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{url}/gradio_api/call/photo", json.dumps(data).encode(), head
    )
    with urllib.request.urlopen(request) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{url}/gradio_api/call/photo/{event}") as answer:
        return answer.read().decode()


def test_nothing_is_read_but_uploads(served, tmp_path):
    url, runs = served
    secret, before = paint(tmp_path / "secret.png"), len(runs)
    answer = asked(url, {"path": str(secret)})
    assert answer.startswith("event: error") and len(runs) == before
    readme = Path(__file__).parent / "test_server.py"
    for path in (secret, readme, "/etc/passwd", Path.cwd() / "setup.cfg"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{url}/gradio_api/file={path}")


def test_no_address_is_fetched(served, server):
    url, runs = served
    before = len(runs)
    answer = asked(url, {"path": server.url, "url": server.url})
    assert answer.startswith("event: error") and "is an address; upload the file" in answer
    for path in (f"file={server.url}", f"proxy={server.url}", f"file/{server.url}"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{url}/gradio_api/{path}")
    assert server.asked == [] and len(runs) == before


def test_nothing_is_told_to_anybody(served):
    with urllib.request.urlopen(f"{served[0]}/config") as answer:
        config = json.load(answer)
    assert config["analytics_enabled"] is False and not config.get("footer_links")
    named = [d["api_name"] for d in config["dependencies"] if d["api_visibility"] == "public"]
    assert sorted(named) == ["clip", "photo"]
    for path in ("/monitoring", "/monitoring/summary"):
        with pytest.raises(urllib.error.HTTPError, match="40[34]"):
            urllib.request.urlopen(served[0] + path)


def test_an_address_that_is_taken(served):
    port = int(served[0].rpartition(":")[2])
    with pytest.raises(InputError, match=f"^127.0.0.1:{port}: address: .*; give another --port"):
        with server.serving(Choices(None, ["s"], ["m"]), Limits(), port=port):
            pass
