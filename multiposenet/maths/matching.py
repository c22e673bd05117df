"""One keypoint serves one person: greedy and optimal one-to-one assignment. NumPy and SciPy."""

import numpy as np

NOBODY = -1


def greedy(log_odds, unassigned=0.0):
    """The best pair first, then the best of what is left, while worth more than ``unassigned``.

    Args:
        log_odds: ``(N, P)`` logarithm of the odds that candidate p belongs to person n; ``-inf``
            marks pairs that are impossible.
        unassigned: what it is worth to leave a person without a candidate. 0 for calibrated odds;
            ``-inf`` gives away every candidate that somebody can take.

    Returns:
        ``(N,)`` int64: the candidate of each person, -1 for none. No candidate is given twice.
    """
    log_odds = np.array(log_odds, np.float64)
    chosen = np.full(len(log_odds), NOBODY)
    for _ in range(min(log_odds.shape)):
        person, candidate = np.unravel_index(np.argmax(log_odds), log_odds.shape)
        if not log_odds[person, candidate] > unassigned:
            break
        chosen[person] = candidate
        log_odds[person] = log_odds[:, candidate] = -np.inf
    return chosen


def optimal(log_odds, unassigned=0.0):
    """The assignment of the greatest sum of log odds; who gets nothing counts ``unassigned``.

    Args and returns: as ``greedy``.
    """
    from scipy.optimize import linear_sum_assignment

    log_odds = np.asarray(log_odds, np.float64)
    people, candidates = log_odds.shape
    possible = np.isfinite(log_odds)
    if not possible.any():
        return np.full(people, NOBODY)
    # An impossible pair, and no candidate where there must be one, are worse than any sum.
    span = np.abs(log_odds[possible]).max() + 1.0
    worst = -4.0 * span * (people + 1)
    gain = np.full((people, candidates + people), unassigned if np.isfinite(unassigned) else worst)
    gain[:, :candidates] = np.where(possible, log_odds, 2 * worst * (people + 1))
    rows, columns = linear_sum_assignment(gain, maximize=True)
    chosen = np.full(people, NOBODY)
    taken = columns < candidates
    chosen[rows[taken]] = columns[taken]
    return np.where(possible[np.arange(people), chosen] & (chosen >= 0), chosen, NOBODY)


METHODS = {"greedy": greedy, "optimal": optimal}
