"""The Pose Residual Network and its baselines: which candidate keypoint belongs to this person?

Every assigner maps ``(B', 56, 36, K)``, each keypoint's candidates in the crop of one person's box,
to logits of the same shape: the higher, the likelier that a candidate there is this person's
(MultiPoseNet, section 3.4). ``grouping`` adds the logarithm of the candidate's own score.
``systems.multiposenet`` and training use them through that one interface, and ``group`` serves the
keypoints and boxes of any other detector.
"""

import keras
import numpy as np
from keras import layers, ops

from multiposenet.maths.bilinear import tent
from multiposenet.networks import roi_crop
from multiposenet.networks.assigner import Assigner
from multiposenet.networks.layers import register
from multiposenet.networks.roi_crop import HEIGHT, WIDTH

_EPSILON = 1e-6


@register
class PoseResidualNetwork(Assigner):
    """y = phi(x) + x, softmax over each keypoint's map (MultiPoseNet, equation 1, figure 2).

    phi is a residual MLP: flatten, ``hidden`` dense layers of ``nodes`` with ReLU and dropout, a
    dense layer back to every cell.

    Args:
        num_keypoints: K.
        nodes: width of the hidden layers (paper: 1024).
        hidden: number of hidden layers (paper: 1).
        dropout: rate after every hidden layer (paper: 0.5).
        stride: the MLP sees the maps summed over ``stride x stride`` cells and its output is
            upsampled bilinearly. 1 is the paper; 2 is the compact variant with a quarter of the
            parameters per node.
        residual: ``False`` gives the baseline y = phi(x) (MultiPoseNet, equation 3).
        name: name of the model.

    ``model(crops)`` returns ``(B', 56, 36, K)``, each keypoint's map summing to 1;
    ``model.logits(crops)`` the same before the softmax.
    """

    def __init__(
        self,
        num_keypoints=17,
        *,
        nodes=1024,
        hidden=1,
        dropout=0.5,
        stride=1,
        residual=True,
        name="prn",
    ):
        super().__init__(name=name)
        if HEIGHT % stride or WIDTH % stride:
            raise ValueError(f"PoseResidualNetwork: stride is {stride}; use a divisor of 4")
        self.config = {
            "num_keypoints": num_keypoints,
            "nodes": nodes,
            "hidden": hidden,
            "dropout": dropout,
            "stride": stride,
            "residual": residual,
        }
        coarse = (HEIGHT // stride, WIDTH // stride, num_keypoints)
        self.num_keypoints = num_keypoints
        self.stride, self.residual = stride, residual
        self.phi = keras.Sequential(name="phi")
        self.phi.add(keras.Input(coarse))
        self.phi.add(layers.Flatten())
        for index in range(1, hidden + 1):
            self.phi.add(layers.Dense(nodes, activation="relu", name=f"hidden{index}"))
            self.phi.add(layers.Dropout(dropout, seed=index))
        self.phi.add(layers.Dense(int(np.prod(coarse)), name="cells"))
        self.phi.add(layers.Reshape(coarse))
        self.build((None, HEIGHT, WIDTH, num_keypoints))

    def build(self, input_shape):
        self.built = True

    def logits(self, crops, training=None):
        """``(B', 56, 36, K)`` before the softmax."""
        x = crops = ops.convert_to_tensor(crops)
        if self.stride > 1:
            window = (self.stride, self.stride)
            x = ops.average_pool(x, window, window, data_format="channels_last") * self.stride**2
        x = self.phi(x, training=training)
        if self.stride > 1:
            x = ops.image.resize(
                x, (HEIGHT, WIDTH), interpolation="bilinear", data_format="channels_last"
            )
        return x + crops if self.residual else x

    def call(self, crops, training=None):
        return spatial_softmax(self.logits(crops, training=training))

    def assign(self, boxes, points, scores):
        """As ``grouping.assign``, without the large maps: equal to ``assign_by_crops``.

        Only the MLP's own, coarse maps are made. The residual is read at the candidates alone,
        as the product of their weights: two candidates that share no cell do not see each other.
        ``expected`` leaves the residual out, which is zero wherever ``expected`` is used, and is
        the centre of a coarse cell.
        """
        boxes, points, scores = (
            ops.convert_to_tensor(x, "float32") for x in (boxes, points, scores)
        )
        people, (num_keypoints, count) = ops.shape(boxes)[1], ops.shape(points)[1:3]
        height, width = HEIGHT // self.stride, WIDTH // self.stride
        y, x, inside = roi_crop.grid_places(points, boxes)
        candidate_scores = scores[:, None] * inside
        y, x, weights = (ops.reshape(part, (-1, count)) for part in (y, x, candidate_scores))

        rows = _summed(y[:, None], np.arange(height)[:, None], self.stride)
        columns = _summed(x[..., None], np.arange(width), self.stride)
        maps = ops.matmul(rows * weights[:, None], columns)
        maps = ops.transpose(ops.reshape(maps, (-1, num_keypoints, height, width)), (0, 2, 3, 1))
        maps = ops.transpose(self.phi(maps, training=False), (0, 3, 1, 2))
        maps = ops.reshape(maps, (-1, height, width))
        along, across = _upsampled(y, height, self.stride), _upsampled(x, width, self.stride)
        logits = ops.sum(ops.matmul(along, maps) * across, axis=-1)
        if self.residual:
            shared = _shared(y) * _shared(x)
            logits = logits + ops.sum(shared * weights[:, None], axis=-1)
        logits = ops.reshape(logits, (-1, people, num_keypoints, count))
        maps = ops.reshape(maps, (-1, people, num_keypoints, height * width))
        cell = ops.top_k(maps, 1)[1][..., 0]
        return logits, candidate_scores, roi_crop.place_of_cell(cell, (height, width), boxes)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**self.config, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


@register
class Max(Assigner):
    """Baseline: the highest peak in the crop wins (MultiPoseNet, section 3.4).

    All places are alike to it, so that the candidates' own scores decide.
    """

    def __init__(self, name="max"):
        super().__init__(name=name)
        self.built = True

    def logits(self, crops, training=None):
        # No constant: JAX 0.10 compiles what reads one for CPUs to whatever lay in memory.
        return crops * 0.0

    def call(self, crops, training=None):
        return spatial_softmax(self.logits(crops) + ops.log(crops + _EPSILON))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {"name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


@register
class UnaryConditionalRelationship(Max):
    """Baseline UCR: y_k = x_k * P_k, P_k where keypoint k mostly is (MultiPoseNet, equation 2).

    Args:
        num_keypoints: K. The prior ``(56, 36, K)`` is a weight: load it, or set it by
            ``model.prior.assign(...)``, e.g. to the mean crop of the training persons.
        name: name of the model.
    """

    def __init__(self, num_keypoints=17, *, name="ucr"):
        super().__init__(name=name)
        self.num_keypoints = num_keypoints
        self.prior = self.add_weight(
            shape=(HEIGHT, WIDTH, num_keypoints),
            initializer="ones",
            trainable=False,
            name="prior",
        )

    def logits(self, crops, training=None):
        return ops.broadcast_to(ops.log(self.prior + _EPSILON), ops.shape(crops))

    def get_config(self):
        return {"num_keypoints": self.num_keypoints, "name": self.name}


@register
class NearestCentre(Max):
    """Baseline: the candidate nearest to the box's centre wins, in units of the box's sides."""

    def __init__(self, name="nearest_centre"):
        super().__init__(name=name)

    def logits(self, crops, training=None):
        y = (ops.arange(HEIGHT, dtype="float32") + 0.5) / HEIGHT - 0.5
        x = (ops.arange(WIDTH, dtype="float32") + 0.5) / WIDTH - 0.5
        squared = y[:, None] ** 2 + x[None, :] ** 2
        return ops.broadcast_to(-squared[..., None], ops.shape(crops))

    def assign(self, boxes, points, scores):
        # Not read from the grid: places in the margin, clamped there, would all be alike.
        boxes, points = (ops.convert_to_tensor(x, "float32") for x in (boxes, points))
        scores = ops.convert_to_tensor(scores, "float32")
        x, y, inside = roi_crop.relative_places(points, boxes)
        centre = (boxes[..., :2] + boxes[..., 2:]) / 2
        expected = ops.repeat(centre[:, :, None], points.shape[1], axis=2)
        logits = -(ops.square(x - 0.5) + ops.square(y - 0.5))
        return logits, scores[:, None] * inside, expected


def _summed(places, cells, stride):
    """Bilinear weights of places on one axis of the grid, summed over each coarse cell's run."""
    centres = ops.convert_to_tensor(cells * stride + (stride - 1) / 2, "float32")
    return ops.clip((stride + 1) / 2 - ops.abs(places - centres), 0.0, 1.0)


def _upsampled(places, coarse, stride):
    """``(M, P, coarse)``: by which a map, upsampled bilinearly, is read at ``places (M, P)``."""
    cell = ops.floor(places)
    before, after = (
        tent(ops.clip((cell + i + 0.5) / stride - 0.5, 0.0, coarse - 1.0), coarse) for i in (0, 1)
    )
    return before + (places - cell)[..., None] * (after - before)


def _shared(places):
    """``(M, P, P)``: of two places on one axis, the products of their bilinear weights, summed."""
    cell = ops.floor(places)[..., None]
    share = places[..., None] - cell
    distance = places[:, None] - cell  # from the cell of the first to the place of the second
    return (1.0 - share) * ops.relu(1.0 - ops.abs(distance)) + share * ops.relu(
        1.0 - ops.abs(distance - 1.0)
    )


def spatial_softmax(logits):
    """Softmax over the cells of every keypoint's map: ``(B', H, W, K)`` to the same shape."""
    height, width, num_keypoints = logits.shape[1:]
    flat = ops.softmax(ops.reshape(logits, (-1, height * width, num_keypoints)), axis=1)
    return ops.reshape(flat, (-1, height, width, num_keypoints))


def compact(num_keypoints=17):
    """The variant small enough to bundle: 0.55 M parameters at 17 keypoints instead of 70.2 M."""
    return PoseResidualNetwork(num_keypoints, nodes=128, dropout=0.1, stride=4)
