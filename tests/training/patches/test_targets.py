"""Targets and weights of the stages: against loops over cells and anchors, and worked by hand."""

import dataclasses

import numpy as np
import pytest
from painted import sample, sampler

from multiposenet.maths.anchors import AnchorSpec, anchors_for_image
from multiposenet.training.datasets.sample import IGNORE, PERSON
from multiposenet.training.patches import targets
from multiposenet.training.patches.patch import Patch

SIZE, CELLS = 64, 16
ANCHORS = AnchorSpec(sizes=(16, 32), strides=(8, 16), ratios=(1.0,), scales=(1.0,))


def patch(**fields):
    """An empty 64x64 patch of three keypoints, but for ``fields``."""
    defaults = {
        "image": np.zeros((SIZE, SIZE, 3), np.uint8),
        "boxes": np.zeros((0, 4), np.float32),
        "sizes": np.zeros(0),
        "keypoints": np.zeros((0, 3, 3), np.float32),
        "unlabelled_boxes": np.zeros((0, 4), np.float32),
        "crowd": np.zeros(0, bool),
        "labelled_keypoints": np.ones(3, np.float32),
        "labelled_area": np.ones((CELLS, CELLS), np.float32),
        "mask": None,
        "complete": True,
    }
    made = defaults | fields
    made.setdefault("labelled", np.ones((len(made["keypoints"]), 3), bool))
    return Patch(**made)


def boxes(*rows):
    return np.array(rows, np.float32).reshape(-1, 4)


def touched(rows):
    """Cells that share area with a box, by a loop over all."""
    region = np.zeros((CELLS, CELLS), bool)
    for i in range(CELLS):
        for j in range(CELLS):
            for x1, y1, x2, y2 in rows:
                region[i, j] |= min(x2, 4 * j + 4) > max(x1, 4 * j) and (
                    min(y2, 4 * i + 4) > max(y1, 4 * i)
                )
    return region


def near_somebody(mask):
    """Cells at most two from a cell of which a pixel is not background; all without a mask."""
    near = np.zeros((CELLS, CELLS), bool)
    for i in range(CELLS):
        for j in range(CELLS):
            top, left = max(4 * i - 8, 0), max(4 * j - 8, 0)
            near[i, j] = mask is None or mask[top : 4 * i + 12, left : 4 * j + 12].any()
    return near


def random_patch(seed):
    rng = np.random.default_rng(seed)
    corners = rng.uniform(-10, 50, (5, 2))
    rows = np.column_stack([corners, corners + rng.uniform(5, 30, (5, 2))]).astype(np.float32)
    keypoints = np.concatenate([rng.uniform(0, SIZE, (3, 3, 2)), rng.integers(0, 3, (3, 3, 1))], 2)
    labelled = rng.random((3, 3)) < 0.7
    return patch(
        boxes=rows[:3],
        sizes=rng.uniform(40, 300, 3),
        keypoints=(keypoints * labelled[..., None]).astype(np.float32),
        labelled=labelled,
        unlabelled_boxes=rows[3:],
        crowd=np.array([False, True]),
        mask=(rng.random((SIZE, SIZE)) < 0.002) * rng.integers(1, 3, (SIZE, SIZE), np.uint8)
        if seed % 2
        else None,
    )


@pytest.mark.parametrize("seed", range(4))
def test_keypoint_targets_against_a_loop(seed):
    given = random_patch(seed)
    target, weight = targets.keypoint_targets(given, sigma_share=0.045, sigma_limits=(4.0, 12.0))
    assert target.shape == weight.shape == (CELLS, CELLS, 4)
    assert target.dtype == weight.dtype == np.float32
    unknown = touched(given.unlabelled_boxes) & near_somebody(given.mask)
    unsaid = [touched(given.boxes[~given.labelled[:, keypoint]]) for keypoint in range(3)]
    anybody = touched([*given.boxes, *given.unlabelled_boxes])
    for i in range(CELLS):
        for j in range(CELLS):
            x, y = 4 * j + 2, 4 * i + 2
            for keypoint in range(3):
                values = [0.0]
                for person, size in zip(given.keypoints, given.sizes, strict=True):
                    px, py, v = person[keypoint]
                    sigma = min(max(0.045 * size, 4.0), 12.0)
                    if v > 0:
                        values.append(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)))
                assert target[i, j, keypoint] == pytest.approx(max(values), abs=1e-5)
                if abs(max(values) - 0.1) > 1e-4:
                    known = not unknown[i, j] and not unsaid[keypoint][i, j]
                    assert weight[i, j, keypoint] == (known or max(values) > 0.1)
            if given.mask is None:
                assert target[i, j, 3] == 0 and weight[i, j, 3] == (not anybody[i, j])
            else:
                cell = given.mask[4 * i : 4 * i + 4, 4 * j : 4 * j + 4]
                assert target[i, j, 3] == pytest.approx((cell == PERSON).sum() / 16)
                assert weight[i, j, 3] == (not (cell == IGNORE).any())


