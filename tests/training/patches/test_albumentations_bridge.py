"""Transforms of one's own from a file of albumentations' format."""

import pickle

import numpy as np
import pytest
from painted import FLIP, sample, sampler

from multiposenet.errors import InputError
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.patches.albumentations_bridge import Transforms, read

albumentations = pytest.importorskip("albumentations")
POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]


def transforms():
    return albumentations.Compose(
        [albumentations.VerticalFlip(p=1.0), albumentations.Rotate((-30, 30), p=1.0)]
    )


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [(70, 40, 134, 112)])


def assert_same(first, second):
    for name, values in vars(first).items():
        np.testing.assert_array_equal(values, getattr(second, name))


@pytest.mark.parametrize("kind", ["json", "yaml"])
def test_what_is_read_does_what_was_written(photo, tmp_path, kind):
    path = tmp_path / f"augment.{kind}"
    albumentations.save(transforms(), path, data_format=kind)
    found, made = read(path, FLIP), sampler()(photo, np.random.default_rng(0))
    moved = found(made, np.random.default_rng(1))
    assert np.abs(moved.keypoints - made.keypoints).max() > 5
    expected = Transforms([transforms()], FLIP)
    for same in (expected, pickle.loads(pickle.dumps(found))):
        assert_same(moved, same(made, np.random.default_rng(1)))
    assert fingerprint([photo], found) == fingerprint([photo], expected)
    other = Transforms([albumentations.VerticalFlip(p=0.5)], FLIP)
    known = {fingerprint([photo], augment) for augment in (None, found, other)}
    assert len(known) == 3


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"transform": {"__class_fullname__": "os.system", "p": 1}}',
        '{"transform": {"__class_fullname__": "Lambda", "__name__": "mine", "p": 1}}',
        '{"transform": {"__class_fullname__": "Rotate", "limit": "far", "p": 1}}',
    ],
)
def test_a_file_with_something_else(content, tmp_path):
    path = tmp_path / "augment.json"
    path.write_text(content)
    told = "not JSON" if content == "{" else "no transforms of albumen"
    with pytest.raises(InputError, match=f"augment.json: file: {told}") as error:
        read(path, FLIP)
    assert "\n" not in str(error.value)


def test_files_that_would_be_large_or_never_end(tmp_path):
    bomb = tmp_path / "augment.yaml"
    bomb.write_text("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]")
    with pytest.raises(InputError, match="augment.yaml: file: has an alias"):
        read(bomb, FLIP)
    with pytest.raises(InputError, match="zero: file: is not a regular file"):
        read("/dev/zero", FLIP)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="none.json: file: No such file"):
        read(tmp_path / "none.json", FLIP)
