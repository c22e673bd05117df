"""Arrays, and lists of whatever, given to an estimator; and the answers of a model gone wrong."""

import numpy as np
import pytest
from attacked import answer, is_error
from constant_model import crowd_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.runtimes.exported import ExportedModel
from multiposenet.skeleton import COCO_17
from multiposenet.systems.estimator import Estimator

FOUND = 3
GOOD = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
SIDES = st.sampled_from((0, 1, 2, 7, 8, 9, 16, 33, 70))
SHAPES = (
    st.tuples(SIDES, SIDES, st.sampled_from((0, 1, 2, 3, 4, 5)))
    | st.tuples(SIDES, SIDES)
    | arrays.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=6)
)
KINDS = (
    st.sampled_from(("u1", "u2", "u4", "i1", "i2", "i8", "f2", "f4", "f8", "?", "c8", "S3", "U2"))
    | st.sampled_from((">u2", "<f4", "O", "M8[s]", "V4"))
).map(np.dtype)


@st.composite
def images(draw):
    """Arrays of every shape and kind, of values usual and not."""
    shape, kind = draw(SHAPES), draw(KINDS)
    if kind.kind == "O":
        values = draw(st.sampled_from((None, "x", 1.0, [])))
        array = np.empty(shape, object)
        array.fill(values)
        return array
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from((0, 1, 2, 255, 256, 4095, 65535, 1e30, -1)))
    with np.errstate(all="ignore"):
        base = rng.random(shape) * scale
        try:
            array = base.astype(kind)
        except (TypeError, ValueError):
            array = np.zeros(shape, kind)
    if kind.kind == "f" and array.size and draw(st.booleans()):
        array.flat[draw(st.integers(0, array.size - 1))] = draw(
            st.sampled_from((np.nan, np.inf, -np.inf, -0.5))
        )
    if array.ndim > 1 and draw(st.booleans()):
        array = array[::-1]  # not contiguous
    return array


@pytest.fixture(scope="module")
def pose():
    return crowd_of(FOUND)


def check(found, size=None):
    assert isinstance(found, Poses) and len(found) == FOUND
    height, width = found.image_size
    assert size in (None, found.image_size)
    for values in (found.boxes, found.keypoints, found.scores, found.mask):
        assert np.isfinite(values).all()
    assert found.mask.shape == (height, width)
    limits = np.array([width, height] * 2)
    assert (found.boxes >= 0).all() and (found.boxes <= limits).all()


@given(images())
def test_an_array_is_answered_or_refused(pose, array):
    found = answer(pose, array)
    if is_error(found):
        assert isinstance(found, InputError)
        return
    if array.ndim == 4:
        for each in found:
            check(each, array.shape[1:3])
        return
    check(found, array.shape[:2])
    if array.dtype == np.uint8:  # always in the contract, whatever it shows
        assert array.ndim in (2, 3) and min(array.shape[:2]) >= 8


@given(st.integers(8, 60), st.integers(8, 60), st.integers(0, 2**32 - 1), st.booleans())
def test_the_same_picture_has_the_same_answer_in_every_form(height, width, seed, grey):
    """The oracle is what the model is given."""
    seen = []

    def run(batch, names):
        seen.append(np.array(batch))
        return outputs(len(batch))

    pose = Estimator(ExportedModel(run, COCO_17, None, {}, "none"), 64, batch_size=1)
    shape = (height, width) if grey else (height, width, 3)
    image = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    image.flat[0] = 255
    forms = [image, np.asfortranarray(image), Image.fromarray(image), image.astype("u2") * 257]
    forms += [image / np.float32(255)]
    for form in forms:
        answer(pose, form)
    assert len(seen) == len(forms)
    for other in seen[1:]:
        np.testing.assert_allclose(other, seen[0], atol=0.51)


def outputs(count, value=0.5):
    shapes = {"boxes": (4,), "box_scores": (), "keypoints": (17, 2), "keypoint_scores": (17,)}
    found = {name: np.full((count, 2, *shape), value, "f4") for name, shape in shapes.items()}
    found["pose_scores"] = np.full((count, 2), value, "f4")
    found["mask"] = np.full((count, 16, 16), value, "f4")
    return found | {"heatmaps": np.zeros((count, 16, 16, 17), "f4")}


ITEMS = (
    st.sampled_from([None, 7, b"bytes", "no such file.jpg", "\0", "x" * 5000, {}, object, "*.none"])
    | st.just(GOOD)
    | images()
)


@given(st.lists(ITEMS, max_size=5))
def test_one_bad_item_costs_itself_alone(pose, items):
    with_good = [*items, GOOD]
    found = answer(lambda: list(pose.stream(with_good)))
    assert not is_error(found)
    for item in found:
        if isinstance(item, InputError):
            assert "\n" not in str(item)
        else:
            check(item[1])
    assert not isinstance(found[-1], InputError)
