"""The learning rate of every step."""

import math


class Schedule:
    """Linear warm-up, then the recipe's schedule.

    Args:
        recipe: gives ``learning_rate``, ``warmup``, ``schedule``, ``plateau_patience`` and
            ``plateau_factor``.
        steps: of the whole training.

    Attributes:
        state: dict of what ``observe`` has changed, to be kept in checkpoints.
    """

    def __init__(self, recipe, steps):
        self.recipe, self.steps = recipe, steps
        self.state = {"best": None, "waited": 0, "factor": 1.0}

    def __call__(self, step):
        """The learning rate of a step, from 0 on."""
        recipe = self.recipe
        rate = recipe.learning_rate * self.state["factor"]
        if recipe.schedule == "cosine":
            progress = (step - recipe.warmup) / max(self.steps - recipe.warmup, 1)
            rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))
        if step < recipe.warmup:
            rate = min(rate, recipe.learning_rate * (step + 1) / recipe.warmup)
        return rate

    def observe(self, figure):
        """Takes note of a check's figure, of which more is better.

        Lowers the plateau schedule's learning rate after ``plateau_patience`` checks in a row that
        brought nothing better.
        """
        state = self.state
        if state["best"] is None or figure > state["best"]:
            state["best"], state["waited"] = figure, 0
            return
        state["waited"] += 1
        if self.recipe.schedule == "plateau" and state["waited"] >= self.recipe.plateau_patience:
            state["factor"] *= self.recipe.plateau_factor
            state["waited"] = 0
