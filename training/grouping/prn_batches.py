"""Batches of the PRN stage: which candidate belongs to which person, as flat lists of pairs.

The first layer of the PRN is linear in its input, and the input is a handful of peaks in 34,000
cells. So that layer is a sum of rows of its kernel, one for every cell with a peak, and only the
candidates' cells are needed of its output: the same function at a thousandth of the arithmetic.
An entry is a pair of a person and a candidate in the person's box or its margin.
"""

import numpy as np

from multiposenet.networks.roi_crop import MARGIN
from multiposenet.training.grouping import curriculum
from multiposenet.training.grouping.labelled_persons import NOBODY, cells, expand, relative, within
from multiposenet.training.loop.fingerprint import of_arrays

# Entries and persons are padded to multiples: few shapes to compile.
ENTRIES, PERSONS = 4096, 256


class CandidatePairBatches:
    """``batches(step) -> (x, y)`` for ``PRNStage``; randomness from (seed, step) alone.

    A batch is of whole photos, whose persons compete for the same candidates. An epoch has all
    photos in which somebody is crowded and a share of the others.

    Args:
        people: ``LabelledPersons``.
        recipe: a ``PRNRecipe``.
        flip_indices: ``(K,)`` of the skeleton.

    Attributes:
        steps_per_epoch: steps of about ``recipe.batch_size`` persons each.

    Returns (by the call):
        ``x``, with n persons and M entries ordered by person and keypoint, both padded to few
        different lengths: ``person``, ``keypoint (M,)`` int32; ``candidate (M,)`` int32, which
        candidate of the batch; ``row (M,)`` int32, which of ``people``; ``cells (M, C)`` int32 and
        ``weights (M, C)``, the C = 4 cells of the crop around the candidate, or one drawn from
        them; ``scores (M,)``, 0 in padding; ``peaks (M,)``, the crop's value at the candidate;
        ``boxes (n, 4)``.
        ``y``: ``own (M,)`` 1 where the candidate is the person's, ``taught (M,)`` 1 where it
        counts.
    """

    def __init__(self, people, recipe, flip_indices):
        self.people, self.recipe = people, recipe
        self.flip_indices = np.asarray(flip_indices)
        self.sizes = np.diff(people.box_start)
        crowded = np.zeros(len(self.sizes), bool)
        crowded[people.photo[people.crowded]] = True
        self.contested, self.uncontested = np.flatnonzero(crowded), np.flatnonzero(~crowded)
        persons = (
            self.sizes[self.contested].sum()
            + recipe.uncontested_share * self.sizes[self.uncontested].sum()
        )
        self.steps_per_epoch = max(int(persons) // recipe.batch_size, 1)
        self.steps = recipe.epochs * self.steps_per_epoch
        self.ease = curriculum.ease_of_photos(people) if recipe.curriculum else None
        self._known = (None, None)
        arrays = (people.boxes, people.points, people.keypoint, people.owner, people.taught)
        self.fingerprint = of_arrays((*arrays, people.box_start))

    def photos(self, step):
        """The photos of a step: those of about ``batch_size`` persons."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        if self._known[0] != epoch:
            rng = np.random.default_rng((self.recipe.seed, epoch))
            self._known = (epoch, self._epoch(epoch, rng))
        order, part = self._known[1]
        return order[part == batch]

    def _epoch(self, epoch, rng):
        """Photos in turn, and the batch of each."""
        few = rng.permutation(self.uncontested)[
            : round(self.recipe.uncontested_share * len(self.uncontested))
        ]
        order = rng.permutation(np.concatenate([self.contested, few]))
        if self.ease is not None:
            done = epoch / max(self.recipe.curriculum * self.recipe.epochs, 1e-9)
            order = curriculum.easiest(order, self.ease, curriculum.pace(done), rng)
        before = np.cumsum(self.sizes[order]) - self.sizes[order]
        return order, before * self.steps_per_epoch // (before[-1] + 1)

    def __call__(self, step):
        rng = np.random.default_rng((self.recipe.seed, *divmod(step, self.steps_per_epoch)))
        return entries(self.people, self.photos(step), self.recipe, self.flip_indices, rng)


def entries(people, photos, recipe, flip_indices, rng):
    """The batch of some photos.

    Args:
        people: ``LabelledPersons``.
        photos: rows of photos.
        recipe: how they are jittered.
        flip_indices: of the skeleton.
        rng: generator.

    Returns:
        See ``CandidatePairBatches``.
    """
    start = people.box_start[photos]
    rows, view = expand(start, people.box_start[photos + 1] - start)
    boxes = people.boxes[rows]
    size = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
    boxes = boxes + rng.uniform(-1, 1, boxes.shape) * recipe.box_jitter * size
    seen = _seen(people, photos, recipe, rng)
    if recipe.spurious:
        seen = _with_spurious(seen, people.num_keypoints, boxes, view, recipe, rng)
    start = np.searchsorted(seen["photo"], np.arange(len(photos) + 1))
    candidate, person = expand(start[view], np.diff(start)[view])
    place = relative(seen["place"][candidate], boxes[person])
    near = within(place)
    candidate, person, place = candidate[near], person[near], place[near]
    keypoint, scores = seen["keypoint"][candidate], seen["score"][candidate]
    flipped = (rng.random(len(photos)) < 0.5)[view[person]]
    place[flipped, 0] = 1 - place[flipped, 0]
    keypoint = np.where(flipped, flip_indices[keypoint], keypoint)
    order = np.argsort(person * people.num_keypoints + keypoint, kind="stable")
    candidate, person, place, keypoint, scores = (
        values[order] for values in (candidate, person, place, keypoint, scores)
    )
    own = seen["owner"][candidate] == rows[person]
    grid, weights = cells(place)
    if not recipe.bilinear:
        grid, weights = _one_cell(grid, weights, rng)
    taught = people.taught[rows[person]]
    x = {
        "person": person,
        "keypoint": keypoint,
        # Numbered anew, below the number of entries.
        "candidate": np.unique(candidate, return_inverse=True)[1],
        "row": seen["row"][candidate],
        "cells": grid,
        "weights": weights,
        "scores": scores,
        "peaks": _peaks(person * people.num_keypoints + keypoint, grid, weights * scores[:, None]),
    }
    fill = {"person": len(rows) - 1, "keypoint": people.num_keypoints - 1}
    x = {name: _pad(values, ENTRIES, fill.get(name, 0)) for name, values in x.items()}
    x["boxes"] = _pad(boxes, PERSONS)
    y = {"own": own.astype(np.float32), "taught": taught.astype(np.float32)}
    return x, {name: _pad(values, ENTRIES) for name, values in y.items()}


def _seen(people, photos, recipe, rng):
    """The candidates of some photos, by photo, as a detector might see them."""
    row, photo = people.points_of(photos)
    noise = rng.normal(0, recipe.point_jitter, (len(row), 2))
    seen = {
        "row": row,
        "photo": photo,
        "place": people.points[row] + noise * people.owner_size[row],
        "score": rng.uniform(recipe.min_score, 1, len(row)),
        "keypoint": people.keypoint[row],
        "owner": people.owner[row],
    }
    kept = rng.random(len(row)) >= recipe.missing
    return {name: values[kept] for name, values in seen.items()}


def _with_spurious(seen, num_keypoints, boxes, view, recipe, rng):
    """Adds candidates that are nobody's, ``recipe.spurious`` per keypoint and box."""
    box = np.repeat(np.arange(len(boxes)), rng.poisson(recipe.spurious * num_keypoints, len(boxes)))
    inside = rng.uniform(-MARGIN, 1 + MARGIN, (len(box), 2))
    size = np.maximum(boxes[box, 2:] - boxes[box, :2], 1)
    extra = {
        "row": np.full(len(box), NOBODY),
        "photo": view[box],
        "place": boxes[box, :2] + inside * size,
        "score": rng.uniform(recipe.min_score, 1, len(box)),
        "keypoint": rng.integers(0, num_keypoints, len(box)),
        "owner": np.full(len(box), NOBODY),
    }
    merged = {name: np.concatenate([values, extra[name]]) for name, values in seen.items()}
    order = np.argsort(merged["photo"], kind="stable")
    return {name: values[order] for name, values in merged.items()}


def _one_cell(grid, weights, rng):
    """One of the four cells, drawn by its weight: the same input in the mean, at a quarter of the
    cost."""
    drawn = (rng.random((len(grid), 1)) > np.cumsum(weights[:, :3], axis=1)).sum(axis=1)
    return np.take_along_axis(grid, drawn[:, None], 1), np.ones((len(grid), 1), np.float32)


def _peaks(segment, grid, heights):
    """``(M,)`` value of the crop at every entry: what all candidates of the same person and
    keypoint leave there. ``segment`` is sorted."""
    first = np.searchsorted(segment, segment)
    count = np.searchsorted(segment, segment, side="right") - first
    other, entry = expand(first, count)
    same = grid[entry][:, :, None] == grid[other][:, None, :]
    total = heights.sum(axis=1, keepdims=True)
    weights = np.divide(heights, total, out=np.zeros_like(heights), where=total > 0)
    value = (same * weights[entry][:, :, None] * heights[other][:, None, :]).sum(axis=(1, 2))
    return np.bincount(entry, value, minlength=len(segment))


def _pad(values, multiple, fill=0):
    rest = -len(values) % multiple
    values = np.concatenate([values, np.full((rest, *values.shape[1:]), fill, values.dtype)])
    return values.astype(np.int32 if np.issubdtype(values.dtype, np.integer) else np.float32)
