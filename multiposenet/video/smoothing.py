"""Keypoints of tracked people without jitter: the One-Euro filter, in units of the person's size.

Casiez, Roussel, Vogel: "1 euro filter: a simple speed-based low-pass filter for noisy input in
interactive systems", CHI 2012: what hardly moves is smoothed much, what is quick hardly lags.
"""

from dataclasses import dataclass, replace

import numpy as np

from multiposenet.poses import Poses

_FORGET = 1.0  # seconds out of sight behind which the filter of a person starts anew


@dataclass
class _State:
    time: float
    values: np.ndarray  # (K, 2), NaN where there is none
    speeds: np.ndarray  # (K, 2), persons a second


class Smoother:
    """Smooths the keypoints of people with ids.

    Args:
        cutoff: of what stands still, in hertz: the lower, the smoother.
        quickness: by how much the cutoff grows with speed, in hertz for a person's size a second:
            the higher, the less lag.
        speed_cutoff: of the speed itself, in hertz.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, cutoff: float = 1.5, quickness: float = 4.0, speed_cutoff: float = 1.0):
        if not (cutoff > 0 and quickness >= 0 and speed_cutoff > 0):
            raise ValueError("cutoff, quickness, speed_cutoff: give numbers above 0")
        self.cutoff, self.quickness, self.speed_cutoff = cutoff, quickness, speed_cutoff
        self._people: dict[int, _State] = {}

    def update(self, poses: Poses, time: float) -> Poses:
        """Takes the next frame.

        Args:
            poses: with `ids`.
            time: of the frame in seconds, greater than the last one's.

        Returns:
            The same people with smoothed keypoints; one that was not found stays as it is, and
            starts anew when it is.
        """
        if poses.ids is None:
            raise ValueError("poses: have no ids; track them first")
        keypoints = poses.keypoints.astype(np.float64)
        for row, person in enumerate(poses.ids.tolist()):
            sides = poses.boxes[row, 2:] - poses.boxes[row, :2]
            size = max(1.0, float(np.sqrt(max(0.0, np.prod(sides)))))
            found = (poses.keypoint_scores[row] > 0)[:, None]
            smooth = self._smoothed(person, np.where(found, keypoints[row], np.nan), size, time)
            keypoints[row] = np.where(found, smooth, keypoints[row])
        self._people = {
            person: state for person, state in self._people.items() if time - state.time <= _FORGET
        }
        return replace(poses, keypoints=keypoints)

    def _smoothed(self, person, values, size, time) -> np.ndarray:
        state = self._people.get(person)
        if state is None or not time > state.time:
            self._people[person] = _State(time, values, np.zeros_like(values))
            return values
        step = time - state.time
        known = np.isfinite(state.values) & np.isfinite(values)
        speeds = np.where(known, (values - state.values) / (size * step), 0.0)
        share = _share(self.speed_cutoff, step)
        speeds = np.where(known, share * speeds + (1 - share) * state.speeds, 0.0)
        speed = np.linalg.norm(speeds, axis=-1, keepdims=True)
        share = _share(self.cutoff + self.quickness * speed, step)
        smooth = np.where(known, share * values + (1 - share) * state.values, values)
        self._people[person] = _State(time, smooth, speeds)
        return smooth


def _share(cutoff, step: float):
    """Of the new value, in exponential smoothing with a cutoff in hertz and a step in seconds."""
    return 1 / (1 + 1 / (2 * np.pi * cutoff * step))
