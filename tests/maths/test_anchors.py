"""Anchors against keras-retinanet's and torchvision's values and worked out by hand."""

import math
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from multiposenet.maths.anchors import (
    AnchorSpec,
    anchors_at,
    anchors_for_image,
    anchors_for_levels,
)

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "keras_retinanet.npz")
OWN = AnchorSpec(sizes=(20, 50), strides=(4, 10), ratios=(1.0, 2.5), scales=(1.0, 1.3))
TORCHVISION = AnchorSpec(convention="torchvision")


@pytest.mark.parametrize(
    ("key", "size", "spec", "step"),
    [
        ("64x96", (64, 96), AnchorSpec(), 1),
        ("101x75", (101, 75), AnchorSpec(), 1),
        ("500x333_every_97th", (500, 333), AnchorSpec(), 97),
        ("own_33x47", (33, 47), OWN, 1),
    ],
)
def test_anchors_equal_keras_retinanet(key, size, spec, step):
    anchors = anchors_for_image(size, spec)
    assert anchors.dtype == np.float32
    np.testing.assert_allclose(anchors[::step], REFERENCE[f"anchors_{key}"], atol=1e-4)


@pytest.mark.parametrize("spec", [AnchorSpec(), OWN, TORCHVISION])
def test_anchors_of_feature_maps_equal_anchors_of_the_image(spec):
    size = (123, 457)
    anchors = ops.convert_to_numpy(anchors_for_levels(spec.level_shapes(size), spec))
    np.testing.assert_allclose(anchors, anchors_for_image(size, spec), atol=1e-4)


@pytest.mark.parametrize("spec", [AnchorSpec(), OWN, TORCHVISION])
def test_some_anchors_equal_those_of_all(spec):
    shapes = spec.level_shapes((123, 457))
    anchors = ops.convert_to_numpy(anchors_for_levels(shapes, spec))
    indices = np.random.default_rng(0).permutation(len(anchors)).astype("int32").reshape(2, -1)
    found = ops.convert_to_numpy(anchors_at(ops.convert_to_tensor(indices), shapes, spec))
    np.testing.assert_allclose(found, anchors[indices], rtol=1e-6)


def test_anchor_order_and_geometry():
    anchors = anchors_for_image((33, 47), OWN)
    assert OWN.level_shapes((33, 47)) == [(9, 12), (4, 5)]
    assert OWN.per_cell == 4
    assert len(anchors) == (9 * 12 + 4 * 5) * 4
    # Level 1, row 2, column 3, ratio 2.5, scale 1.3: side 65, area kept, height over width 2.5.
    x1, y1, x2, y2 = anchors[(9 * 12 + 2 * 5 + 3) * 4 + 3]
    assert ((x1 + x2) / 2, (y1 + y2) / 2) == pytest.approx((35, 25), abs=1e-4)
    assert (x2 - x1, y2 - y1) == pytest.approx((65 / math.sqrt(2.5), 65 * math.sqrt(2.5)), abs=1e-4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"sizes": (32,)}, "sizes"), ({"ratios": ()}, "ratios"), ({"scales": (0, 1)}, "scales")],
)
def test_anchor_spec_refuses_nonsense(changes, message):
    with pytest.raises(ValueError, match=message):
        AnchorSpec(**changes)


def test_torchvision_lays_them_around_corners():
    """96 x 128 pixels are 2 x 2 cells of level P6: 48 pixels apart, not 64, from above."""
    anchors = anchors_for_image((96, 128), TORCHVISION)
    cells = [12 * 16, 6 * 8, 3 * 4, 2 * 2, 1]
    assert len(anchors) == 9 * sum(cells)
    p6 = anchors[9 * sum(cells[:3]) :][: 9 * 4].reshape(2, 2, 9, 4)
    centres = (p6[..., :2] + p6[..., 2:]) / 2
    np.testing.assert_array_equal(centres[:, :, 0], [[[0, 0], [64, 0]], [[0, 48], [64, 48]]])
    # 32 * 2 ** (1 / 3) is 40.3: 40; twice as wide as high, 40 * sqrt(2) / 2 is 28.28: 28.
    np.testing.assert_array_equal(anchors[1], [-28, -14, 28, 14])
    assert (anchors == np.round(anchors)).all()


def test_an_anchor_that_is_rounded_to_nothing():
    with pytest.raises(ValueError, match="too small to be rounded"):
        AnchorSpec(sizes=(0.5,) * 5, convention="torchvision")
    with pytest.raises(ValueError, match="convention: 'mine'; use one of keras-retinanet"):
        AnchorSpec(convention="mine")
