"""Files in 8 bits: what they are compared by, and that none is written that does not agree."""

import json

import keras
import numpy as np
import pytest
from instant_export import exports_are_the_model
from random_model import random_model

from multiposenet.errors import InputError
from multiposenet.runtimes import quantization
from multiposenet.runtimes.export import export
from multiposenet.skeleton import Skeleton

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow exports images of any size"
)


@pytest.fixture(scope="module")
def tiny():
    """A random model that takes everything for a person."""
    return random_model()


def noise(count):
    return np.random.default_rng(1).uniform(0, 255, (count, 64, 64, 3)).astype("float32")


def as_exported(monkeypatch, model, shift):
    exports_are_the_model(monkeypatch, model, shift)
    monkeypatch.setattr(quantization, "quantize", lambda path, images: None)
    monkeypatch.setattr(quantization, "require", lambda path: None)


def in_8_bits(tiny, path, count=4):
    options = {"image_size": 64, "score": 0.01}
    images = [noise(1)] * 3
    batches = [noise(count)]
    return export(tiny, path, "openvino", batches, options=options, calibration=images)


def test_int8_is_written_if_it_agrees(tiny, tmp_path, monkeypatch):
    as_exported(monkeypatch, tiny, shift=0.1)
    found = in_8_bits(tiny, tmp_path / "a.xml")
    assert (found.photos, found.poses, found.found, found.extra) == (4, 12, 1, 0)
    assert found.median_pixels == pytest.approx(0.1 * 2**0.5, abs=1e-4)
    about = json.loads((tmp_path / "a.xml.json").read_text())
    assert about["calibration"] == 3 and about["parity"]["poses"] == 12


@pytest.mark.parametrize(
    ("shift", "count", "words"),
    [
        (300, 4, r"finds 0% of 12 poses, 100% more that Keras does not; calibrate on more"),
        (0, 3, r"--photos: 9 poses to compare, fewer than 10; name more photos"),
    ],
)
def test_int8_is_not_written_otherwise(tiny, tmp_path, monkeypatch, shift, count, words):
    as_exported(monkeypatch, tiny, shift)
    with pytest.raises(InputError, match=words):
        in_8_bits(tiny, tmp_path / "a.xml", count)
    assert list(tmp_path.iterdir()) == []


def test_int8_needs_openvino_and_nncf(tiny, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="only OpenVINO files have it, not onnx"):
        export(tiny, tmp_path / "a.onnx", "onnx", [], options={}, calibration=[])
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"NNCF is not installed; install multiposenet\[int8\]"):
        in_8_bits(tiny, tmp_path / "a.xml")


def test_agreement_by_hand():
    skeleton = Skeleton("two", ("a", "b"), (), (0.1, 0.1))

    class Model:
        def __call__(self, batch, training):
            return {
                "keypoints": np.array([[[[10, 10], [30, 30]], [[70, 70], [90, 90]]]], "float32"),
                "keypoint_scores": np.array([[[1, 0], [1, 1]]], "float32"),
                "boxes": np.array([[[0, 0, 40, 40], [60, 60, 100, 100]]], "float32"),
                "pose_scores": np.array([[0.9, 0.8]], "float32"),
            }

    def function(batch):  # the first moved by 3, 4; the second too faint; one that is not there
        points = [[[13, 14], [99, 99]], [[70, 70], [90, 90]], [[200, 200], [220, 220]]]
        return {
            "keypoints": np.array([points], "float32"),
            "pose_scores": np.array([[0.6, 0.4, 0.7]], "float32"),
        }

    Model.skeleton = skeleton
    found = quantization.compare(Model(), function, [np.zeros((1, 4, 4, 3))], 0.5)
    assert (found.photos, found.poses, found.found, found.extra) == (1, 2, 0.5, 0.5)
    assert found.median_pixels == found.p99_pixels == 5  # the keypoint that Keras lacks is left out
