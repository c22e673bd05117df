"""A teacher stands where no label does."""

import numpy as np
import pytest

from multiposenet.training.release.taught import TaughtBatches


class Batches:
    samples, fingerprint = (), "ones"

    def __init__(self, weight):
        self.weight = weight

    def __call__(self, step):
        images = np.full((2, 8, 8, 3), step, np.uint8)
        return images, {"target": np.ones((2, 2, 2, 3), np.float16), "weight": self.weight}

    def describe(self, step):
        return f"photos of {step}"


def test_whole_maps():
    weight = np.array([[1, 0, 1], [0, 1, 1]], np.float32)
    taught = TaughtBatches(Batches(weight), lambda images: images[:, ::4, ::4] / 10)
    images, y = taught(5)
    assert images.dtype == np.uint8 and y["target"].dtype == np.float16
    expected = np.where(weight[:, None, None] > 0, 1, 0.5) * np.ones((2, 2, 2, 3))
    np.testing.assert_array_equal(y["target"], expected)
    np.testing.assert_array_equal(y["weight"], 1)
    assert taught.describe(5) == "photos of 5" and taught.fingerprint == "ones"


def test_cells_of_one_channel():
    weight = np.ones((2, 2, 2, 3), np.uint8)
    weight[0, 0, 1, 2] = weight[1, :, :, 0] = 0
    taught = TaughtBatches(Batches(weight), lambda images: images[:, ::4, ::4, :1] / 10, np.s_[2:])
    _, y = taught(2)
    expected = np.ones((2, 2, 2, 1))
    expected[0, 0, 1] = 0.2
    np.testing.assert_allclose(y["target"], expected, atol=1e-3)
    assert y["weight"].shape == (2, 2, 2, 1)


def test_the_teacher_sees_numbers_as_a_network_does():
    seen = []
    teacher = lambda images: seen.append(images) or np.zeros((2, 2, 2, 3))  # noqa: E731
    TaughtBatches(Batches(np.ones((2, 3))), teacher)(7)
    assert seen[0].dtype == np.float32 and seen[0].max() == pytest.approx(7)
