"""Every hyper-parameter of every stage; a recipe is a frozen dataclass.

For each stage there is the paper's recipe and a compact one for CPUs, such as those that made
``multiposenet-nano``. A recipe's docstring opens with its command, its cost and its result.
"""

from multiposenet.training.recipes.change import change
from multiposenet.training.recipes.keypoints import (
    KeypointRecipe,
    NanoKeypoints,
    NanoKeypointsGPU,
    PaperKeypoints,
)
from multiposenet.training.recipes.person import (
    NanoPerson,
    NanoPersonGPU,
    PaperPerson,
    PersonRecipe,
)
from multiposenet.training.recipes.prn import NanoPRN, PaperPRN, PRNRecipe, TablePRN
from multiposenet.training.recipes.sppe import (
    NanoSPPE,
    NanoSPPEGPU,
    NanoSSTN,
    NanoSSTNGPU,
    PaperSPPE,
    PaperSSTN,
    SPPERecipe,
    SSTNRecipe,
)

RECIPES = {
    "keypoints": {"nano": NanoKeypoints, "nano-gpu": NanoKeypointsGPU, "paper": PaperKeypoints},
    "person": {"nano": NanoPerson, "nano-gpu": NanoPersonGPU, "paper": PaperPerson},
    "prn": {"nano": NanoPRN, "paper": PaperPRN},
    "sppe": {"nano": NanoSPPE, "nano-gpu": NanoSPPEGPU, "paper": PaperSPPE},
    "sstn": {"nano": NanoSSTN, "nano-gpu": NanoSSTNGPU, "paper": PaperSSTN},
}

__all__ = [
    "RECIPES",
    "KeypointRecipe",
    "NanoKeypoints",
    "NanoKeypointsGPU",
    "NanoPRN",
    "NanoPerson",
    "NanoPersonGPU",
    "NanoSPPE",
    "NanoSPPEGPU",
    "NanoSSTN",
    "NanoSSTNGPU",
    "PRNRecipe",
    "PaperKeypoints",
    "PaperPRN",
    "PaperPerson",
    "PaperSPPE",
    "PaperSSTN",
    "PersonRecipe",
    "SPPERecipe",
    "SSTNRecipe",
    "TablePRN",
    "change",
]
