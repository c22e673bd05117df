"""Uploads are found like `predict` finds files; bad ones are told by their names."""

import clips
import numpy as np
import pytest
from command_line import RED, paint

from multiposenet.errors import InputError
from multiposenet.systems.test_time.augmentation import Augmentation, Augmented
from multiposenet.web.finding import find
from multiposenet.web.limits import Limits
from multiposenet.web.looks import Upload


def told(done, total):
    pass


def test_photos_and_their_rows(finder, uploads, network):
    progress = []
    seen = find(finder, uploads, Limits(), lambda *state: progress.append(state))
    assert progress == [(0, 3), (1, 3), (2, 3)] and len(network) == 3
    assert [upload.name for upload, _ in seen.photos] == ["a.png", "b.png", "c.png"]
    expected = []
    for number, upload in enumerate(uploads, 1):
        expected += finder(upload.path).to_coco(image_id=number, file_name=upload.name)
    assert seen.rows(finder.score) == expected and len(expected) == 3
    assert seen.problems == []


def test_what_is_bad_costs_itself(finder, uploads, tmp_path):
    (tmp_path / "text.jpg").write_text("no image")
    (tmp_path / "cut.png").write_bytes(uploads[0].path.read_bytes()[:100])
    bad = [Upload(tmp_path / name, name) for name in ("text.jpg", "cut.png")]
    seen = find(finder, [bad[0], uploads[1], bad[1]], Limits(), told)
    assert [row["image_id"] for row in seen.rows(0.2)] == [2]  # as `predict` counts
    assert seen.problems[0].startswith("text.jpg: file: not an image")
    assert seen.problems[1].startswith("cut.png: file: damaged image")
    assert str(tmp_path) not in " ".join(seen.problems)
    with pytest.raises(InputError) as error:
        find(finder, bad, Limits(), told)
    assert len(str(error.value).splitlines()) == 2


def test_numbers_of_coco_photos(finder, tmp_path):
    path = paint(tmp_path / "000000000139.png", [RED])
    (row,) = find(finder, [Upload(path, path.name)], Limits(), told).rows(0.2)
    assert row["image_id"] == 139


def test_too_much(finder, uploads, tmp_path):
    with pytest.raises(InputError, match="upload: is empty"):
        find(finder, [], Limits(), told)
    with pytest.raises(InputError, match="photos: 3 at once"):
        find(finder, uploads, Limits(photos=2), told)
    with pytest.raises(InputError, match="a.png: time: over"):
        find(finder, uploads, Limits(seconds=0), told)
    large = paint(tmp_path / "large.png")
    with pytest.raises(InputError, match="large.png: size: 128x128 pixels, more than 0 million"):
        find(finder, [Upload(large, "large.png")], Limits(megapixels=0), told)


def test_a_system_without_heatmaps(finder, uploads):
    pose = Augmented(finder, Augmentation.parse("flip"))
    ((_, look),) = find(pose, uploads[1:2], Limits(), told).photos
    assert look.heatmaps is None and len(look.poses)


def test_a_clip(finder, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = clips.write(tmp_path / "a.mp4", 12)
    seen = find(finder, [Upload(path, "a.mp4")], Limits(), told)
    stream = finder.stream(path, track=True)
    for line, (frame, people) in zip(seen.lines(finder.score), stream, strict=True):
        assert line["frame"] == frame.index and line["time"] == pytest.approx(frame.time)
        (person,) = line["people"]
        assert person["id"] == people.ids[0]
        np.testing.assert_allclose(person["box"], people.boxes[0], atol=1e-3)
    assert all(look.heatmaps is None for look in seen.frames)


def test_clips_that_are_refused(finder, uploads, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = clips.write(tmp_path / "a.mp4", 12)
    clip = Upload(path, "a.mp4")
    with pytest.raises(InputError, match="a.mp4: upload: a clip comes alone"):
        find(finder, [clip, uploads[0]], Limits(), told)
    with pytest.raises(InputError, match="a.mp4: length: 0 s, more than 0.2; cut the clip"):
        find(finder, [clip], Limits(clip=0.2), told)
    text = tmp_path / "text.mp4"
    text.write_text("no clip")
    with pytest.raises(InputError, match="^text.mp4: file: "):
        find(finder, [Upload(text, "text.mp4")], Limits(), told)
    seen = find(finder, [clip], Limits(seconds=0), told)
    assert len(seen.frames) == 1 and "a.mp4: time: over" in seen.problems[0]


def test_a_clip_that_breaks_off_gives_what_it_has(finder, tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    path = clips.write(tmp_path / "a.mkv", 40, key_every=1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    seen = find(finder, [Upload(path, "a.mkv")], Limits(), told)
    assert 0 < len(seen.frames) < 40 and seen.problems[0].startswith("a.mkv: ")
