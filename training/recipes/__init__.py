"""Every hyper-parameter of every stage; a recipe is a frozen dataclass.

``training.registry`` says which recipes a stage has, and their names.

For each stage there is the paper's recipe and a compact one for CPUs, such as those that made
``multiposenet-lite0``. A recipe's docstring opens with its command, its cost and its result.
"""

from multiposenet.training.recipes.change import change
from multiposenet.training.recipes.grmi import GRMIRecipe, NanoGRMI, PaperGRMI, TableGRMI
from multiposenet.training.recipes.joint_assigner import JointAssignerRecipe, NanoJointAssigner
from multiposenet.training.recipes.keypoints import (
    KeypointRecipe,
    MoveNetKeypoints,
    NanoKeypoints,
    NanoKeypointsGPU,
    PaperKeypoints,
    SmallKeypoints,
    TableKeypoints,
)
from multiposenet.training.recipes.person import (
    MoveNetPerson,
    NanoPerson,
    NanoPersonGPU,
    PaperPerson,
    PersonRecipe,
    SmallPerson,
)
from multiposenet.training.recipes.prn import NanoPRN, PaperPRN, PRNRecipe, SmallPRN, TablePRN
from multiposenet.training.recipes.proposals import DPGRecipe, PGPGRecipe
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

__all__ = [
    "DPGRecipe",
    "GRMIRecipe",
    "JointAssignerRecipe",
    "KeypointRecipe",
    "MoveNetKeypoints",
    "MoveNetPerson",
    "NanoGRMI",
    "NanoJointAssigner",
    "NanoKeypoints",
    "NanoKeypointsGPU",
    "NanoPRN",
    "NanoPerson",
    "NanoPersonGPU",
    "NanoSPPE",
    "NanoSPPEGPU",
    "NanoSSTN",
    "NanoSSTNGPU",
    "PGPGRecipe",
    "PRNRecipe",
    "PaperGRMI",
    "PaperKeypoints",
    "PaperPRN",
    "PaperPerson",
    "PaperSPPE",
    "PaperSSTN",
    "PersonRecipe",
    "SPPERecipe",
    "SSTNRecipe",
    "SmallKeypoints",
    "SmallPRN",
    "SmallPerson",
    "TableGRMI",
    "TableKeypoints",
    "TablePRN",
    "change",
]