def test_unlabelled_persons_and_crowds_teach_no_keypoints():
    given = patch(unlabelled_boxes=boxes((8, 8, 24, 24), (40, 0, 64, 13)), crowd=np.array([0, 1]))
    target, weight = targets.keypoint_targets(given)
    expected = np.ones((CELLS, CELLS))
    expected[2:6, 2:6] = 0
    expected[0:4, 10:16] = 0  # 13 pixels touch the fourth row
    for channel in range(4):
        np.testing.assert_array_equal(weight[..., channel], expected)
    assert target.max() == 0


def test_a_labelled_keypoint_counts_inside_an_unlabelled_box():
    given = patch(
        boxes=boxes((0, 0, 40, 40)),
        sizes=np.array([40.0]),
        keypoints=np.array([[[18, 18, 2], [18, 18, 0], [50, 50, 1]]], np.float32),
        unlabelled_boxes=boxes((8, 8, 32, 32)),
        crowd=np.array([False]),
    )
    target, weight = targets.keypoint_targets(given)
    assert target[4, 4, 0] == 1 and weight[4, 4, 0] == 1
    assert weight[4, 6, 0] == 1  # 8 pixels away: exp(-64 / 32) = 0.135
    assert weight[4, 7, 0] == 0  # 12 pixels away: 0.011
    assert (weight[2:8, 2:8, 1] == 0).all()  # its own unlabelled keypoint does not help
    assert weight[..., 2].sum() == CELLS**2 - 36


def test_keypoints_that_the_data_set_lacks_are_never_taught():
    given = patch(labelled_keypoints=np.array([1, 0, 1], np.float32))
    _, weight = targets.keypoint_targets(given)
    np.testing.assert_array_equal(weight.sum(axis=(0, 1)), [CELLS**2, 0, CELLS**2, CELLS**2])


def test_bystanders_of_a_single_person():
    """Nothing is taught outside the labelled area but the person's own keypoints at its rim."""
    area = np.zeros((CELLS, CELLS), np.float32)
    area[4:12, 4:12] = 1
    given = patch(
        boxes=boxes((16, 16, 48, 48)),
        sizes=np.array([32.0]),
        keypoints=np.array([[[47, 30, 2], [0, 0, 0], [30, 30, 2]]], np.float32),
        labelled_area=area,
        complete=False,
    )
    target, weight = targets.keypoint_targets(given)
    np.testing.assert_array_equal(weight[..., 1], area)
    np.testing.assert_array_equal(weight[..., 2], area)
    np.testing.assert_array_equal(weight[..., 0], np.maximum(area, target[..., 0] > 0.1))
    assert weight[7, 12, 0] == 1 and weight[7, 14, 0] == 0
    assert weight[..., 3].max() == 0


def test_the_background_outside_boxes_may_be_left_out():
    given = {"unlabelled_boxes": boxes((16, 16, 48, 48)), "crowd": np.array([False])}
    taught, left = (
        targets.keypoint_targets(patch(**given), mask_of_boxes=of_boxes)[1]
        for of_boxes in (True, False)
    )
    assert taught[..., 3].any() and not left[..., 3].any()
    np.testing.assert_array_equal(left[..., :3], taught[..., :3])
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[16:48, 20:44] = PERSON
    target, weight = targets.keypoint_targets(patch(**given, mask=mask), mask_of_boxes=False)
    assert target[..., 3].any() and weight[..., 3].all()


def test_mask_of_a_single_person_with_bystanders():
    """People around the one whose mask is known are not background."""
    area = np.zeros((CELLS, CELLS), np.float32)
    area[4:12, 4:12] = 1
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[16:48, 20:44] = PERSON
    target, weight = targets.keypoint_targets(
        patch(
            unlabelled_boxes=boxes((16, 16, 48, 48)),
            crowd=np.array([False]),
            labelled_area=area,
            mask=mask,
            complete=False,
        )
    )
    np.testing.assert_array_equal(weight[..., 3], area)
    assert target[..., 3].sum() == 8 * 6
    assert weight[..., :3].max() == 0


def test_mask_shares_of_a_cell():
    mask = np.zeros((SIZE, SIZE), np.uint8)
    mask[0:2, 0:4] = PERSON
    mask[4:8, 0:4] = PERSON
    mask[7, 3] = IGNORE
    target, weight = targets.keypoint_targets(patch(mask=mask))
    assert (target[0, 0, 3], weight[0, 0, 3]) == (0.5, 1)
    assert weight[1, 0, 3] == 0
    assert weight[..., 3].sum() == CELLS**2 - 1


