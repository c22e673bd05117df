"""What every stage is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from multiposenet.annotations import CocoAnnotations
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.loop.engine import Engine


@dataclass(frozen=True)
class Job:
    """One stage of a run; a stage takes of it what it needs.

    Attributes:
        run: folder of checkpoints, logs and results.
        recipe: of the stage.
        samples: list of ``datasets.Sample`` in the skeleton; or ``CocoAnnotations``, where the
            stage learns from labels, with or without detections.
        engine: the ``Engine``, whose scope the stage is in.
        skeleton: the keypoints.
        detections: path of COCO results for the photos.
        augment: the user's own augmentation of patches, see ``patches.sampler``.
        val_annotations: ``CocoAnnotations`` on which the stage is measured while it trains.
        val_images: folder of their photos.
        resume: go on from the run's last checkpoint.
        callbacks: Keras' callbacks, see ``loop.callbacks``.
    """

    run: Path
    recipe: Any
    samples: Any
    engine: Engine
    skeleton: Skeleton = COCO_17
    detections: Path | None = None
    augment: Any = None
    val_annotations: CocoAnnotations | None = None
    val_images: Path | None = None
    resume: bool = False
    callbacks: tuple = ()

    @property
    def fit_options(self) -> dict:
        """What ``fitting.fit`` takes of it."""
        return {
            "run": self.run,
            "resume": self.resume,
            "engine": self.engine,
            "callbacks": self.callbacks,
        }
