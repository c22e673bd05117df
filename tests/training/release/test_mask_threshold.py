"""The mask's threshold of greatest overlap becomes one half."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from small_model import small

from multiposenet.sources import Frame
from multiposenet.training.release import mask_threshold


@pytest.mark.parametrize("level, expected", [(0.37, 0.35), (0.5, 0.5), (0.52, 0.5), (0.61, 0.6)])
def test_one_half_becomes_the_best_threshold(level, expected, monkeypatch):
    """A mask that is ``level`` on people, on half of the photo, and less by .04 elsewhere."""
    keras.utils.set_random_seed(0)
    model = small()
    truth = np.zeros((8, 8), np.uint8)
    truth[:, :4] = 1
    mask = np.where(truth, level, level - 0.04).astype(np.float32)

    class Fixed:
        def __init__(self, given, **options):
            assert given is model and options == {"image_size": 64}

        def stream(self, paths):
            return (
                (Frame(np.zeros((8, 8, 3), np.uint8), path), SimpleNamespace(mask=mask))
                for path in paths
            )

    monkeypatch.setattr(mask_threshold, "Estimator", Fixed)
    samples = [
        SimpleNamespace(path="photo", has_mask=True, read_mask=lambda: truth),
        SimpleNamespace(path="other", has_mask=False),
    ]
    layer = model.keypoint_subnet.get_layer("prediction")
    before = ops.convert_to_numpy(layer.bias)
    assert mask_threshold.balance(model, samples, image_size=64) == expected
    change = ops.convert_to_numpy(layer.bias) - before
    assert not change[:-1].any()
    # A pixel of that probability now is a person's by one half.
    logit = np.log(expected / (1 - expected)) + change[-1]
    assert logit == pytest.approx(0, abs=1e-6)