def test_photo_without_mask_teaches_background_outside_all_boxes():
    given = patch(
        boxes=boxes((0, 0, 16, 16)),
        sizes=np.array([16.0]),
        keypoints=np.zeros((1, 3, 3), np.float32),
        unlabelled_boxes=boxes((32, 32, 48, 48)),
        crowd=np.array([False]),
    )
    target, weight = targets.keypoint_targets(given)
    expected = np.ones((CELLS, CELLS))
    expected[:4, :4] = expected[8:12, 8:12] = 0
    np.testing.assert_array_equal(weight[..., 3], expected)
    assert target[..., 3].max() == 0
    _, weight = targets.keypoint_targets(dataclasses.replace(given, complete=False))
    assert weight[..., 3].max() == 0


def test_sports_photo_from_sample_to_weights(tmp_path):
    """As LSP: one person, a keypoint the data set lacks, no mask, unknown bystanders."""
    points = [(100.0, 60.0), (80.0, 80.0), (np.nan, np.nan)]
    photo = sample(tmp_path, points, [(60, 40, 140, 120)], labelled=[(True, True, False)],
                   mask=False, complete=False, single=True)  # fmt: skip
    drawer = sampler(SIZE, flip=0.0, rotation_chance=0.0, jitter=0.0, person_size=(24.0, 24.0))
    given = drawer(photo, np.random.default_rng(0))
    target, weight = targets.keypoint_targets(given)
    low, high = given.boxes[0, :2] / 4, given.boxes[0, 2:] / 4
    assert weight[..., 2].max() == 0 and weight[..., 3].max() == 0
    rows, columns = np.nonzero(weight[..., 0])
    assert low[1] - 3 < rows.min() and rows.max() < high[1] + 2
    assert low[0] - 3 < columns.min() and columns.max() < high[0] + 2
    assert target[..., 0].max() > 0.75 and target[..., 2].max() == 0


def iou(a, b):
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def share_inside(a, b):
    shared = max(min(a[2], b[2]) - max(a[0], b[0]), 0) * max(min(a[3], b[3]) - max(a[1], b[1]), 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]))


@pytest.mark.parametrize("seed", range(4))
def test_person_targets_against_a_loop(seed):
    given = random_patch(seed)
    labels, matched = targets.person_targets(given, ANCHORS, visible=0.25)
    shown, ignored = [], [given.unlabelled_boxes[1].astype(float)]
    for box in (*given.boxes, given.unlabelled_boxes[0]):
        clipped = np.clip(box.astype(float), 0, SIZE)
        width, height = clipped[2:] - clipped[:2]
        whole = (box[2] - box[0]) * (box[3] - box[1])
        enough = width > 2 and height > 2 and width * height >= 0.25 * whole
        (shown if enough else ignored).append(clipped)
    grid = anchors_for_image((SIZE, SIZE), ANCHORS).astype(float)
    assert labels.shape == (len(grid),) == (8 * 8 + 4 * 4,)
    for anchor, label, box in zip(grid, labels, matched, strict=True):
        overlaps = [iou(anchor, other) for other in shown]
        best = max(overlaps)
        expected = 1 if best >= 0.5 else -1 if best > 0.4 else 0
        if expected == 0 and max(share_inside(anchor, region) for region in ignored) >= 0.5:
            expected = -1
        assert label == expected
        if best > 0:
            np.testing.assert_allclose(box, shown[int(np.argmax(overlaps))], atol=1e-5)


def label_at(labels, x, y, stride):
    """Label of the anchor of a level whose centre is ``(x, y)``."""
    first = 0 if stride == 8 else 64
    return labels[first + (y // stride) * (SIZE // stride) + x // stride]


def test_every_box_is_a_person_also_without_keypoints():
    given = patch(unlabelled_boxes=boxes((12, 12, 28, 28)), crowd=np.array([False]))
    labels, matched = targets.person_targets(given, ANCHORS)
    assert label_at(labels, 20, 20, 8) == 1 and label_at(labels, 52, 52, 8) == 0
    np.testing.assert_allclose(matched[2 * 8 + 2], (12, 12, 28, 28))


def test_crowds_are_ignored():
    given = patch(unlabelled_boxes=boxes((0, 0, 40, 40)), crowd=np.array([True]))
    labels, _ = targets.person_targets(given, ANCHORS)
    assert label_at(labels, 20, 20, 8) == -1 and label_at(labels, 52, 52, 8) == 0
    assert labels.max() == 0


def test_persons_mostly_cut_off_are_ignored():
    given = patch(
        boxes=boxes((-60, 4, 16, 20)), sizes=np.array([35.0]), keypoints=np.zeros((1, 3, 3))
    )
    labels, matched = targets.person_targets(given, ANCHORS, visible=0.25)
    assert label_at(labels, 12, 12, 8) == -1 and labels.max() == 0  # 16 of 76 pixels
    labels, matched = targets.person_targets(given, ANCHORS, visible=0.2)
    assert label_at(labels, 12, 12, 8) == 1
    np.testing.assert_allclose(matched[9], (0, 4, 16, 20))


def test_nobody_is_background():
    labels, matched = targets.person_targets(patch(), ANCHORS)
    assert (labels == 0).all()
    assert np.isfinite(matched).all() and (matched[:, 2:] > matched[:, :2]).all()
