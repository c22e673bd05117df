"""Data that change between two starts of a run, or while it goes on."""

import dataclasses

import numpy as np
import pytest
from line_runs import fit
from small_stage import batch

from multiposenet.errors import InputError
from multiposenet.training.loop.checkpoint import checkpoint_path
from multiposenet.training.loop.fingerprint import PhotoFiles, of_arrays

pytestmark = pytest.mark.usefixtures("eagerly")


@dataclasses.dataclass
class Photo:
    path: object
    mask_path: object = None

    @property
    def files(self):
        return self.path, self.mask_path


class Batches:
    def __init__(self, samples, change=None, at=None):
        self.samples, self.change, self.at = samples, change, at

    def __call__(self, step):
        if step == self.at:
            self.change()
        return batch(step)


@pytest.fixture
def samples(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("a.jpg", "b.jpg", "b.png"):
        (folder / name).write_bytes(name.encode() * 100)
    return [Photo(folder / "a.jpg"), Photo(folder / "b.jpg", folder / "b.png")]


def test_it_follows_names_and_sizes_and_not_the_place(samples, tmp_path):
    first = PhotoFiles(samples).fingerprint
    assert len(first) == 16 and first == PhotoFiles(samples).fingerprint
    moved = (tmp_path / "photos").rename(tmp_path / "moved")
    there = [Photo(moved / "a.jpg"), Photo(moved / "b.jpg", moved / "b.png")]
    assert PhotoFiles(there).fingerprint == first
    (moved / "b.png").write_bytes(b"other")
    assert PhotoFiles(there).fingerprint != first
    assert PhotoFiles([]).fingerprint is None


@pytest.mark.parametrize("name", ["a.jpg", "b.png"])
@pytest.mark.parametrize("gone", [False, True])
def test_a_photo_that_changes_ends_the_run(samples, tmp_path, name, gone):
    path = tmp_path / "photos" / name
    change = path.unlink if gone else lambda: path.write_bytes(b"edited")
    told = f"{name}: photo: has changed since .*; restore it"
    with pytest.raises(InputError, match=told) as error:
        fit(tmp_path / "run", 12, Batches(samples, change, at=7), checkpoint_every=2)
    assert "\n" not in str(error.value)
    assert checkpoint_path(tmp_path / "run", "line").exists()
    # Neither is it gone on with as if nothing had happened.
    with pytest.raises(InputError, match="line.json: photos: the run was begun with"):
        fit(tmp_path / "run", 12, Batches(samples), resume=True)
    path.write_bytes(name.encode() * 100)
    fit(tmp_path / "run", 12, Batches(samples), resume=True)


def test_arrays_count_with_their_shapes_and_types():
    ones = np.ones((2, 3), "float32")
    others = (ones.T, ones.astype("float64"), ones[:1], ones * 2)
    assert len({of_arrays([each]) for each in (ones, *others)}) == 5
    assert of_arrays([ones.T]) == of_arrays([ones.T.copy()])
