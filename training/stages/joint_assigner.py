"""The stage of the joint assigner: photos in which persons overlap, all boxes at once."""

import keras
import numpy as np
from keras import ops

from multiposenet.errors import AnnotationError
from multiposenet.networks import joint_assigner
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.training.grouping import labelled_persons
from multiposenet.training.grouping.labelled_persons import photos as triples
from multiposenet.training.loop import fitting
from multiposenet.training.loop.fingerprint import of_arrays
from multiposenet.training.losses import binary_crossentropy
from multiposenet.training.losses.replicas import divisor
from multiposenet.training.validation.prn import AssignmentValidation


def train_stage(job):
    """Trains the stage of a run, see ``registry.Stage``."""
    skeleton = job.skeleton
    assigner = joint_assigner.JointAssigner(skeleton.num_keypoints)
    validate = None
    if job.val_annotations is not None:
        validate = AssignmentValidation(assigner, job.val_annotations)
    options = {"validate": validate, **job.fit_options}
    train(assigner, Photos(job.samples), job.recipe, skeleton.flip_indices, **options)
    return [assigner]


def train(assigner, photos, recipe, flip_indices, run, **options):
    """Trains a ``JointAssigner`` in place.

    Args:
        assigner: the network.
        photos: a ``Photos`` of the training persons.
        recipe: a ``JointAssignerRecipe``.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        **options: of ``fitting.fit``, such as ``resume``.
    """
    batches = TokenBatches(photos, recipe, flip_indices)
    stage = JointAssignerStage(assigner, recipe.membership)
    steps = recipe.epochs * batches.steps_per_epoch
    fitting.fit(stage, batches, recipe, steps=steps, run=run, **options)


class Photos:
    """Photos in which persons overlap, by their number of persons.

    Args:
        source: ``CocoAnnotations``, or an iterable of ``Sample``.
        reach: persons overlap if a keypoint of one lies in another's box or up to this share of
            its size outside.

    Attributes:
        groups: per number n of persons, from 2: ``boxes (I, n, 4)`` xyxy, ``keypoints
            (I, n, K, 2)`` and ``visible (I, n, K)`` of I photos.

    Raises:
        AnnotationError: there is no such photo.
    """

    def __init__(self, source, reach=0.35):
        found = {}
        for boxes, keypoints, crowd in triples(source):
            keep = ~np.asarray(crowd, bool)
            boxes, places = boxes[keep], keypoints[keep][..., :2]
            visible = keypoints[keep][..., 2] > 0
            inside = _inside(boxes[None], places[None], visible[None], reach)[0]
            inside[np.arange(len(boxes)), :, np.arange(len(boxes))] = False
            if inside.any():
                found.setdefault(len(boxes), []).append((boxes, places, visible))
        if not found:
            raise AnnotationError(
                f"{getattr(source, 'path', 'training data')}: keypoints: none lies in the box of "
                "another person; give photos with people who overlap"
            )
        self.groups = [
            tuple(np.stack(column) for column in zip(*found[count], strict=True))
            for count in sorted(found)
        ]

    def __len__(self):
        return sum(len(boxes) for boxes, _, _ in self.groups)


def _relative(boxes, places):
    """``(I, n, K, P, 2)`` places ``(I, P, K, 2)`` in boxes ``(I, n, 4)``, 0...1 inside them."""
    return labelled_persons.relative_to_all(places.transpose(0, 2, 1, 3), boxes)


def _inside(boxes, places, there, margin=MARGIN):
    """``(I, n, K, P)`` bool: which candidates lie in which boxes; ``there`` is ``(I, P, K)``."""
    near = labelled_persons.within(_relative(boxes, places), margin)
    return near & (there.transpose(0, 2, 1)[:, None] > 0)


