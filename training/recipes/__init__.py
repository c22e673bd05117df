"""Every hyper-parameter of every stage; a recipe is a frozen dataclass."""

from multiposenet.training.recipes.keypoints import KeypointRecipe
from multiposenet.training.recipes.person import PersonRecipe
from multiposenet.training.recipes.prn import PRNRecipe

__all__ = ["KeypointRecipe", "PRNRecipe", "PersonRecipe"]
