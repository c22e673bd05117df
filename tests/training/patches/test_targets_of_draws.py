"""Targets of what the samplers draw, square and oblong, against loops over cells and anchors."""

import numpy as np
import pytest

from multiposenet.maths.anchors import AnchorSpec, anchors_for_image
from multiposenet.skeleton import COCO_17
from multiposenet.training.datasets import synthetic
from multiposenet.training.patches import targets
from multiposenet.training.patches.sampler import PatchSampler, PhotoSampler

FLIP = COCO_17.flip_indices
SAMPLERS = {
    "patch": PatchSampler(96, FLIP, person_size=(30.0, 90.0), color=None),
    "people": PatchSampler(
        96, FLIP, scale=(0.8, 1.2), longest=120.0, centre="people", rotation_chance=1.0, color=None
    ),
    "photo": PhotoSampler(FLIP, shortest=64, longest=128, color=None),
}
ANCHORS = AnchorSpec(sizes=(16, 32), strides=(8, 16), ratios=(1.0, 2.0, 3.0), scales=(1.0, 1.5))


@pytest.fixture(scope="module", params=SAMPLERS)
def draws(request):
    """Patches of scenes with crowds, unlabelled persons and persons labelled in part."""
    sampler, made = SAMPLERS[request.param], []
    samples = synthetic.samples(5, seed=2, size=(96, 160), crowd=0.7, unlabelled=0.3)
    for seed, sample in enumerate(samples):
        rng = np.random.default_rng(seed)
        unknown = rng.random(sample.labelled.shape) < 0.2
        sample.labelled[unknown] = False
        sample.keypoints[unknown] = 0
        made.append(sampler(sample, rng))
    return made


def touches(box, column, row):
    x1, y1, x2, y2 = box
    return x1 < 4 * column + 4 and x2 > 4 * column and y1 < 4 * row + 4 and y2 > 4 * row


def test_heatmaps_and_weights(draws):
    taught = masked = 0
    for patch in draws:
        target, weight = targets.keypoint_targets(patch)
        height, width = (side // 4 for side in patch.image.shape[:2])
        assert target.shape == weight.shape == (height, width, 18)
        for row in range(height):
            for column in range(width):
                x, y = 4 * column + 2, 4 * row + 2
                unknown = any(touches(box, column, row) for box in patch.unlabelled_boxes)
                top, left = (max(4 * (place - targets.REACH), 0) for place in (row, column))
                bottom, right = (4 * (place + targets.REACH + 1) for place in (row, column))
                unknown = unknown and patch.mask[top:bottom, left:right].any()
                there = [touches(box, column, row) for box in patch.boxes]
                for keypoint in range(17):
                    value = 0.0
                    for person, size in zip(patch.keypoints, patch.sizes, strict=True):
                        px, py, v = person[keypoint]
                        sigma = min(max(0.045 * size, 4.0), 12.0)
                        if v:
                            distance = (x - px) ** 2 + (y - py) ** 2
                            value = max(value, np.exp(-distance / (2 * sigma**2)))
                    assert abs(target[row, column, keypoint] - value) < 1e-4
                    unsaid = any(
                        inside and not labelled[keypoint]
                        for inside, labelled in zip(there, patch.labelled, strict=True)
                    )
                    told = value > 0.1 or not (unknown or unsaid)
                    if abs(value - 0.1) > 1e-3:
                        expected = told and patch.labelled_keypoints[keypoint]
                        assert weight[row, column, keypoint] == expected
                    taught, masked = taught + (value > 0.5), masked + (not told)
                cell = patch.mask[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
                assert abs(target[row, column, 17] - (cell == 1).sum() / 16) < 1e-6
                assert weight[row, column, 17] == (not (cell == 2).any())
    assert taught > 50 and masked > 500


def shared_area(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(width, 0) * max(height, 0)


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def test_anchors(draws):
    positive = ignored_by_crowds = 0
    for patch in draws:
        labels, matched = targets.person_targets(patch, ANCHORS, visible=0.25)
        height, width = patch.image.shape[:2]
        shown, ignored = [], []
        groups = [(box, False) for box in patch.boxes]
        groups += list(zip(patch.unlabelled_boxes, patch.crowd, strict=True))
        for box, crowd in groups:
            box = box.astype(float)
            clipped = np.clip(box, 0, (width, height) * 2)
            sides = clipped[2:] - clipped[:2]
            enough = (sides > 2).all() and sides.prod() >= 0.25 * area(box)
            if crowd:
                ignored.append(box)
            else:
                (shown if enough else ignored).append(clipped)
        grid = anchors_for_image((height, width), ANCHORS).astype(float)
        for anchor, label, box in zip(grid, labels, matched, strict=True):
            overlaps = [
                shared_area(anchor, other)
                / (area(anchor) + area(other) - shared_area(anchor, other))
                for other in shown
            ]
            best = max(overlaps, default=0.0)
            if min(abs(best - 0.4), abs(best - 0.5)) < 1e-5:
                continue
            expected = 1 if best >= 0.5 else -1 if best > 0.4 else 0
            covered = max((shared_area(anchor, o) / area(anchor) for o in ignored), default=0.0)
            if expected == 0 and covered >= 0.5:
                expected = -1
                ignored_by_crowds += 1
            centre = (anchor[:2] + anchor[2:]) / 2
            if not ((centre >= 0) & (centre < np.array([width, height]) - 1e-2)).all():
                continue  # beyond the photo
            assert label == expected
            if label == 1:
                np.testing.assert_allclose(box, shown[int(np.argmax(overlaps))], atol=1e-4)
                positive += 1
    assert positive > 5 and ignored_by_crowds > 0
