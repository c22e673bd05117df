"""One candidate serves one person: the greedy choice, inside or outside a compiled graph."""

from keras import ops

from multiposenet.maths.top_k import pick

IMPOSSIBLE = -1e9
"""Preference of what cannot be chosen."""


def yield_to_better(preference, identity):
    """Takes from every person the candidates that go to somebody who prefers them more.

    The result is that of giving away the best pair, then the best of what is left, and so on
    (``matching.greedy``). Instead, all choose at once; of those who chose the same candidate, all
    but the best lose it and choose again (Gale & Shapley 1962, "College admissions and the
    stability of marriage"). As both sides rank pairs by the same number, there is one stable
    result. Few rounds are needed, whatever the number of people.

    Args:
        preference: ``(B, N, K, C)`` of every person and keypoint for its candidates;
            ``IMPOSSIBLE`` or less for those that are none.
        identity: ``(B, N, K, C)`` integers: equal for two persons' candidates of a keypoint that
            are the same.

    Returns:
        ``(B, N, K, C)``, the preferences, ``IMPOSSIBLE`` for what was lost. Of two persons with
        equal preferences the first one keeps the candidate.
    """
    # The result is a choice; JAX could not differentiate through the loop anyway.
    preference = ops.stop_gradient(ops.cast(preference, "float32"))
    people, candidates = preference.shape[1], preference.shape[3]
    place = ops.arange(people, dtype="int32")
    earlier = (place[None, :] < place[:, None])[None, :, :, None]  # [n, m]: m before n

    def choose(_, preference):
        value, index = ops.top_k(preference, 1)
        chosen, value = pick(identity, index)[..., 0], value[..., 0]
        mine, theirs = value[:, :, None], value[:, None]
        better = ops.logical_or(theirs > mine, ops.logical_and(theirs == mine, earlier))
        same = chosen[:, :, None] == chosen[:, None]
        rivals = ops.logical_and(ops.logical_and(same, better), theirs > IMPOSSIBLE)
        lost = ops.logical_and(ops.any(rivals, axis=2), value > IMPOSSIBLE)
        gone = ops.logical_and(lost[..., None], ops.arange(candidates, dtype=index.dtype) == index)
        return ops.any(lost), ops.where(gone, IMPOSSIBLE, preference)

    first = choose(None, preference)
    return ops.while_loop(lambda changed, _: changed, choose, first)[1]
