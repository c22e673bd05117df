"""The centred pose by hand; heatmaps of many images at once against the codec."""

import numpy as np
import pytest

from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.training.patches.targets import centre_pose, heatmap_targets


def test_the_box_centre_goes_to_the_centre_of_the_image():
    points = [[[40, 10], [60, 70]]]
    found = centre_pose(points, [[40, 0, 80, 80]], (100, 60))
    np.testing.assert_allclose(found, [[[10, 20], [30, 80]]])


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([40, 0, 80, 80], [[12, 18], [54, 92]]),  # 1 / 1.2 per pixel of height is the narrower
        ([0, 0, 100, 50], [[30, 50], [30, 50]]),
    ],
)
def test_the_enlarged_box_just_fits(box, expected):
    height, width = 96, 60
    scale = min(height / (1.2 * (box[3] - box[1])), width / (1.2 * (box[2] - box[0])))
    corners = centre_pose([[box[:2], box[2:]]], [box], (height, width), margin=0.2)[0]
    np.testing.assert_allclose(corners.mean(axis=0), [width / 2, height / 2], rtol=1e-6)
    sides = np.subtract(box[2:], box[:2]) * scale
    np.testing.assert_allclose(corners[1] - corners[0], sides, rtol=1e-6)
    assert (1.2 * sides / [width, height]).max() == pytest.approx(1)


def test_heatmaps_of_a_batch():
    rng = np.random.default_rng(0)
    points, visible = rng.uniform(0, 32, (3, 4, 2)), rng.integers(0, 3, (3, 4))
    maps = heatmap_targets(points, visible, 4.0, (32, 24))
    assert maps.shape == (3, 8, 6, 4) and maps.dtype == np.float32
    for one, place, seen in zip(maps, points, visible, strict=True):
        keypoints = np.column_stack([place, seen])[None]
        np.testing.assert_array_equal(
            one, GaussianHeatmaps().encode(keypoints, [4.0], (8, 6))["heatmaps"]
        )