class TokenBatches:
    """``batches(step)``: tokens of boxes and candidates, augmented, and which are the person's.

    A batch has photos with equally many persons, about ``recipe.batch_size`` boxes.
    """

    def __init__(self, photos, recipe, flip_indices):
        self.photos, self.recipe, self.flip_indices = photos, recipe, flip_indices
        # The most candidates in a box of each photo.
        self.lengths = [_inside(*group).sum(axis=(2, 3)).max(axis=1) for group in photos.groups]
        self.steps_per_epoch = len(self._plan(0))
        self._known = (None, None)
        self.fingerprint = of_arrays(array for group in photos.groups for array in group)

    def _plan(self, epoch):
        rng = np.random.default_rng((self.recipe.seed, epoch))
        plan = []
        for group, (boxes, _, _) in enumerate(self.photos.groups):
            # Photos with boxes about as full go together: little is padding.
            images = np.argsort(self.lengths[group] * rng.uniform(0.9, 1.1, len(boxes)))
            parts = max(round(boxes.shape[0] * boxes.shape[1] / self.recipe.batch_size), 1)
            plan += [(group, rows) for rows in np.array_split(images, parts)]
        return [plan[i] for i in rng.permutation(len(plan))]

    def __call__(self, step):
        epoch, batch = divmod(step, self.steps_per_epoch)
        known, plan = self._known
        if known != epoch:
            plan = self._plan(epoch)
            self._known = (epoch, plan)
        group, rows = plan[batch]
        rng = np.random.default_rng((self.recipe.seed, epoch, batch))
        boxes, places, visible = (values[rows] for values in self.photos.groups[group])
        boxes, places, scores, seen = self._augment(rng, boxes, places, visible)
        recipe = self.recipe
        return tokens(boxes, places, scores, seen, rng, recipe.uncontested_share, recipe.max_tokens)

    def _augment(self, rng, boxes, places, visible):
        """Boxes, candidates, their scores, and which persons have a box."""
        recipe, (images, people, num_keypoints) = self.recipe, visible.shape
        size = np.maximum(boxes[..., 2:] - boxes[..., :2], 1.0)
        # Photos differ in how hard they are.
        hard = rng.random((images, 1, 1))
        sigma = recipe.point_jitter * np.sqrt(size.prod(axis=-1))[..., None] * 2 * hard
        places = places + rng.normal(0, 1, places.shape) * sigma[..., None]
        mean = np.broadcast_to(np.clip(1.0 - recipe.score_drop * hard, 0.05, 0.98), visible.shape)
        scores = visible * rng.beta(6 * mean, 6 * (1 - mean))
        scores *= rng.random(visible.shape) >= recipe.missing * hard
        if recipe.swapped:
            # The mirrored keypoint's map has a peak, too.
            swapped = scores * rng.uniform(0, 1.2, visible.shape).clip(max=1)
            swapped *= rng.random(visible.shape) < recipe.swapped * hard
            places = np.concatenate([places, places[:, :, self.flip_indices]], axis=1)
            scores = np.concatenate([scores, swapped[:, :, self.flip_indices]], axis=1)
        if recipe.spurious:
            count = int(np.ceil(recipe.spurious * people))
            of = rng.integers(0, people, (images, count))
            of = np.take_along_axis(boxes, of[..., None], axis=1)[:, :, None]
            where = rng.uniform(-MARGIN, 1 + MARGIN, (images, count, num_keypoints, 2))
            extra = of[..., :2] + where * (of[..., 2:] - of[..., :2])
            fake = rng.exponential(0.1, (images, count, num_keypoints)).clip(0.02, 1)
            fake *= rng.random(fake.shape) < hard
            places = np.concatenate([places, extra], axis=1)
            scores = np.concatenate([scores, fake], axis=1)
        reach = recipe.box_jitter * rng.random((images, 1, 1))
        boxes = boxes + rng.uniform(-1, 1, boxes.shape) * reach * np.tile(size, 2)
        seen = rng.random((images, people)) >= recipe.absent
        flipped = rng.random(images) < 0.5
        boxes[flipped] = (boxes[flipped] * (-1, 1, -1, 1))[..., [2, 1, 0, 3]]
        places[flipped] = places[flipped][:, :, self.flip_indices] * (-1, 1)
        scores[flipped] = scores[flipped][:, :, self.flip_indices]
        scale = np.exp(rng.uniform(-recipe.zoom, recipe.zoom, (images, 1, 1)))
        return boxes * scale, places * scale[..., None], scores, seen


