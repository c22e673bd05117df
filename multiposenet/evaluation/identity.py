"""How well people keep their identity over a video: IDF1 and identity switches, on keypoints.

Ristani et al., "Performance measures and a data set for multi-target, multi-camera tracking", ECCV
workshops 2016 (IDF1); Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance:
the CLEAR MOT metrics", EURASIP JIVP 2008 (switches, MOTA). A person is found by a pose with an OKS
of at least 0.5, as PoseTrack has it with keypoints in place of boxes.
"""

import numpy as np

from multiposenet.maths import matching
from multiposenet.maths.similarity import oks

THRESHOLD = 0.5


class IdentityScore:
    """Collects frame after frame of one or several videos.

    Args:
        sigmas: (K,) as in `Skeleton.sigmas`.
        threshold: OKS from which a pose is the person's.
    """

    def __init__(self, sigmas, threshold: float = THRESHOLD):
        self._sigmas, self._threshold = np.asarray(sigmas, np.float64), threshold
        self._together: dict[tuple, int] = {}  # (video, person, track) -> frames alike
        self._persons = self._tracks = self._matched = self._switches = 0
        self._last: dict = {}  # person -> track by which it was found last
        self._video = 0

    def new_video(self) -> None:
        """The frames that follow are of another video, whose ids have nothing to do with these."""
        self._video += 1
        self._last = {}

    def update(self, keypoints, areas, persons, found, tracks) -> None:
        """Takes a frame.

        Args:
            keypoints: (N, K, 3) x, y, v of the persons who are there.
            areas: (N,) of them, in square pixels.
            persons: (N,) who they are.
            found: (M, K, 2) keypoints of the poses.
            tracks: (M,) their ids.
        """
        self._persons, self._tracks = self._persons + len(persons), self._tracks + len(tracks)
        if not len(persons) or not len(tracks):
            return
        alike = oks(keypoints, areas, found, self._sigmas)
        for row, column in zip(*np.nonzero(alike >= self._threshold), strict=True):
            pair = (self._video, persons[row], tracks[column])
            self._together[pair] = self._together.get(pair, 0) + 1
        # Who was found by a track stays with it while that is possible (CLEAR MOT).
        keeps = [[self._last.get(who) == track for track in tracks] for who in persons]
        worth = np.where(alike >= self._threshold, alike + 10.0 * np.array(keeps), -np.inf)
        for row, column in enumerate(matching.optimal(worth)):
            if column != matching.NOBODY:
                before = self._last.get(persons[row])
                self._switches += before is not None and before != tracks[column]
                self._last[persons[row]] = tracks[column]
                self._matched += 1

    def result(self) -> dict[str, float]:
        """The figures.

        Returns:
            `identity/IDF1`, `identity/IDP`, `identity/IDR` and `identity/MOTA`, up to 1 (MOTA may
            be negative), and `identity/switches`, a count; NaN where nobody was to be found.
        """
        right = self._right()
        switches, missed = self._switches, self._persons - self._matched
        wrong = self._tracks - self._matched
        return {
            "identity/IDF1": _ratio(2 * right, self._persons + self._tracks),
            "identity/IDP": _ratio(right, self._tracks),
            "identity/IDR": _ratio(right, self._persons),
            "identity/MOTA": 1 - _ratio(missed + wrong + switches, self._persons),
            "identity/switches": switches,
        }

    def _right(self) -> int:
        """Frames in which persons are found by the tracks that suit them best, one to one."""
        rows = {
            key: place for place, key in enumerate(dict.fromkeys(p[:2] for p in self._together))
        }
        columns = dict.fromkeys((video, track) for video, _, track in self._together)
        columns = {key: place for place, key in enumerate(columns)}
        if not rows:
            return 0
        frames = np.full((len(rows), len(columns)), -np.inf)
        for (video, person, track), count in self._together.items():
            frames[rows[video, person], columns[video, track]] = count
        chosen = matching.optimal(frames)
        return int(sum(frames[row, place] for row, place in enumerate(chosen) if place >= 0))


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
