"""Which photos a step sees: any of all, or of packed ones shard after shard."""

import functools

import numpy as np

from multiposenet.training.datasets.packed import PackedSample

BUFFER = 4
"""Shards whose photos are mixed with each other."""


class Draws:
    """Draws of photos by their number alone: a resumed training, or one of several processes, sees
    what it would have seen.

    Photos in files of their own are drawn at random, again and again. Of packed ones every epoch
    has each once: the shards come in random order, and the photos of `BUFFER` of them at a time,
    so that few files are read at once, from their beginning to their end.

    Args:
        samples: list of ``datasets.Sample``.
        seed: of the order.
    """

    def __init__(self, samples, seed):
        self.samples, self.seed = samples, seed
        self._shards = None
        if samples and all(isinstance(sample, PackedSample) for sample in samples):
            rows = {}
            for place, sample in enumerate(samples):
                rows.setdefault(sample.row.table, []).append(place)
            self._shards = [np.array(places) for places in rows.values()]
            self._order = functools.lru_cache(maxsize=2)(self._order)

    def __len__(self):
        return len(self.samples)

    def __call__(self, rng, number, count):
        """Some samples.

        Args:
            rng: the step's, for photos in files of their own.
            number: how many were drawn before, in all steps.
            count: how many are wanted.
        """
        if self._shards is None:
            chosen = rng.integers(len(self.samples), size=count)
        else:
            places = np.arange(number, number + count)
            epochs, rows = places // len(self.samples), places % len(self.samples)
            chosen = [self._order(int(e))[row] for e, row in zip(epochs, rows, strict=True)]
        return [self.samples[index] for index in chosen]

    def _order(self, epoch):
        """The places of all samples in the order of an epoch."""
        rng = np.random.default_rng((self.seed, epoch))
        shards = [self._shards[index] for index in rng.permutation(len(self._shards))]
        mixed = [
            rng.permutation(np.concatenate(shards[start : start + BUFFER]))
            for start in range(0, len(shards), BUFFER)
        ]
        return np.concatenate(mixed)

    def __getstate__(self):
        return {"samples": self.samples, "seed": self.seed}

    def __setstate__(self, state):
        self.__init__(**state)
