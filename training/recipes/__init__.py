"""Every hyper-parameter of every stage; a recipe is a frozen dataclass.

For each stage there is the paper's recipe and the one that made ``multiposenet-nano``. A recipe's
docstring opens with its command, its cost and its result.
"""

from multiposenet.training.recipes.change import change
from multiposenet.training.recipes.keypoints import KeypointRecipe, NanoKeypoints, PaperKeypoints
from multiposenet.training.recipes.person import NanoPerson, PaperPerson, PersonRecipe
from multiposenet.training.recipes.prn import NanoPRN, PaperPRN, PRNRecipe, TablePRN

RECIPES = {
    "keypoints": {"nano": NanoKeypoints, "paper": PaperKeypoints},
    "person": {"nano": NanoPerson, "paper": PaperPerson},
    "prn": {"nano": NanoPRN, "paper": PaperPRN},
}

__all__ = [
    "RECIPES",
    "KeypointRecipe",
    "NanoKeypoints",
    "NanoPRN",
    "NanoPerson",
    "PRNRecipe",
    "PaperKeypoints",
    "PaperPRN",
    "PaperPerson",
    "PersonRecipe",
    "TablePRN",
    "change",
]
