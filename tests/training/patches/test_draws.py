"""The order in which packed photos are drawn; photos in files are drawn as ever."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from multiposenet.sources import TableRow
from multiposenet.training.datasets.packed import PackedSample
from multiposenet.training.patches.draws import BUFFER, Draws


def sample(shard, row):
    none = np.zeros(0)
    place = TableRow(Path(f"{shard}.parquet"), row)
    return PackedSample(
        Path(f"{shard}/{row}"), (8, 8), none, none, none, none, none, True, False, row=place
    )


SHARDS, EACH = 10, 6
SAMPLES = [sample(shard, row) for shard in range(SHARDS) for row in range(EACH)]


def drawn(draws, number, count):
    return [s.path for s in draws(np.random.default_rng(), number, count)]


def test_every_epoch_has_each_photo_once_in_another_order():
    draws = Draws(SAMPLES, 5)
    first, second = (drawn(draws, epoch * 60, 60) for epoch in range(2))
    assert sorted(first) == sorted(second) == sorted(s.path for s in SAMPLES)
    assert first != second


def test_few_shards_are_read_at_a_time_and_mixed():
    order = drawn(Draws(SAMPLES, 5), 0, 60)
    for start in range(0, 60, BUFFER * EACH):
        part = [path.parent for path in order[start : start + BUFFER * EACH]]
        assert len(set(part)) == min(BUFFER, SHARDS - start // EACH)
        assert len(set(part[:EACH])) > 1


def test_a_draw_is_known_by_its_number_alone():
    draws = Draws(SAMPLES, 5)
    whole = drawn(draws, 0, 150)
    fresh = pickle.loads(pickle.dumps(draws))
    assert [p for n in range(0, 150, 7) for p in drawn(fresh, n, min(7, 150 - n))] == whole
    assert drawn(Draws(SAMPLES, 6), 0, 150) != whole


def test_photos_in_files_are_drawn_by_the_steps_own_numbers():
    files = list("abcdefgh")
    expected = np.random.default_rng((3, 1)).integers(8, size=5)
    found = Draws(files, 0)(np.random.default_rng((3, 1)), 999, 5)
    assert found == [files[index] for index in expected]


@pytest.mark.parametrize("samples", [[], SAMPLES])
def test_as_many_as_there_are(samples):
    assert len(Draws(samples, 0)) == len(samples) and bool(Draws(samples, 0)) == bool(samples)
