"""Pictures, videos and tables of what was found, without another run of the network."""

import json

import clips
import numpy as np
import pytest

from multiposenet import formats
from multiposenet.errors import InputError
from multiposenet.sources import read_image
from multiposenet.web import showing
from multiposenet.web.finding import find
from multiposenet.web.limits import Limits
from multiposenet.web.looks import Upload


def told(done, total):
    pass


@pytest.fixture
def seen(finder, uploads):
    return find(finder, uploads, Limits(), told)


def test_scores_and_layers_need_no_network(seen, network, uploads):
    runs = len(network)
    image = read_image(uploads[0].path)
    both, red = (showing.picture(seen, 0, ["boxes"], score) for score in (0.2, 0.5))
    for drawn, changed in ((both, True), (red, False)):
        assert (drawn[35:45, 58:94] != image[35:45, 58:94]).any() == changed  # the blue one's top
        assert (drawn[20:30, 18:54] != image[20:30, 18:54]).any()  # the red one's
    assert (showing.picture(seen, 0, [], 0.2) == image).all()
    assert (showing.picture(seen, 0, ["heatmaps"], 0.2) != image).any()
    assert len(network) == runs


def test_tables_and_messages(seen):
    table = showing.people_table(seen, 0.2)
    assert [row[:3] for row in table] == [
        ["a.png", 0, 0.81],
        ["a.png", 1, 0.25],
        ["b.png", 0, 0.81],
    ]
    assert table[0][3:] == [20.0, 24.0, 52.0, 104.0, 3]
    assert showing.message(seen, 0.5).splitlines() == [
        "a.png: 1 person",
        "b.png: 1 person",
        "c.png: nobody found with a score of 0.5 or more",
    ]
    assert showing.message(seen, 0.2).startswith("a.png: 2 people\n")


def test_the_keypoint_that_was_clicked_on(seen, uploads):
    drawn, name = showing.keypoint_near(seen, 0, (24, 27), 0.2)
    assert name == "left_hip of person 0, score 0.90; brightest: 1.00"
    light = drawn.astype(int).sum(-1)
    assert light[45:65, 65:85].mean() > light[60:100, 25:48].mean() + 100  # of keypoint 1: blue
    _, name = showing.keypoint_near(seen, 0, (78, 57), 0.2)
    assert name.startswith("neck of person 1")
    _, name = showing.keypoint_near(seen, 0, (78, 57), 0.5)  # who is not shown is not meant
    assert name.endswith("of person 0, score 0.90; brightest: 1.00")
    with pytest.raises(InputError, match="c.png: keypoints: none are shown"):
        showing.keypoint_near(seen, 2, (1, 1), 0.2)


def test_without_heatmaps(finder, uploads, monkeypatch):
    monkeypatch.delattr(type(finder), "poses_and_heatmaps")
    seen = find(finder, uploads[:1], Limits(), told)
    with pytest.raises(InputError, match="heatmaps: are of MultiPoseNet alone"):
        showing.keypoint_near(seen, 0, (1, 1), 0.2)


def test_results_of_photos(seen, tmp_path):
    path = showing.write_results(seen, tmp_path, 0.2)
    assert path.name == "poses.json" and json.loads(path.read_text()) == seen.rows(0.2)


def test_an_upload_that_is_gone(seen, uploads):
    uploads[0].path.unlink()
    with pytest.raises(InputError, match="^a.png: upload: is not kept any more; upload it again$"):
        showing.picture(seen, 0, [], 0.2)


@pytest.fixture
def clip(finder, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = clips.write(tmp_path / "in.mp4", 12, sound="aac")
    return find(finder, [Upload(path, "in.mp4")], Limits(), told)


def test_a_drawn_clip(clip, network, tmp_path):
    runs, progress = len(network), []
    target = tmp_path / "out.mp4"
    showing.draw_clip(clip, target, ["boxes"], 0.2, Limits(), lambda *state: progress.append(state))
    times, images, kinds, _ = clips.read(target)
    np.testing.assert_allclose(times, np.arange(12) / 25, atol=1e-3)
    assert kinds == ["video", "audio"] and progress[-1] == (12, 12)
    assert min(np.abs(i.astype(int) - clips.frame(n)).mean() for n, i in enumerate(images)) > 2
    assert len(network) == runs
    with pytest.raises(InputError, match="in.mp4: time: over"):
        showing.draw_clip(clip, tmp_path / "late.mp4", [], 0.2, Limits(seconds=0), told)
    assert not (tmp_path / "late.mp4").exists()


def test_results_of_a_clip(clip, finder, tmp_path):
    path = showing.write_results(clip, tmp_path, 0.2)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    found = finder.stream(clip.clip.path, track=True)
    expected = [json.loads(json.dumps(formats.frame_line(*item))) for item in found]
    assert path.name == "in.jsonl" and lines == expected
    assert showing.followed_table(clip, 0.2) == [[1, 12, 0.0, 0.44, 0.81]]
    assert showing.followed_table(clip, 0.9) == []
    assert showing.message(clip, 0.2) == "in.mp4: 12 frames, 1 person"
