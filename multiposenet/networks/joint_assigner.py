"""An assigner that looks at all persons of an image at once.

The PRN decides box by box, so that two boxes that share a candidate cannot agree on whose it is.
Here a token stands for every pair of a box and a candidate in it. In every round, tokens look at
the other tokens of their box (do we form one pose?) and at the tokens of the same candidate in
other boxes (who else claims it, and how surely?); then each revises its logit.
"""

import math

from keras import layers, ops

from multiposenet.maths.top_k import pick
from multiposenet.networks import roi_crop
from multiposenet.networks.assigner import Assigner
from multiposenet.networks.layers import register

_FREQUENCIES = 5
_FEATURES = 7 + 4 * _FREQUENCIES
_LIMIT = 12.0  # of logits inside exponentials


@register
class JointAssigner(Assigner):
    """Joint assignment, of all candidates of an image to all its boxes at once.

    Args:
        num_keypoints: K.
        width: channels of a token.
        rounds: looks at the own box and at the other boxes.
        heads: of the attention within a box.
        max_tokens: candidates of a box that are considered, the surest first; bounds memory.
        name: name of the model.
    """

    def __init__(
        self,
        num_keypoints=17,
        *,
        width=64,
        rounds=3,
        heads=4,
        max_tokens=256,
        name="joint_assigner",
    ):
        super().__init__(name=name)
        if width % heads:
            raise ValueError(f"JointAssigner: width is {width}; use a multiple of heads, {heads}")
        self.config = {
            "num_keypoints": num_keypoints,
            "width": width,
            "rounds": rounds,
            "heads": heads,
            "max_tokens": max_tokens,
        }
        self.num_keypoints, self.max_tokens = num_keypoints, max_tokens
        # Weight files name it so.
        self.joint = layers.Embedding(num_keypoints, width, name="joint")
        self.embed = [
            layers.Dense(2 * width, activation="gelu", name="embed1"),
            layers.Dense(width, name="embed2"),
        ]
        self.rounds = [
            _Round(num_keypoints, width, heads, name=f"round{i + 1}") for i in range(rounds)
        ]
        self.place = layers.Dense(2 * num_keypoints, name="place")
        self.joint.build((None, None))
        self.embed[0].build((None, None, _FEATURES))
        self.embed[1].build((None, None, 2 * width))
        for round_ in self.rounds:
            round_.build((None, None, width))
        self.place.build((None, width))
        self.built = True

    def call(self, tokens, training=None):
        """Logits of tokens, after every round.

        Args:
            tokens: dict of ``features (R, T, F)``, ``keypoint (R, T)`` and ``candidate (R, T)``
                int32 (equal for the tokens of one candidate in several boxes; below R * T), and
                ``valid (R, T)`` float: R boxes with up to T candidates each. See ``features``.

        Returns:
            ``logits (rounds, R, T)`` and ``places (R, K, 2)``, where in its box, from 0 to 1, each
            keypoint is expected.
        """
        valid, keypoint = tokens["valid"], tokens["keypoint"]
        x = self.joint(keypoint)
        y = tokens["features"]
        for layer in self.embed:
            y = layer(y)
        x = x + y
        rivals = ops.reshape(tokens["candidate"], (-1,))
        row = ops.arange(ops.shape(valid)[0], dtype="int32")[:, None]
        alike = row * self.num_keypoints + keypoint
        alike = ops.reshape(alike, (-1,))
        logits = ops.zeros_like(valid)
        history = []
        for round_ in self.rounds:
            x, logits = round_(x, logits=logits, valid=valid, rivals=rivals, alike=alike)
            history.append(logits)
        belief = ops.sigmoid(logits) * valid
        pose = ops.sum(x * belief[..., None], axis=1)
        pose = pose / (1.0 + ops.sum(belief, axis=1)[:, None])
        places = 0.5 + ops.reshape(self.place(pose), (-1, self.num_keypoints, 2))
        return {"logits": ops.stack(history), "places": places}

    def assign(self, boxes, points, scores):
        boxes, points, scores = (
            ops.convert_to_tensor(x, "float32") for x in (boxes, points, scores)
        )
        images, people = ops.shape(boxes)[0], ops.shape(boxes)[1]
        num_keypoints, peaks = points.shape[1], points.shape[2]
        x, y, inside = roi_crop.relative_places(points, boxes)
        candidate_scores = scores[:, None] * inside
        size = num_keypoints * peaks
        flat = ops.reshape(candidate_scores, (-1, size))
        # Candidates are numbered below the number of tokens.
        length = min(size, max(self.max_tokens, -(-size // boxes.shape[1])))
        strongest, index = ops.top_k(flat, length)
        index = ops.cast(index, "int32")
        rows = ops.repeat(ops.reshape(boxes, (-1, 4)), length, axis=0)
        tokens = {
            "features": features(
                pick(ops.reshape(ops.stack([x, y], axis=-1), (-1, size, 2)), index),
                ops.reshape(rows[:, 2:] - rows[:, :2], (-1, length, 2)),
                strongest,
            ),
            "keypoint": index // peaks,
            "candidate": index
            + size * ops.repeat(ops.arange(images, dtype="int32"), people)[:, None],
            "valid": ops.cast(strongest > 0, "float32"),
        }
        found = self(tokens, training=False)
        logits = ops.where(tokens["valid"] > 0, found["logits"][-1], -30.0)
        row = ops.broadcast_to(
            ops.arange(images * people, dtype="int32")[:, None], ops.shape(index)
        )
        where = ops.stack([ops.reshape(row, (-1,)), ops.reshape(index, (-1,))], axis=-1)
        # Relative to the lowest logit, so that pairs that were not considered have it.
        spread = ops.scatter(where, ops.reshape(logits, (-1,)) + 30.0, ops.shape(flat))
        places = ops.reshape(found["places"], (images, people, num_keypoints, 2))
        expected = boxes[:, :, None, :2] + places * (boxes[:, :, None, 2:] - boxes[:, :, None, :2])
        return ops.reshape(spread - 30.0, ops.shape(candidate_scores)), candidate_scores, expected

    def get_config(self):
        return {**self.config, "name": self.name}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def features(relative, sizes, scores):
    """``(..., F)``: what the network is told of a candidate in a box.

    Args:
        relative: ``(..., 2)`` xy in units of the box, see ``roi_crop.relative_places``.
        sizes: ``(..., 2)`` width and height of the box in pixels.
        scores: ``(...)`` of the candidates.
    """
    centred = ops.clip(relative, -0.5, 1.5) - 0.5
    sizes = ops.maximum(sizes, 1.0)
    side = ops.sqrt(sizes[..., :1] * sizes[..., 1:])
    waves = [
        wave(math.pi * 2**octave * centred)
        for octave in range(_FREQUENCIES)
        for wave in (ops.sin, ops.cos)
    ]
    logarithms = ops.log(sizes) / 5.0
    return ops.concatenate(
        [centred, centred * sizes / side, logarithms, scores[..., None], *waves], axis=-1
    )


class _Round(layers.Layer):
    """Attention within the boxes, a look at the rivals, new logits."""

    def __init__(self, num_keypoints, width, heads, name=None):
        super().__init__(name=name)
        self.num_keypoints, self.width, self.heads = num_keypoints, width, heads
        self.norms = [layers.LayerNormalization(name=f"norm{i}") for i in range(3)]
        self.query = layers.Dense(3 * width, use_bias=False, name="query")
        self.mix = layers.Dense(width, name="mix")
        self.claim = layers.Dense(width, name="claim")
        self.hidden = layers.Dense(3 * width, activation="gelu", name="hidden")
        self.out = layers.Dense(width, kernel_initializer="zeros", name="out")
        self.logit = layers.Dense(1, name="logit")

    def build(self, input_shape):
        width = self.width
        self.trust = self.add_weight(shape=(self.heads,), initializer="zeros", name="trust")
        for norm in self.norms:
            norm.build((None, None, width))
        self.query.build((None, None, width))
        self.mix.build((None, None, width))
        self.claim.build((None, None, width))
        self.hidden.build((None, None, 2 * width + 3))
        self.out.build((None, None, 3 * width))
        self.logit.build((None, None, width))
        self.built = True

    def call(self, x, logits, valid, rivals, alike):
        x = x + self.mix(self._attend(self.norms[0](x), logits, valid))
        y = self.norms[1](x)
        odds = ops.exp(ops.clip(logits, -_LIMIT, _LIMIT)) * valid
        shape = ops.shape(valid)
        count = shape[0] * shape[1]

        def others(values, segments, limit):
            flat = ops.reshape(values, (count, -1))
            total = ops.take(ops.segment_sum(flat, segments, num_segments=limit), segments, axis=0)
            return ops.reshape(total - flat, (shape[0], shape[1], -1))

        # What the other boxes' tokens of the same candidate say, weighted by their odds; 1 is the
        # odds of nobody.
        claim = self.claim(y) * odds[..., None]
        rival_odds = ops.maximum(others(odds, rivals, count), 0.0)
        claims = others(claim, rivals, count) / (1.0 + rival_odds)
        alike_odds = ops.maximum(others(odds, alike, shape[0] * self.num_keypoints), 0.0)
        told = [y, claims, ops.log1p(rival_odds), ops.log1p(alike_odds), logits[..., None]]
        x = x + self.out(self.hidden(ops.concatenate(told, axis=-1)))
        return x, logits + self.logit(self.norms[2](x))[..., 0]

    def _attend(self, x, logits, valid):
        shape, size = ops.shape(x), self.width // self.heads
        q, k, v = (
            ops.transpose(ops.reshape(y, (shape[0], shape[1], self.heads, size)), (0, 2, 1, 3))
            for y in ops.split(self.query(x), 3, axis=-1)
        )
        weight = ops.matmul(q, ops.transpose(k, (0, 1, 3, 2))) / math.sqrt(size)
        # Each head may look at likely members, or at all alike.
        belief = ops.clip(logits, -_LIMIT, _LIMIT)[:, None] * self.trust[:, None]
        belief = belief + (valid[:, None] - 1.0) * 1e4
        weight = ops.softmax(weight + belief[:, :, None], axis=-1)
        y = ops.transpose(ops.matmul(weight, v), (0, 2, 1, 3))
        return ops.reshape(y, (shape[0], shape[1], self.width))
