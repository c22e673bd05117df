"""The stages of training by name: where their code and recipes are, what they need and leave.

A stage is its module in ``stages``, its recipes in ``recipes`` and its entry here. The entries are
strings, so that ``multiposenet train --help`` loads neither Keras nor NumPy.
"""

import importlib
from dataclasses import dataclass

PHOTOS, LABELS, DETECTIONS = "photos", "labels", "detections"


@dataclass(frozen=True)
class Stage:
    """One stage of training.

    Attributes:
        name: on the command line.
        teaches: what it trains, for the help.
        module: in ``training.stages``; its ``train_stage`` takes a ``stages.job.Job`` and returns
            the networks of ``parts``, in their order.
        recipes: name to class, ``module.Class`` in ``training.recipes``.
        data: what it learns from: ``"photos"`` with their labels; ``"labels"`` alone; or labels and
            a detector's ``"detections"``.
        files: what it leaves in the run's folder, a file for each part.
        after: the stage of the same run that it goes on from.
        system: name of the system whose network its parts belong to, see ``run_folder.NETWORKS``.
        augment: whether it takes the user's own augmentation.
    """

    name: str
    teaches: str
    module: str
    recipes: dict[str, str]
    data: str
    files: tuple[str, ...]
    after: str | None = None
    system: str | None = None
    augment: bool = False

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of its parts, which are those of the files without their suffixes."""
        return tuple(file.partition(".")[0] for file in self.files)

    def recipe(self, name: str):
        """The class of a recipe.

        Raises:
            KeyError: the stage has no such recipe.
        """
        module, _, kind = self.recipes[name].partition(".")
        return getattr(importlib.import_module(f"multiposenet.training.recipes.{module}"), kind)

    def load(self):
        """Its module."""
        return importlib.import_module(f"multiposenet.training.stages.{self.module}")


def _weights(*parts):
    return tuple(f"{part}.weights.h5" for part in parts)


_ALL = (
    Stage(
        "keypoints",
        "backbone, keypoint pyramid and subnet",
        "keypoints",
        {
            "nano": "keypoints.NanoKeypoints",
            "small": "keypoints.SmallKeypoints",
            "nano-gpu": "keypoints.NanoKeypointsGPU",
            "movenet": "keypoints.MoveNetKeypoints",
            "paper": "keypoints.PaperKeypoints",
        },
        PHOTOS,
        _weights("backbone", "keypoint_pyramid", "keypoint_subnet"),
        system="multiposenet",
        augment=True,
    ),
    Stage(
        "person",
        "person pyramid and subnet, on the frozen backbone",
        "person",
        {
            "nano": "person.NanoPerson",
            "small": "person.SmallPerson",
            "nano-gpu": "person.NanoPersonGPU",
            "movenet": "person.MoveNetPerson",
            "paper": "person.PaperPerson",
        },
        PHOTOS,
        _weights("person_pyramid", "person_subnet"),
        after="keypoints",
        system="multiposenet",
        augment=True,
    ),
    Stage(
        "prn",
        "the pose residual network",
        "prn",
        {"nano": "prn.NanoPRN", "small": "prn.SmallPRN", "paper": "prn.PaperPRN"},
        LABELS,
        _weights("prn"),
        system="multiposenet",
    ),
    Stage(
        "joint-assigner",
        "the assigner that sees all boxes of a photo at once",
        "joint_assigner",
        {"nano": "joint_assigner.NanoJointAssigner"},
        LABELS,
        _weights("joint-assigner"),
    ),
    Stage(
        "sppe",
        "RMPE's single-person pose estimator",
        "sppe",
        {"nano": "sppe.NanoSPPE", "nano-gpu": "sppe.NanoSPPEGPU", "paper": "sppe.PaperSPPE"},
        PHOTOS,
        _weights("sppe"),
        system="rmpe",
    ),
    Stage(
        "sstn",
        "the symmetric STN around it",
        "sstn",
        {"nano": "sppe.NanoSSTN", "nano-gpu": "sppe.NanoSSTNGPU", "paper": "sppe.PaperSSTN"},
        PHOTOS,
        _weights("tuned_sppe", "localisation"),
        after="sppe",
        system="rmpe",
    ),
    Stage(
        "grmi",
        "G-RMI's disks and offsets of one person",
        "grmi",
        {"nano": "grmi.NanoGRMI", "paper": "grmi.PaperGRMI"},
        PHOTOS,
        _weights("grmi"),
    ),
    Stage(
        "pgpg",
        "RMPE's pose-guided generator of proposals",
        "pgpg",
        {"nano": "proposals.PGPGRecipe"},
        DETECTIONS,
        ("pgpg.npz",),
    ),
    Stage(
        "dpg",
        "the deep generator of proposals",
        "dpg",
        {"nano": "proposals.DPGRecipe"},
        DETECTIONS,
        _weights("dpg"),
    ),
)
STAGES = {stage.name: stage for stage in _ALL}


def of_system(system: str) -> tuple[Stage, ...]:
    """The stages whose parts make the network of a system."""
    return tuple(stage for stage in _ALL if stage.system == system)


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes of all stages, each once."""
    return tuple(dict.fromkeys(name for stage in _ALL for name in stage.recipes))
