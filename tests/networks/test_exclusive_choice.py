"""The choice in a graph against loops: the greedy one, and that of Gale and Shapley."""

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet.maths import matching
from multiposenet.networks.exclusive_choice import IMPOSSIBLE, yield_to_better


def _greedy(preference, identity):
    """The candidate, by its number among all, that the loop gives each person; -1 for none."""
    batch, people, keypoints, _ = preference.shape
    found = np.full((batch, people, keypoints), -1)
    for b, k in np.ndindex(batch, keypoints):
        odds = np.full((people, identity.max() + 1), -np.inf)
        for n in range(people):
            possible = preference[b, n, k] > IMPOSSIBLE
            odds[n, identity[b, n, k, possible]] = preference[b, n, k, possible]
        found[b, :, k] = matching.greedy(odds, -np.inf)
    return found


@pytest.mark.parametrize("people", [1, 2, 30])
def test_equals_the_greedy_loop(people):
    rng = np.random.default_rng(people)
    shape = (2, people, 3, 5)
    # Few candidates for many people: long chains of those who yield.
    identity = np.argsort(rng.random((*shape[:3], 12)), axis=-1)[..., :5].astype("int32")
    preference = rng.normal(0, 4, shape).astype("float32")
    preference[rng.random(shape) < 0.2] = IMPOSSIBLE
    left = ops.convert_to_numpy(compiled(yield_to_better)(preference, preference, identity))
    best = left.argmax(axis=-1)[..., None]
    chosen = np.take_along_axis(identity, best, -1)[..., 0]
    possible = np.take_along_axis(left, best, -1)[..., 0] > IMPOSSIBLE
    np.testing.assert_array_equal(np.where(possible, chosen, -1), _greedy(preference, identity))
    kept = left > IMPOSSIBLE
    np.testing.assert_array_equal(left[kept], preference[kept])


def _stable(preference, claim, identity):
    """One person after the other proposes down their list; see `_greedy` for the arguments."""
    people, candidates = preference.shape
    found, holder = np.full(people, -1), {}
    lists = [list(np.argsort(-preference[n], kind="stable")) for n in range(people)]
    free = list(range(people))
    while free:
        n = free.pop()
        while lists[n]:
            place = lists[n].pop(0)
            if preference[n, place] <= IMPOSSIBLE:
                continue
            wanted = identity[n, place]
            other, others_claim = holder.get(wanted, (None, -np.inf))
            if claim[n, place] > others_claim:
                holder[wanted], found[n] = (n, claim[n, place]), wanted
                if other is not None:
                    found[other] = -1
                    free.append(other)
                break
    return found


def test_the_greater_claim_keeps_what_others_prefer_more():
    rng = np.random.default_rng(0)
    shape = (1, 12, 4, 5)
    identity = np.argsort(rng.random((*shape[:3], 9)), axis=-1)[..., :5].astype("int32")
    preference = rng.normal(0, 4, shape).astype("float32")
    preference[rng.random(shape) < 0.2] = IMPOSSIBLE
    claim = rng.normal(0, 1, shape).astype("float32")
    left = ops.convert_to_numpy(compiled(yield_to_better)(preference, claim, identity))
    best = left.argmax(axis=-1)[..., None]
    chosen = np.take_along_axis(identity, best, -1)[..., 0]
    chosen = np.where(np.take_along_axis(left, best, -1)[..., 0] > IMPOSSIBLE, chosen, -1)
    for keypoint in range(4):
        people = (x[0, :, keypoint] for x in (preference, claim, identity))
        np.testing.assert_array_equal(chosen[0, :, keypoint], _stable(*people))


def test_of_equal_preferences_the_first_person_has_the_candidate():
    identity = np.zeros((1, 3, 1, 1), "int32")
    nothing = np.zeros((1, 3, 1, 1), "float32")
    left = ops.convert_to_numpy(compiled(yield_to_better)(nothing, nothing, identity))
    np.testing.assert_array_equal(left.ravel() > IMPOSSIBLE, [True, False, False])
