"""Label images and the sizes of photos, read without decoding or converting pixels."""

import numpy as np
import pytest
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.sources import image_size, read_image, read_labels, read_person_mask

LABELS = np.arange(12, dtype=np.uint8).reshape(3, 4)


def test_grey_palette_and_binary_labels_are_read_as_stored(tmp_path):
    palette = Image.fromarray(LABELS, "P")
    palette.putpalette([value for index in range(256) for value in (255 - index, 7, index)])
    for name, image in (("grey", Image.fromarray(LABELS)), ("palette", palette)):
        image.save(tmp_path / f"{name}.png")
        read = read_labels(tmp_path / f"{name}.png")
        np.testing.assert_array_equal(read, LABELS)
        assert read.dtype == np.uint8
    Image.fromarray(LABELS > 5).save(tmp_path / "binary.png")
    np.testing.assert_array_equal(read_labels(tmp_path / "binary.png"), LABELS > 5)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros((3, 4, 3), np.uint8), "3 channels of uint8, not one 8-bit channel"),
        (np.zeros((3, 4), np.uint16), "one channel of uint16, not one 8-bit channel"),
    ],
)
def test_other_images_are_no_labels(tmp_path, array, message):
    Image.fromarray(array).save(tmp_path / "a.png")
    with pytest.raises(InputError, match=message):
        read_labels(tmp_path / "a.png")


@pytest.mark.parametrize("read", [read_labels, image_size])
def test_missing_and_damaged_files(tmp_path, read):
    with pytest.raises(InputError, match="gone.png"):
        read(tmp_path / "gone.png")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nno image")
    with pytest.raises(InputError, match="a.png: file: damaged image"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_upright_photos(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(tmp_path / "a.jpg", exif=exif)
    assert image_size(tmp_path / "a.jpg") == read_image(tmp_path / "a.jpg").shape[:2]
    assert image_size(tmp_path / "a.jpg") == ((30, 20) if orientation > 4 else (20, 30))


@pytest.mark.parametrize("values", [[0], [1], [2], [0, 1], [0, 2], [0, 1, 2]])
def test_person_masks_as_stored(tmp_path, values):
    labels = np.resize(np.uint8(values), (9, 12))
    Image.fromarray(labels).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_person_mask(tmp_path / "a.png"), labels)


@pytest.mark.parametrize("values", [[255], [0, 255]])
def test_person_masks_of_0_and_255(tmp_path, values):
    labels = np.resize(np.uint8(values), (9, 12))
    Image.fromarray(labels).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="masks of 0 and 255 are read as 0 and 1"):
        mask = read_person_mask(tmp_path / "a.png")
    np.testing.assert_array_equal(mask, labels == 255)


@pytest.mark.parametrize("values", [[0, 1, 255], [0, 128], [3], [0, 254], [254, 255], [0, 7, 255]])
def test_other_values_of_person_masks_are_named(tmp_path, values):
    Image.fromarray(np.resize(np.uint8(values), (9, 12))).save(tmp_path / "a.png")
    wrong = min(value for value in values if value > 2)
    with pytest.raises(InputError, match=f"a.png: mask: has the value {wrong}; use 0 background"):
        read_person_mask(tmp_path / "a.png")
