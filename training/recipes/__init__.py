"""Every hyper-parameter of every stage; a recipe is a frozen dataclass.

For each stage there is the paper's recipe and a compact one for CPUs, such as those that made
``multiposenet-nano``. A recipe's docstring opens with its command, its cost and its result.
"""

from multiposenet.training.recipes.change import change
from multiposenet.training.recipes.keypoints import KeypointRecipe, NanoKeypoints, PaperKeypoints
from multiposenet.training.recipes.person import NanoPerson, PaperPerson, PersonRecipe
from multiposenet.training.recipes.prn import NanoPRN, PaperPRN, PRNRecipe, TablePRN
from multiposenet.training.recipes.sppe import (
    NanoSPPE,
    NanoSSTN,
    PaperSPPE,
    PaperSSTN,
    SPPERecipe,
    SSTNRecipe,
)

RECIPES = {
    "keypoints": {"nano": NanoKeypoints, "paper": PaperKeypoints},
    "person": {"nano": NanoPerson, "paper": PaperPerson},
    "prn": {"nano": NanoPRN, "paper": PaperPRN},
    "sppe": {"nano": NanoSPPE, "paper": PaperSPPE},
    "sstn": {"nano": NanoSSTN, "paper": PaperSSTN},
}

__all__ = [
    "RECIPES",
    "KeypointRecipe",
    "NanoKeypoints",
    "NanoPRN",
    "NanoPerson",
    "NanoSPPE",
    "NanoSSTN",
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
