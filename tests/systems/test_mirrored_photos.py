"""On a mirrored photo every system finds the mirror image, to a hundredth of a pixel."""

import numpy as np
import pytest
from dots import dots_network
from keras import Input, Model, layers, ops
from rectangles import rectangle_finder

from multiposenet.maths.hough import DiskOffsets
from multiposenet.skeleton import Skeleton
from multiposenet.systems.grmi import GRMI
from multiposenet.systems.rmpe import RMPE
from multiposenet.systems.test_time.augmentation import mirrored

pytestmark = pytest.mark.usefixtures("eagerly")

PAIR = Skeleton("pair", ("left_hand", "right_hand", "nose"), ((0, 2), (1, 2)), (0.1, 0.1, 0.1))
BOXES = np.float32([(20, 30, 90, 170), (101.5, 12.5, 210, 140)])
SIZE = (200, 231)


def scene():
    """Smooth, and of one colour for each keypoint; left is right in the mirror."""
    y, x = np.indices(SIZE) + 0.5
    image = np.zeros((*SIZE, 3))
    for left, top, right, bottom in BOXES:
        for channel, (across, down) in enumerate(((0.25, 0.6), (0.7, 0.5), (0.45, 0.2))):
            place = left + across * (right - left), top + down * (bottom - top)
            image[..., channel] += np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / 120)
    return (255 * np.clip(image, 0, 1)).round().astype(np.uint8)


def mirror(image):
    """As a camera sees it in a mirror: the left hand has the right one's colour."""
    return np.ascontiguousarray(image[:, ::-1, [1, 0, 2]])


def disks_network():
    images = Input((96, 68, 3))
    disks = layers.AveragePooling2D(4)(images) / 255
    offsets = ops.concatenate([disks, disks], axis=-1) * 0.0
    return Model(images, {"heatmaps": disks, "offsets": offsets})


def boxes_of(image):
    """A detector that knows the scene, from either side."""
    boxes = BOXES.copy()
    if not np.array_equal(image, scene()):
        boxes[:, [0, 2]] = SIZE[1] - boxes[:, [2, 0]]
    return boxes, np.float32([0.9, 0.8])


@pytest.mark.parametrize(
    "system",
    [
        lambda: RMPE(boxes_of, dots_network(), PAIR, score=0.0),
        lambda: GRMI(boxes_of, disks_network(), PAIR, DiskOffsets(4, 4.0), score=0.0),
    ],
    ids=["rmpe", "grmi"],
)
def test_top_down(system):
    pose = system()
    there, back = pose(scene()), mirrored(pose(mirror(scene())), SIZE[1])
    assert len(there) == len(back) == 2
    np.testing.assert_allclose(back.keypoints, there.keypoints, atol=0.01)
    np.testing.assert_allclose(back.keypoint_scores, there.keypoint_scores, atol=1e-3)
    assert np.ptp(there.keypoints[:, :, 0], axis=1).min() > 20


@pytest.mark.parametrize("width", [231, 232])
def test_multiposenet(width):
    image = np.zeros((200, width, 3), np.uint8)
    image[40:120, 30:81, 0] = 255
    image[90:150, 121:200, 2] = 255
    pose = rectangle_finder(image_size=256, enlarge=1, score=0.1)
    there = pose(image)
    back = mirrored(pose(np.ascontiguousarray(image[:, ::-1])), width)
    assert len(there) == len(back) == 2
    np.testing.assert_allclose(back.boxes, there.boxes, atol=0.01)
    if width % 4 == 0:  # else the mask's cells are other ones
        np.testing.assert_allclose(back.mask, there.mask, atol=0.01)
