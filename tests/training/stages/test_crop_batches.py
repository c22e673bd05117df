"""Batches of the stages sppe and sstn: crops of proposals and their targets."""

import dataclasses

import numpy as np
import pytest
from one_person import BOX, POINTS
from painted import FLIP, sample
from tiny_rmpe import RECIPES

from multiposenet.errors import AnnotationError
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.stages import sppe, sstn


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [BOX], labelled=[[True, True, False]])


def plain(recipe, **changes):
    """A recipe that moves nothing."""
    fields = {"scale": (1.0, 1.0), "rotation_chance": 0.0, "flip": 0.0, "sigma": 3.0}
    return dataclasses.replace(recipe, **fields | changes)


def peaks(maps):
    """Places of the highest cells in pixels, ``(B, K, 2)`` xy."""
    rows, columns = np.unravel_index(maps.reshape(len(maps), -1, maps.shape[-1]).argmax(1),
                                     maps.shape[1:3])  # fmt: skip
    return 4 * np.stack([columns, rows], axis=-1) + 2.0


def test_targets_of_a_proposal(photo):
    """The box's centre (102, 76) and its width of 64 pixels decide where the keypoints are."""
    batches = sppe.CropBatches([photo], plain(RECIPES["sppe"]), (64, 64), FLIP)
    batch, y = batches(0)
    assert batch.shape == (4, 64, 64, 3) and y["target"].shape == (4, 16, 16, 3)
    np.testing.assert_array_equal(y["weight"], [[1, 1, 0]] * 4)
    zoom = 64 / (1.2 * 72)
    places = 32 + zoom * (np.array(POINTS) - (102, 76))
    assert np.abs(peaks(y["target"])[:, :2] - places[:2]).max() <= 2.01
    assert batches.describe(0).count("photo.png") == 4


@pytest.mark.parametrize("margin", [0.2, None])
def test_the_parallel_sppe_is_shown_the_centred_pose(photo, margin):
    """Wherever the proposal is, the pose is where a perfect one would show it; or as large as it
    is here."""
    recipe = plain(RECIPES["sstn"], batch_size=8, rescaled=margin is not None)
    noise = BoxNoise("abc", 0.15)
    _, perfect = sppe.CropBatches([photo], recipe, (64, 64), FLIP)(0)
    _, y = sstn.CentredCropBatches([photo], recipe, (64, 64), FLIP, noise)(0)
    assert (peaks(y["target"])[:, :2] != peaks(perfect["target"])[:, :2]).any()
    if margin is not None:
        shown = y["target"].max(axis=(1, 2)) > 0.7  # outside the proposal a keypoint is nowhere
        assert shown[:, :2].any()
        for row, keypoint in np.argwhere(shown[:, :2]):
            np.testing.assert_allclose(
                y["centred"][row, ..., keypoint], perfect["target"][row, ..., keypoint], atol=1e-4
            )
        return
    between = [peaks(y[name])[:, 0] - peaks(y[name])[:, 1] for name in ("target", "centred")]
    assert np.abs(between[0] - between[1]).max() <= 4  # moved, not scaled


def test_processes_make_their_rows_of_the_batch(photo):
    batches = sstn.CentredCropBatches([photo], RECIPES["sstn"], (64, 64), FLIP)
    batch, y = batches(3)
    shares = [batches.share(3, process, 2) for process in range(2)]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in shares]), batch)
    for name, values in y.items():
        np.testing.assert_array_equal(np.concatenate([own[name] for _, own in shares]), values)
    assert (batches(4)[0] != batch).any() and (batches(3)[0] == batch).all()


def test_somebody_must_be_labelled(photo):
    with pytest.raises(AnnotationError, match="no person of at least 500 pixels"):
        recipe = dataclasses.replace(RECIPES["sppe"], least_size=500.0)
        sppe.CropBatches([photo], recipe, (64, 64), FLIP)
