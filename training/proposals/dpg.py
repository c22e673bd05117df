"""Deep proposals generator (RMPE, section 3.2.2).

Random boxes around a person, of which a proposal network picks those that a detector would draw.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from keras import ops

from multiposenet.errors import WeightsError
from multiposenet.files import bounded_files
from multiposenet.files.writing import save_weights, write_json
from multiposenet.networks.proposal_network import ProposalNetwork
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.skeleton import Skeleton
from multiposenet.training.proposals import offsets, rendering
from multiposenet.training.proposals.generator import Generator

REACH = rendering.MARGIN
"""Greatest offset of a side of a random box; what lies farther off is not on the pictures."""

_MAX_BYTES = 1 << 20  # of the file beside the weights
_CANDIDATES = 1024  # random boxes that some persons choose from
_PERSONS = 16  # that share them
_BATCH = 256
_POOL = 8192  # random boxes of a ``PooledDPG``


def random_offsets(rng, count, iou) -> np.ndarray:
    """(count, 4) offsets of boxes, uniform among those with at least this IoU with the true box.

    Args:
        rng: NumPy's ``Generator``.
        count: boxes.
        iou: below 1.
    """
    # No side can be farther off: outwards the box would be too large, inwards too small.
    outwards, inwards = min(REACH, 1 / iou - 1), min(REACH, 1 - iou)
    low, high = (-outwards, -outwards, -inwards, -inwards), (inwards, inwards, outwards, outwards)
    found = np.empty((0, 4))
    while len(found) < count:
        drawn = rng.uniform(low, high, (4 * count, 4))
        found = np.concatenate([found, drawn[offsets.unit_iou(drawn) >= iou]])
    return found[:count]


@dataclass(frozen=True, eq=False)
class DPG(Generator):
    """Boxes that a network takes for a detector's.

    Attributes:
        network: a ``ProposalNetwork``.
        skeleton: of the poses.
        iou: least IoU of the boxes that it was trained on, and of a generated box.
    """

    network: ProposalNetwork
    skeleton: Skeleton
    iou: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the keypoints."""
        return self.skeleton.keypoints

    def probabilities(self, keypoints, boxes, drawn) -> np.ndarray:
        """(N, M) that the detector would draw each box around each person.

        Args:
            keypoints: (N, K, 3) in pixels; without any keypoint the pose image is black.
            boxes: (N, 4) xyxy, the true boxes.
            drawn: (M, 4) offsets.
        """
        return self._probabilities(keypoints, boxes, self._places(drawn))

    def _places(self, drawn):
        """(M, F) features of boxes with these offsets."""
        images = rendering.box_images(drawn, self.network.size)
        return features(self.network.box, images)

    def _probabilities(self, keypoints, boxes, places):
        images = rendering.pose_images(keypoints, boxes, self.skeleton, self.network.size)
        poses = features(self.network.pose, images / np.float32(255))
        return ops.convert_to_numpy(ops.exp(-self.network.energy(poses[:, None], places)))

    def draw(self, keypoints, boxes, rng, count=1, threshold=0.5) -> np.ndarray:
        """Offsets of random boxes that the network accepts.

        Args:
            keypoints, boxes, rng, count: as of ``sample``.
            threshold: least probability. Where too few boxes reach it, the likeliest take part.

        Returns:
            (N, count, 4); boxes of a person differ.
        """
        drawn = [np.empty((0, count, 4))]
        for start in range(0, len(boxes), _PERSONS):
            some = slice(start, start + _PERSONS)
            candidates = random_offsets(rng, max(_CANDIDATES, 4 * count), self.iou)
            chance = self.probabilities(keypoints[some], boxes[some], candidates)
            drawn.append(_accepted(candidates, chance, rng, count, threshold))
        return np.concatenate(drawn)

    def save(self, path) -> None:
        """Writes the weights, ``NAME.weights.h5``, and ``NAME.json`` with what they belong to."""
        save_weights(self.network, path)
        about = {
            "network": self.network.get_config(),
            "skeleton": self.skeleton.to_dict(),
            "iou": self.iou,
        }
        write_json(_about(path), about)

    @classmethod
    def load(cls, path) -> "DPG":
        """Reads what ``save`` wrote.

        Raises:
            WeightsError: a file is missing or damaged.
        """
        for name in (Path(path), _about(path)):
            if not name.exists():
                raise WeightsError(f"{name}: file: missing; train it by `multiposenet train dpg`")
        try:
            about = bounded_files.read_json(_about(path), _MAX_BYTES)
            network = ProposalNetwork.from_config(about["network"])
            load_completely(network, path)
            return cls(network, Skeleton.from_dict(about["skeleton"]), float(about["iou"]))
        except Exception as error:  # depends on what is damaged
            raise WeightsError(
                f"{path}: file: no DPG or damaged; train it again by `multiposenet train dpg`"
            ) from error


@dataclass(frozen=True, eq=False)
class PooledDPG(DPG):
    """A DPG for training, which asks for one person's box at a time.

    Its random boxes come from a pool, the same for everybody, that the network has seen once: what
    is left for a person is the pose and the choice.

    Attributes:
        pool: (P, 4) offsets.
        places: (P, F) their features.
    """

    pool: np.ndarray = field(init=False)
    places: np.ndarray = field(init=False)

    def __post_init__(self):
        object.__setattr__(self, "pool", random_offsets(np.random.default_rng(0), _POOL, self.iou))
        object.__setattr__(self, "places", self._places(self.pool))

    def draw(self, keypoints, boxes, rng, count=1, threshold=0.5) -> np.ndarray:
        """As of ``DPG``; ``count`` is at most the size of the pool."""
        rows = rng.choice(_POOL, max(_CANDIDATES, count), replace=False)
        chance = self._probabilities(keypoints, boxes, self.places[rows])
        return _accepted(self.pool[rows], chance, rng, count, threshold)


def _accepted(candidates, chance, rng, count, threshold):
    """(N, count, 4): for each person, of the candidates (M, 4), some that are likely enough by
    ``chance (N, M)``, or the likeliest."""
    rank = np.where(chance >= threshold, 1 + rng.random(chance.shape), chance)
    return candidates[np.argsort(-rank, axis=1, kind="stable")[:, :count]]


def features(branch, images) -> np.ndarray:
    """(n, F) of one branch of a network, for images (n, S, S, C) from 0 to 1."""
    parts = [
        ops.convert_to_numpy(branch(images[start : start + _BATCH]))
        for start in range(0, len(images), _BATCH)
    ]
    return np.concatenate([np.zeros((0, branch.output_shape[-1]), np.float32), *parts])


def _about(path) -> Path:
    path = Path(path)
    return path.with_name(path.name.removesuffix(".weights.h5") + ".json")
