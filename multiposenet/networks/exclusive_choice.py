"""One candidate serves one person: a stable choice, inside or outside a compiled graph."""

from keras import ops

from multiposenet.maths.top_k import pick

IMPOSSIBLE = -1e9
"""Preference for what cannot be chosen."""


def yield_to_better(preference, claim, identity):
    """Takes from every person the candidates that go to somebody with a better claim.

    All choose what they prefer; of those who chose the same candidate, all but the one of the
    greatest claim lose it and choose again, until nobody loses anything (Gale & Shapley 1962,
    "College admissions and the stability of marriage"). Few rounds are needed, whatever the number
    of people. Where claims are the preferences, the result is that of giving away the best pair
    first, then the best of what is left (``matching.greedy``).

    Args:
        preference: ``(B, N, K, C)`` of every person and keypoint for its candidates;
            ``IMPOSSIBLE`` or less for those that are none.
        claim: ``(B, N, K, C)`` of the persons on them.
        identity: ``(B, N, K, C)`` integers: equal for two persons' candidates of a keypoint that
            are the same.

    Returns:
        ``(B, N, K, C)``, the preferences, ``IMPOSSIBLE`` for what was lost. Of two persons with
        equal claims the first one keeps the candidate.
    """
    # The result is a choice; JAX could not differentiate through the loop anyway.
    preference, claim = (ops.stop_gradient(ops.cast(x, "float32")) for x in (preference, claim))
    people, candidates = preference.shape[1], preference.shape[3]
    place = ops.arange(people, dtype="int32")
    earlier = (place[None, :] < place[:, None])[None, :, :, None]  # [n, m]: m before n

    def choose(_, preference):
        value, index = ops.top_k(preference, 1)
        possible = value[..., 0] > IMPOSSIBLE
        chosen, claims = (pick(x, index)[..., 0] for x in (identity, claim))
        mine, theirs = claims[:, :, None], claims[:, None]
        better = ops.logical_or(theirs > mine, ops.logical_and(theirs == mine, earlier))
        same = ops.logical_and(chosen[:, :, None] == chosen[:, None], possible[:, None])
        lost = ops.logical_and(ops.any(ops.logical_and(same, better), axis=2), possible)
        gone = ops.logical_and(lost[..., None], ops.arange(candidates, dtype=index.dtype) == index)
        return ops.any(lost), ops.where(gone, IMPOSSIBLE, preference)

    first = choose(None, preference)
    return ops.while_loop(lambda changed, _: changed, choose, first)[1]