def tokens(boxes, places, scores, seen=None, rng=None, uncontested_share=1.0, limit=256):
    """Boxes and candidates of photos as tokens (see ``JointAssignerStage.call``), and the answer.

    Args:
        boxes: ``(I, n, 4)`` xyxy.
        places: ``(I, P, K, 2)`` xy of the candidates; the first n are the persons' own.
        scores: ``(I, P, K)``, 0 for candidates that are not there.
        seen: ``(I, n)`` bool, which boxes there are; None for all.
        rng: draws the boxes to keep.
        uncontested_share: share of the boxes kept of those without a candidate that lies in another
            box too.
        limit: most tokens of a box; the surest candidates stay.

    Returns:
        ``tokens`` and ``answer``, a dict of ``own (R, T)``, 1 for the person's own keypoints, and
        ``places (R, K, 3)``: its keypoints in its box, from 0 to 1, and whether they are known.
    """
    images, people = boxes.shape[:2]
    count, num_keypoints = scores.shape[1:]
    size = np.maximum(boxes[..., 2:] - boxes[..., :2], 1e-3)
    relative, inside = _relative(boxes, places), _inside(boxes, places, scores)
    if seen is not None:
        inside &= seen[:, :, None, None]
    claimed = inside.sum(axis=1, keepdims=True)
    contested = (inside & (claimed > 1)).any(axis=(2, 3)).ravel()
    drawn = contested | (rng.random(len(contested)) < uncontested_share if rng else True)
    keep = np.flatnonzero(drawn & (True if seen is None else seen.ravel()))
    if not len(keep):
        keep = np.zeros(1, int)
    inside = inside.reshape(images * people, -1)[keep]
    image, person = np.divmod(keep, people)
    flat = scores.transpose(0, 2, 1).reshape(images, -1)[image]
    length = min(max(int(inside.sum(axis=1).max(initial=0)), 1), limit)
    index = np.argsort(-flat * inside, axis=1, kind="stable")[:, :length]
    valid = np.take_along_axis(inside, index, axis=1)
    relative = relative.reshape(images * people, -1, 2)[keep]
    relative = np.take_along_axis(relative, index[..., None], axis=1)
    keypoint, owner = np.divmod(index, count)
    box_size = np.broadcast_to(size.reshape(-1, 2)[keep][:, None], relative.shape)
    candidate = index + image[:, None] * num_keypoints * count
    candidate = np.unique(candidate, return_inverse=True)[1].reshape(index.shape)
    own_places = labelled_persons.relative(places[:, :people], boxes[:, :, None])
    known = (scores[:, :people] > 0) & labelled_persons.within(own_places)
    answer = np.concatenate([own_places, known[..., None]], axis=-1)
    inputs = {
        "relative": relative.astype(np.float32),
        "sizes": box_size.astype(np.float32),
        "scores": (np.take_along_axis(flat, index, axis=1) * valid).astype(np.float32),
        "keypoint": keypoint.astype(np.int32),
        "candidate": candidate.astype(np.int32),
        "valid": valid.astype(np.float32),
    }
    own = (owner == person[:, None]) & valid
    answer = answer.reshape(images * people, num_keypoints, 3)[keep]
    return inputs, {"own": own.astype(np.float32), "places": answer.astype(np.float32)}


class JointAssignerStage(keras.Model):
    """A joint assigner alone, on the keypoints of labelled persons.

    Args:
        assigner: a ``JointAssigner``, trained in place.
        membership: weight of the binary cross-entropy of every token against the cross-entropies
            of the choice of a candidate by its box and of a box by its candidate.
    """

    def __init__(self, assigner, membership=1.0):
        super().__init__(name="joint_stage")
        self.assigner, self.membership = assigner, membership
        self.built = True

    def call(self, inputs, training=None):
        tokens = {key: inputs[key] for key in ("keypoint", "candidate", "valid")}
        tokens["features"] = joint_assigner.features(
            inputs["relative"], inputs["sizes"], inputs["scores"]
        )
        return {**self.assigner(tokens, training=training), **tokens}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        valid, own = y_pred["valid"], y["own"]
        shape = ops.shape(valid)
        count, num_keypoints = shape[0] * shape[1], self.assigner.num_keypoints
        alike = ops.arange(shape[0], dtype="int32")[:, None] * num_keypoints + y_pred["keypoint"]
        tokens = divisor(ops.sum(valid))
        losses, rounds = 0.0, y_pred["logits"].shape[0]
        for index in range(rounds):
            logits = ops.cast(y_pred["logits"][index], "float32")
            entropy = binary_crossentropy(own, logits)
            member = ops.sum(valid * entropy) / tokens
            loss = _choice(logits, valid, own, alike, shape[0] * num_keypoints)
            loss = loss + _choice(logits, valid, own, y_pred["candidate"], count)
            loss = loss + self.membership * member
            losses = losses + loss * (1.0 if index == rounds - 1 else 0.3)
        known = y["places"][..., 2:]
        off = ops.abs(ops.cast(y_pred["places"], "float32") - y["places"][..., :2]) * known
        return losses + 0.1 * ops.sum(off) / divisor(ops.sum(known))


def _choice(logits, valid, own, segments, count):
    """Cross-entropy of the own token of every segment, by a softmax over the segment's tokens."""
    logits = ops.clip(logits, -15.0, 15.0)
    segments = ops.reshape(segments, (-1,))
    odds = ops.reshape(ops.exp(logits) * valid, (-1,))
    total = ops.take(ops.segment_sum(odds, segments, num_segments=count), segments)
    surprise = ops.log(ops.reshape(total, ops.shape(logits)) + 1e-6) - logits
    return ops.sum(own * surprise) / divisor(ops.sum(own))
