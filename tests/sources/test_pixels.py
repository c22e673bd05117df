"""Arrays out of the contract are errors, whatever is in them: never a black image."""

import numpy as np
import pytest

from multiposenet.errors import InputError
from multiposenet.sources import from_array

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def photos():
    """Photos from dark to bright, of full and of narrow range: (64, 48, 3) uint8."""
    rng = np.random.default_rng(0)
    for low, high in [(0, 256), (0, 60), (40, 90), (100, 160), (200, 256), (0, 30)]:
        yield rng.integers(low, high, (64, 48, 3)).astype(np.uint8)


OTHER_SCALES = {
    "mean and deviation": lambda x: (x / 255 - MEAN) / STD,
    "deviation alone": lambda x: x / 255 / STD,
    "caffe": lambda x: x - np.array([123.7, 116.3, 103.5]),
    "-1 to 1": lambda x: x / 127.5 - 1,
    "-0.5 to 0.5": lambda x: x / 255 - 0.5,
    "0 to 10": lambda x: x / 25.5,
    "0 to 16": lambda x: x / 15.9,
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("kind", OTHER_SCALES)
def test_floats_of_another_scale(kind, dtype):
    for photo in photos():
        values = OTHER_SCALES[kind](photo.astype(np.float64)).astype(dtype)
        try:
            read = from_array(values)
        except InputError as error:
            assert "give 0 to 1 or 0 to 255" in str(error)
        else:  # by chance all values are those of a photo
            assert read.max() > 20


@pytest.mark.parametrize("top", [1.02, 1.5, 1.99, 2.0, 2.01, 3, 7.5])
def test_floats_of_0_to_2_and_alike(top):
    ramp = np.linspace(0, top, 64 * 64, dtype=np.float32).reshape(64, 64)
    with pytest.raises(InputError, match="give 0 to 1 or 0 to 255"):
        from_array(ramp)


@pytest.mark.parametrize("values", [[0, 2], [0, 1, 2]])
def test_a_few_whole_floats(values):
    array = np.resize(np.float32(values), (16, 16))
    with pytest.raises(InputError, match="give 0 to 1 or 0 to 255"):
        from_array(array)


@pytest.mark.parametrize("bits", [9, 10, 11, 12])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_few_bits_in_uint16(bits, order):
    ramp = np.linspace(0, 2**bits - 1, 64 * 64).reshape(64, 64).astype(order)
    with pytest.raises(InputError, match="nearly black; give 0 to 1 or 0 to 255"):
        from_array(ramp)


def test_few_bits_in_files(tmp_path):
    from PIL import Image

    from multiposenet.sources import read_image

    Image.fromarray(np.full((16, 16), 4000, np.uint16)).save(tmp_path / "a.png")
    with pytest.raises(InputError, match="a.png: values: 4000 to 4000 as uint16"):
        read_image(tmp_path / "a.png")


def test_dark_photos_stay_readable():
    """Black is black in every type, and a dark photo of 8 bits keeps its values as floats."""
    for dtype in (bool, np.uint8, np.uint16, np.int32, np.float32):
        assert from_array(np.zeros((16, 16), dtype)).max() == 0
    dark = np.resize(np.arange(20, dtype=np.uint8), (16, 16))
    for dtype in (np.uint8, np.int16, np.float32, np.float64):
        assert (from_array(dark.astype(dtype))[..., 0] == dark).all()
    soft = np.linspace(0, 40, 256).reshape(16, 16)
    assert (from_array(soft)[..., 0] == np.rint(soft)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_one_value_that_is_not_finite(value, dtype):
    array = np.full((16, 16, 3), 0.5, dtype)
    array[3, 4, 1] = value
    with pytest.raises(InputError, match="values: .*give 0 to 1"):
        from_array(array)
