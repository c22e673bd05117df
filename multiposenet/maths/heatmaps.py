"""Gaussian heatmaps: encode and decode of one representation, side by side."""

import dataclasses

import keras
import numpy as np
from keras import ops

from multiposenet.maths.codec import Codec
from multiposenet.maths.top_k import highest, pick

STRIDE = 4
_FAINTEST = 1e-6  # so that there is a logarithm


@keras.saving.register_keras_serializable(package="multiposenet")
@dataclasses.dataclass(frozen=True)
class GaussianHeatmaps(Codec):
    """A Gaussian around every keypoint (MultiPoseNet, section 3.2; RMPE's SPPE has the same).

    Attributes:
        stride: pixels per cell.
    """

    stride: int = STRIDE

    def encode(self, keypoints, sizes, size_hw):
        """Draws every visible keypoint as a Gaussian of height 1; people overlap by maximum.

        Args:
            keypoints, size_hw: see ``Codec.encode``.
            sizes: ``(n,)`` standard deviations in pixels, one per person.

        Returns:
            ``{"heatmaps": (H, W, K)}`` float32 in [0, 1].
        """
        height, width = size_hw
        keypoints = np.asarray(keypoints, np.float32)
        maps = np.zeros((keypoints.shape[1], height, width), np.float32)
        columns = (np.arange(width, dtype=np.float32) + 0.5) * self.stride
        rows = (np.arange(height, dtype=np.float32) + 0.5) * self.stride
        for person, sigma in zip(keypoints, sizes, strict=True):
            # Separable: the outer product of one Gaussian along x and one along y.
            along_x = np.exp(-((columns - person[:, :1]) ** 2) / (2 * sigma**2))
            along_y = np.exp(-((rows - person[:, 1:2]) ** 2) / (2 * sigma**2))
            along_y *= person[:, 2:] > 0
            np.maximum(maps, along_y[:, :, None] * along_x[:, None, :], out=maps)
        return {"heatmaps": np.ascontiguousarray(maps.transpose(1, 2, 0))}

    def decode(self, maps, max_peaks):
        """Finds the peaks of every map, to a fraction of a cell.

        A peak is a cell not below its eight neighbours. Its place is refined along x and y by the
        parabola through the logarithms of the three cells, which is exact for a Gaussian. A cell
        at the border lacks the third one; there the place is the centre of the cell. Linear maps
        may exceed 1: they are refined as they are, and only the scores are cut.

        Args:
            maps: ``{"heatmaps": (B, H, W, K)}``, any values; those below 0 are no peaks.
            max_peaks: see ``Codec.decode``, and for the return.
        """
        maps = maps["heatmaps"]
        _, height, width, _ = ops.shape(maps)
        around = ops.max_pool(maps, (3, 3), (1, 1), "same", data_format="channels_last")
        peaks = maps * ops.cast(maps >= around, maps.dtype)
        scores, cells = highest(_by_keypoint(peaks), max_peaks)
        places = _places(maps, cells, (height, width), self.stride)
        return places, ops.clip(scores, 0.0, 1.0)

    def decode_single(self, maps):
        """Takes the highest cell of each map, and refines its place as ``decode`` does.

        Args:
            maps: ``{"heatmaps": (B, H, W, K)}``, any values; see ``Codec.decode_single`` for the
                return.
        """
        maps = maps["heatmaps"]
        _, height, width, _ = ops.shape(maps)
        scores, cells = ops.top_k(_by_keypoint(maps), 1)
        places = _places(maps, cells, (height, width), self.stride)[:, :, 0]
        return places, ops.clip(scores[..., 0], 0.0, 1.0)

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _by_keypoint(maps):
    """``(B, H, W, K)`` to ``(B, K, H * W)``."""
    _, height, width, keypoints = ops.shape(maps)
    return ops.reshape(ops.transpose(maps, (0, 3, 1, 2)), (-1, keypoints, height * width))


def _places(maps, cells, size_hw, stride):
    """Places in pixels, ``(B, K, P, 2)``, of the peaks in ``cells (B, K, P)`` of the maps."""
    height, width = size_hw
    _, keypoints, peaks = cells.shape
    around = [cells, cells - 1, cells - width, cells + 1, cells + width]
    # Beyond the map's border anything may be read: there the peak is where its cell is.
    index = ops.clip(ops.stack(around, axis=2), 0, height * width - 1)
    # In this order: with 5 keypoints, Keras on TensorFlow would add them to the 5 cells as a bias.
    index = ops.add(ops.arange(keypoints, dtype="int32")[:, None, None], index * keypoints)
    values = pick(
        ops.reshape(maps, (-1, height * width * keypoints)),
        ops.reshape(index, (-1, keypoints * 5 * peaks)),
    )
    values = ops.reshape(values, (-1, keypoints, 5, peaks))
    peak, beside = ops.split(values, [1], axis=2)
    # Of shares, not of the values: OpenVINO would take the logarithms of whole maps, then pick.
    beside = ops.log(ops.maximum(beside, _FAINTEST) / ops.maximum(peak, _FAINTEST))
    offsets = _vertex(*ops.split(beside, 2, axis=2))
    lines = ((cells % width, width), (cells // width, height))
    # Not ``==``, which would not be part of a functional model.
    places = [
        ops.where(ops.logical_or(ops.equal(line, 0), ops.equal(line, count - 1)), 0.0, offset)
        + ops.cast(line, maps.dtype)
        for (line, count), offset in zip(lines, ops.unstack(offsets, 2, axis=2), strict=True)
    ]
    return (ops.stack(places, axis=-1) + 0.5) * stride


def _vertex(before, after):
    """Place of a parabola's vertex by its values at -1 and 1, if it is 0 at 0; within half of 1."""
    curvature = ops.maximum(-before - after, 1e-6)
    return ops.clip(0.5 * (after - before) / curvature, -0.5, 0.5)


def last_apart(maps):
    """The last of maps ``(B, H, W, C)`` apart: ``(B, H, W, C - 1)`` and ``(B, H, W)``."""
    _, height, width, count = ops.shape(maps)
    # With cells in one row, OpenVINO leaves them in their order instead of changing it twice.
    flat = ops.reshape(maps, (-1, height * width, count))
    most = ops.reshape(flat[..., :-1], (-1, height, width, count - 1))
    return most, ops.reshape(flat[..., -1], (-1, height, width))
