"""A single-person network looks at every pose again.

MultiPoseNet's best figures have such a network behind them, like its keypoint subnet, on crops of
persons (MultiPoseNet, section 4.2).
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from multiposenet import zoo
from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import Skeleton
from multiposenet.sources import Frame
from multiposenet.systems import model_files
from multiposenet.systems.grmi import load_grmi
from multiposenet.systems.grmi_files import GRMIFile
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.rmpe import load_rmpe
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.systems.system import System
from multiposenet.systems.test_time import merging

SIZE = (384, 288)  # of the crops that a MultiPoseNet's subnet sees
MARGIN = 0.25


class Refined(System):
    """A system whose poses a single-person network estimates again, each in its box.

    Each keypoint becomes the mean of both, by their scores, where they agree, and else the surer
    one. Scores of poses stay: what is refined is where their keypoints are.

    Args:
        system: any system.
        persons: the network.

    Raises:
        ValueError: it finds other keypoints.
    """

    def __init__(self, system, persons: SinglePersonEstimator):
        if persons.skeleton.keypoints != system.skeleton.keypoints:
            raise ValueError(
                f"refine: finds the keypoints of {persons.skeleton.name}, the system those of "
                f"{system.skeleton.name}; use a network of the same keypoints"
            )
        self.system, self.persons = system, persons

    @property
    def skeleton(self) -> Skeleton:
        return self.system.skeleton

    @property
    def score(self) -> float:
        """Below which people are left out, the system's own."""
        return self.system.score

    def keeping(self, score: float) -> "Refined":
        return Refined(self.system.keeping(score), self.persons)

    def at_scale(self, factor: float) -> "Refined":
        """The same of the system at another scale."""
        return Refined(self.system.at_scale(factor), self.persons)

    def _seeing(self, size: int) -> "Refined":
        return Refined(self.system._seeing(size), self.persons)

    def _about(self) -> list[str | None]:
        return [repr(self.system)]

    def _stream(self, items) -> Iterator[tuple[Frame, Poses] | InputError]:
        for item in self.system.stream(items):
            if isinstance(item, InputError):
                yield item
            else:
                frame, poses = item
                yield frame, self._refined(frame, poses)

    def _refined(self, frame: Frame, poses: Poses) -> Poses:
        if not len(poses):
            return poses
        ((keypoints, scores),) = self.persons([frame.image], [poses.boxes])
        made = [
            merging.mean_pose(
                np.stack([poses.keypoints[row], keypoints[row]]),
                np.stack([poses.keypoint_scores[row], scores[row]]),
                (poses.boxes[row, 2:] - poses.boxes[row, :2]).max(),
            )
            for row in range(len(poses))
        ]
        keypoints, scores = map(np.stack, zip(*made, strict=True))
        return dataclasses.replace(poses, keypoints=keypoints, keypoint_scores=scores)


def load_persons(name, runtime: str | None = None) -> SinglePersonEstimator:
    """A single-person network by name.

    Args:
        name: of the zoo: an SPPE, a network of G-RMI, or a MultiPoseNet, whose keypoint subnet it
            then is; the folder of a run of the stages sppe, sstn or grmi; or a file of
            `multiposenet export --system rmpe`.
        runtime: what runs an SPPE or a network of G-RMI, as for `multiposenet.load`; Keras runs a
            MultiPoseNet's subnet.

    Raises:
        WeightsError: the name is unknown, or a file is missing or damaged.
        InputError: the runtime is not installed.
    """
    if zoo.is_name(name):
        entry = zoo.entry(name)
        model = model_files.load(zoo.resolve(name), entry["architecture"], name)
        images = keras.Input((*SIZE, 3))
        maps = model.final_maps(model.features(images))[..., :-1]
        network = keras.Model(images, {"heatmaps": maps})
        return SinglePersonEstimator(keypoint_model(network), model.skeleton, MARGIN)
    disks = zoo.is_name(name, "grmi") or (Path(name) / GRMIFile.DESCRIPTION).is_file()
    load = load_grmi if disks else load_rmpe
    return load(name, None, runtime=runtime).persons
