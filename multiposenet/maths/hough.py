"""Disks and offsets, decoded by Hough voting: the keypoints' representation of G-RMI."""

import dataclasses
import math

import keras
import numpy as np
from keras import ops

from multiposenet.maths.bilinear import tent, within
from multiposenet.maths.codec import Codec
from multiposenet.maths.top_k import highest, pick


@keras.saving.register_keras_serializable(package="multiposenet")
@dataclasses.dataclass(frozen=True)
class DiskOffsets(Codec):
    """A disk around every keypoint, and in it the way to the keypoint.

    Maps are ``"heatmaps"``, h_k: the probability that a cell's centre is at most R from keypoint k
    (G-RMI, disk heatmaps); and ``"offsets"``, F_k(x) = l_k - x in pixels (G-RMI, offset fields),
    K along x, then K along y.

    Attributes:
        stride: pixels per cell.
        radius: R in pixels.
        shift: by how many pixels the cells' centres lie left of and above those of
            ``Codec``. A network whose cells begin in the middle of the first pixel has
            (stride - 1) / 2.
        scatter: whether votes are counted by a scatter-add, or by a product of two matrices,
            which gives the same and which all runtimes compute as it is.
    """

    stride: int = 8
    radius: float = 25.0
    shift: float = 0.0
    scatter: bool = True

    def encode(self, keypoints, sizes, size_hw):
        """Draws every visible keypoint's disk and offsets; where disks overlap the closer one's.

        Args:
            keypoints, size_hw: see ``Codec.encode``.
            sizes: ``(n,)`` R of each person in pixels.

        Returns:
            ``{"heatmaps": (H, W, K), "offsets": (H, W, 2K)}`` float32; offsets are 0 outside the
            disks.
        """
        keypoints = np.asarray(keypoints, np.float32)
        shape = (keypoints.shape[1], *size_hw)
        closest = np.full(shape, np.inf, np.float32)
        along_x, along_y = (np.zeros(shape, np.float32) for _ in range(2))
        rows, columns = (self._centres(np.arange(count, dtype=np.float32)) for count in size_hw)
        for person, radius in zip(keypoints, sizes, strict=True):
            dx = np.broadcast_to(person[:, 0, None, None] - columns, shape)
            dy = np.broadcast_to(person[:, 1, None, None] - rows[:, None], shape)
            squared = dx**2 + dy**2
            own = (squared <= radius**2) & (squared < closest) & (person[:, 2, None, None] > 0)
            closest[own], along_x[own], along_y[own] = squared[own], dx[own], dy[own]
        offsets = np.concatenate([along_x, along_y])
        return {
            "heatmaps": np.isfinite(closest).astype(np.float32).transpose(1, 2, 0).copy(),
            "offsets": offsets.transpose(1, 2, 0).copy(),
        }

    def votes(self, maps):
        """The Hough score maps f_k at the centres of the cells (G-RMI, Hough voting).

        f_k(x) = 1 / (pi R^2) sum_j G(x_j + F_k(x_j) - x) h_k(x_j), the sum over all cells j, R in
        cells, and G the bilinear kernel of one cell.

        Args:
            maps: as of ``decode``.

        Returns:
            ``(B, K, H, W)`` float32, 1 where all cells of a disk vote for one centre.
        """
        return self._counted(*self._ballots(maps), maps["heatmaps"])[:, :, 1:-1, 1:-1]

    def decode(self, maps, max_peaks):
        """The peaks of the score maps, each at the centre of mass of its 3 x 3 cells.

        That is exact where the votes agree, since the bilinear kernel keeps centres of mass. A
        score is the sum of these cells.

        Args:
            maps: ``{"heatmaps": (B, H, W, K) in [0, 1], "offsets": (B, H, W, 2K) in pixels}``.
            max_peaks: see ``Codec.decode``, and for the return.
        """
        counted = self._counted(*self._ballots(maps), maps["heatmaps"])
        height, width = maps["heatmaps"].shape[1:3]
        keypoints = counted.shape[1]
        inner = counted[:, :, 1:-1, 1:-1]
        around = ops.max_pool(inner, (3, 3), (1, 1), padding="same", data_format="channels_first")
        peaks = inner * ops.cast(inner >= around, inner.dtype)
        found, cells = highest(ops.reshape(peaks, (-1, keypoints, height * width)), max_peaks)
        row, column = cells // width, cells % width
        sums, moments_x, moments_y = 0.0, 0.0, 0.0
        values = ops.reshape(counted, (-1, keypoints, (height + 2) * (width + 2)))
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                own = pick(values, (row + 1 + i) * (width + 2) + column + 1 + j)
                sums, moments_x, moments_y = sums + own, moments_x + j * own, moments_y + i * own
        scale = 1.0 / ops.maximum(sums, 1e-6)
        places = ops.stack(
            [
                self._centres(ops.cast(column, sums.dtype) + moments_x * scale),
                self._centres(ops.cast(row, sums.dtype) + moments_y * scale),
            ],
            axis=-1,
        )
        scores = ops.clip(sums * ops.cast(found > 0, sums.dtype), 0.0, 1.0)
        scores, order = ops.top_k(scores, max_peaks)  # the sums may rank otherwise
        return pick(places, order), scores

    def portable(self):
        """See ``Codec.portable``; its votes are counted without a scatter-add."""
        return dataclasses.replace(self, scatter=False)

    def decode_single(self, maps):
        """The highest cell of every score map, refined by one step of mean shift.

        The place is the mean of the votes, each weighted by G about the cell's centre; the score
        is f_k there, by the same formula between the cells' centres.

        Args:
            maps: as of ``decode``; see ``Codec.decode_single`` for the return.
        """
        weights, (across, down) = maps["heatmaps"], self._ballots(maps)
        height, width, keypoints = weights.shape[1:]
        score_maps = self._counted(across, down, weights)[:, :, 1:-1, 1:-1]
        _, cells = ops.top_k(ops.reshape(score_maps, (-1, keypoints, height * width)), 1)
        x, y = (
            ops.cast(ops.transpose(part, (0, 2, 1)), "float32")
            for part in (cells % width, cells // width)
        )
        ballots = [ops.reshape(part, (-1, height * width, keypoints)) for part in (across, down)]
        weights = ops.reshape(weights, (-1, height * width, keypoints))
        near = weights * within(ballots[0] - x) * within(ballots[1] - y)
        scale = 1.0 / ops.maximum(ops.sum(near, axis=1, keepdims=True), 1e-6)
        # Of differences to the cell, which it keeps where nothing votes.
        x, y = (
            place + scale * ops.sum(near * (part - place), axis=1, keepdims=True)
            for part, place in zip(ballots, (x, y), strict=True)
        )
        near = weights * within(ballots[0] - x) * within(ballots[1] - y)
        scores = ops.sum(near, axis=1) * self._share
        places = ops.stack([self._centres(part[:, 0]) for part in (x, y)], axis=-1)
        return places, ops.clip(scores, 0.0, 1.0)

    @property
    def _share(self):
        """1 / (pi R^2), R in cells: what a cell of a disk contributes."""
        return self.stride**2 / (math.pi * self.radius**2)

    def _centres(self, cells):
        """Places in pixels, along one axis, of places in cells."""
        return (cells + 0.5) * self.stride - self.shift

    def _ballots(self, maps):
        """Column and row, to a fraction of a cell, that the cells vote for: twice (B, H, W, K)."""
        height, width, keypoints = maps["heatmaps"].shape[1:]
        offsets = maps["offsets"] * (1.0 / self.stride)
        columns = ops.arange(width, dtype="float32")[:, None]
        rows = ops.arange(height, dtype="float32")[:, None, None]
        return offsets[..., :keypoints] + columns, offsets[..., keypoints:] + rows

    def _counted(self, across, down, weights):
        """``votes`` with a border of one cell, ``(B, K, H + 2, W + 2)``."""
        height, width, keypoints = weights.shape[1:]
        # Votes beyond the border cells, which nobody reads, would otherwise need cells.
        across = ops.clip(across, -1.0, float(width)) + 1.0
        down = ops.clip(down, -1.0, float(height)) + 1.0
        count = _scattered if self.scatter else _multiplied
        return count(across, down, weights * self._share, (height + 2, width + 2))

    def get_config(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _scattered(across, down, weights, size_hw):
    """Adds weights (B, H, W, K) to the four cells around each place: one scatter-add."""
    height, width = size_hw
    keypoints = weights.shape[-1]
    images = ops.shape(weights)[0]
    left, top = ops.floor(across), ops.floor(down)
    right_share, lower_share = across - left, down - top
    # Whole places at the far border have their second cell of weight 0 in the next row.
    first = ops.reshape(ops.arange(images * keypoints, dtype="int32"), (-1, 1, 1, keypoints))
    first = (first * height + ops.cast(top, "int32")) * width + ops.cast(left, "int32")
    upper, lower = weights * (1.0 - lower_share), weights * lower_share
    values = [upper * (1.0 - right_share), upper * right_share]
    values += [lower * (1.0 - right_share), lower * right_share]
    places = [first, first + 1, first + width, first + width + 1]
    places = ops.minimum(ops.stack(places), images * (keypoints * height * width) - 1)
    counted = ops.segment_sum(
        ops.reshape(ops.stack(values), (-1,)),
        ops.reshape(places, (-1,)),
        num_segments=images * (keypoints * height * width),
    )
    return ops.reshape(counted, (-1, keypoints, height, width))


def _multiplied(across, down, weights, size_hw):
    """The same, since the bilinear kernel is a product of one along x and one along y."""
    height, width = size_hw
    cells, keypoints = weights.shape[1] * weights.shape[2], weights.shape[3]
    across, down, weights = (
        ops.transpose(ops.reshape(part, (-1, cells, keypoints)), (0, 2, 1))
        for part in (across, down, weights)
    )
    rows = ops.transpose(tent(down, height) * weights[..., None], (0, 1, 3, 2))
    return ops.matmul(rows, tent(across, width))
