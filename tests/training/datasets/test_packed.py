"""Packed data sets: what goes in comes out, bit by bit."""

import json

import numpy as np
import pytest

from multiposenet.errors import AnnotationError, InputError
from multiposenet.files import writing
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.training import datasets
from multiposenet.training.datasets import packed, synthetic
from multiposenet.training.loop.fingerprint import fingerprint

pytest.importorskip("pyarrow", reason="packed data sets need pyarrow")

ARRAYS = ("boxes", "keypoints", "labelled", "areas", "crowd_boxes")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=7, seed=1, size=(96, 128), people=(1, 3), crowd=0.5)
    return folder


@pytest.fixture
def made(folder, tmp_path):
    samples = datasets.read(f"coco:{folder}")
    assert packed.write(samples, COCO_17, tmp_path, shard=3) == 7
    return samples, tmp_path


def test_every_sample_is_what_it_was(made):
    samples, folder = made
    found = datasets.read(f"packed:{folder}")
    assert len(list(folder.glob("*.parquet"))) == 3
    for one, other in zip(samples, found, strict=True):
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert (one.image_size, one.complete, one.single) == (
            other.image_size,
            other.complete,
            other.single,
        )
        np.testing.assert_array_equal(one.read_image(), other.read_image())
        np.testing.assert_array_equal(one.read_mask(), other.read_mask())
        assert other.row.content() == one.path.read_bytes()
    assert fingerprint(samples) == fingerprint(found)
    assert datasets.skeleton_of(f"packed:{folder}").keypoints == COCO_17.keypoints


def test_what_was_ended_goes_on(folder, made, tmp_path_factory, monkeypatch):
    samples, whole = made
    out = tmp_path_factory.mktemp("ended")
    read, seen = type(samples[0]).read_image, []

    def once(sample):
        seen.append(sample)
        if len(seen) == 5:
            raise KeyboardInterrupt
        return read(sample)

    monkeypatch.setattr(type(samples[0]), "read_image", once)
    with pytest.raises(KeyboardInterrupt):
        packed.write(samples, COCO_17, out, shard=3)
    assert {path.name for path in out.iterdir()} == {"packing.json", "00000.parquet"}
    (out / f"{writing._prefix(out / '00001.parquet')}x").touch()  # as a kill leaves it
    with pytest.raises(InputError, match="packed.json: file: missing"):
        packed.read(out)
    for changed in (samples[1:], samples[::-1]):
        with pytest.raises(InputError, match="other photos, .* were begun"):
            packed.write(changed, COCO_17, out, shard=3)
    assert packed.unfinished(out) and packed.write(samples, COCO_17, out, shard=3) == 7
    assert seen[5:] == samples[3:]  # the first three were there
    assert not packed.unfinished(out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in whole.iterdir()
    }


def test_other_keypoints_and_packed_again(made, tmp_path_factory):
    samples, folder = made
    again = tmp_path_factory.mktemp("again")
    packed.write(datasets.read(f"packed:{folder}", LSP_14), LSP_14, again)
    expected = datasets.read(f"packed:{folder}", LSP_14)
    for one, other in zip(expected, datasets.read(f"packed:{again}", LSP_14), strict=True):
        np.testing.assert_array_equal(one.keypoints, other.keypoints)
        np.testing.assert_array_equal(one.labelled, other.labelled)
        assert (
            one.labelled.shape[1] == 14
            and not one.labelled[:, LSP_14.keypoints.index("neck")].any()
        )


def test_predict_reads_the_same_files(made):
    from multiposenet import sources

    samples, folder = made
    frames = list(sources.frames(folder / "00001.parquet"))
    for frame, sample in zip(frames, samples[3:6], strict=True):
        np.testing.assert_array_equal(frame.image, sample.read_image())


def test_what_is_not_finished_or_damaged_is_told(made):
    _, folder = made
    (sample, *_) = datasets.read(f"packed:{folder}")
    path = folder / "00000.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(AnnotationError, match="00000.parquet: file: damaged"):
        datasets.read(f"packed:{folder}")
    index = json.loads((folder / "packed.json").read_text())
    index["files"] = index["files"][1:]
    index["files"][0]["photos"] = 9
    (folder / "packed.json").write_text(json.dumps(index))
    with pytest.raises(AnnotationError, match="has 3 photos, 9 are wanted"):
        datasets.read(f"packed:{folder}")
    (folder / "packed.json").unlink()
    with pytest.raises(InputError, match="multiposenet pack writes it in the end"):
        datasets.read(f"packed:{folder}")
