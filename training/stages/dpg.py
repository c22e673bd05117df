"""How the proposal network is trained (RMPE, section 4.1.1).

The detector's own boxes are positive, random boxes around the persons negative, some 24 times as
many. The negatives are divided into as many parts; the network learns from one part after the
other, each time together with the hardest of the parts before.
"""

from pathlib import Path

import keras
import numpy as np
from keras import ops

from multiposenet.errors import AnnotationError
from multiposenet.networks.proposal_network import ProposalNetwork
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import of_arrays
from multiposenet.training.losses import binary_crossentropy_of_logs
from multiposenet.training.proposals import offsets, rendering
from multiposenet.training.proposals.dpg import DPG, features, random_offsets


def train_stage(job):
    """Trains the generator of a run, see ``registry.Stage``."""
    recipe, skeleton = job.recipe, job.samples.skeleton
    pairs = offsets.collect_file(job.samples, job.detections, recipe, exclusive=False)
    network = ProposalNetwork(recipe.size, features=recipe.features)
    examples = Examples(pairs, skeleton, recipe, recipe.size)
    options = {"resume": job.resume, "engine": job.engine}
    train(network, examples, recipe, job.run / "dpg", **options)
    return [DPG(network, skeleton, recipe.iou)]


def train(network, examples, recipe, run, *, resume=False, engine=None):
    """Trains a ``ProposalNetwork`` in place.

    Args:
        network: made within the engine's scope.
        examples: ``Examples``.
        recipe: a ``DPGRecipe``.
        run: folder; every part of the negatives has its own, ``part-01`` and so on, in it.
        resume, engine: see ``fitting.fit``. Parts that are finished are only read again.
    """
    hard = np.zeros(0, int)
    for number, part in enumerate(examples.parts, start=1):
        rows = np.concatenate([hard, part])
        batches = ProposalBatches(examples, rows, recipe, number)
        folder = Path(run) / f"part-{number:02}"
        options = {"steps": recipe.steps, "run": folder, "resume": resume, "engine": engine}
        fitting.fit(DPGStage(network), batches, recipe, **options)
        hard = hardest(network, examples, rows, examples.positives)


def hardest(network, examples, rows, count):
    """Those examples, of some rows, that the network takes most for a detector's boxes."""
    poses = features(network.pose, examples.images[:, 0] / np.float32(255))
    boxes = features(network.box, rendering.box_images(examples.offsets[rows], network.size))
    energy = ops.convert_to_numpy(network.energy(poses[examples.person[rows]], boxes))
    return rows[np.argsort(energy, kind="stable")[:count]]


class Examples:
    """Boxes around the persons that the detector has found, positives first.

    Args:
        pairs: ``offsets.Pairs``; a person may be in several.
        skeleton: of the poses.
        recipe: a ``DPGRecipe``.
        size: side of the pictures in pixels.

    Attributes:
        images: (N, 2, S, S, 3) uint8, pose images of the persons, and mirrored.
        offsets: (E, 4) of the detections, then of the random boxes, ``recipe.patches`` of a person.
        person: (E,) row of `images` of each.
        positives: number of the detections.
        parts: list of ``recipe.parts`` arrays of rows; each random box is in one of them.

    Raises:
        AnnotationError: there are fewer random boxes than parts.
    """

    def __init__(self, pairs, skeleton, recipe, size):
        people, first, person = np.unique(pairs.person, return_index=True, return_inverse=True)
        rng = np.random.default_rng((recipe.seed, 0))
        own = pairs.select(first)
        self.images = np.stack(
            [
                rendering.pose_images(x.keypoints, x.boxes, skeleton, size)
                for x in (own, own.mirrored(skeleton.flip_indices))
            ],
            axis=1,
        )
        patches = random_offsets(rng, len(people) * recipe.patches, pairs.iou)
        if len(patches) < recipe.parts:
            raise AnnotationError(
                f"dpg: {len(patches)} random boxes around {len(people)} persons, for "
                f"{recipe.parts} parts; give more detections, or --set parts=1"
            )
        self.offsets = np.concatenate([pairs.offsets, patches])
        around = np.repeat(np.arange(len(people)), recipe.patches)
        self.person = np.concatenate([person, around])
        self.positives = len(pairs)
        rows = self.positives + rng.permutation(len(patches))
        self.parts = np.array_split(rows, recipe.parts)


class ProposalBatches:
    """``batches(step)``: pictures of as many detections as random boxes, half of them mirrored.

    Args:
        examples: ``Examples``.
        rows: of the random boxes that take part.
        recipe: a ``DPGRecipe``.
        number: of the part; batches of different parts differ.
    """

    def __init__(self, examples, rows, recipe, number):
        self.examples, self.rows, self.recipe, self.number = examples, rows, recipe, number
        self.size = examples.images.shape[2]
        self.fingerprint = of_arrays((examples.offsets, examples.person, rows))

    def __call__(self, step):
        examples, count = self.examples, self.recipe.batch_size
        rng = np.random.default_rng((self.recipe.seed, self.number, step))
        own = rng.integers(examples.positives, size=count // 2)
        other = self.rows[rng.integers(len(self.rows), size=count - len(own))]
        rows = np.concatenate([own, other])
        flip = rng.random(count) < 0.5
        drawn = examples.offsets[rows]
        drawn[flip] = offsets.mirrored(drawn[flip])
        x = {
            "pose": examples.images[examples.person[rows], flip.astype(int)] / np.float32(255),
            "box": rendering.box_images(drawn, self.size),
        }
        return x, {"positive": (rows < examples.positives).astype(np.float32)}


class DPGStage(keras.Model):
    """A proposal network, taught to tell detections from random boxes by cross-entropy.

    Args:
        network: a ``ProposalNetwork``, trained in place.
    """

    def __init__(self, network):
        super().__init__(name="dpg_stage")
        self.network = network
        self.own = keras.metrics.Mean("positives")  # mean probabilities
        self.other = keras.metrics.Mean("negatives")
        self.built = True

    def call(self, x, training=None):
        pose, box = (
            branch(x[name], training=training)
            for name, branch in (("pose", self.network.pose), ("box", self.network.box))
        )
        return {"energy": self.network.energy(pose, box)}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """``y``: ``positive (B,)``, 1 or 0."""
        # Away from 0, where a negative would cost infinitely much.
        energy, positive = y_pred["energy"] + 1e-6, ops.convert_to_tensor(y["positive"])
        entropy = binary_crossentropy_of_logs(positive, -energy, ops.log(-ops.expm1(-energy)))
        chance = ops.exp(-energy)
        self.own.update_state(chance, sample_weight=positive)
        self.other.update_state(chance, sample_weight=1 - positive)
        return ops.mean(entropy)
