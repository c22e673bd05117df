"""The learning rate of every step."""

import math


class Schedule:
    """Linear warm-up, then the recipe's schedule.

    Args:
        recipe: gives ``learning_rate``, ``warmup``, ``schedule``, ``plateau_patience`` and
            ``plateau_factor``.
        steps: of the whole training.

    Attributes:
        state: dict of what belongs into a checkpoint.
    """

    def __init__(self, recipe, steps):
        self.recipe, self.steps = recipe, steps
        self.state = {"best": None, "waited": 0, "factor": 1.0, "loss": 0.0, "steps": 0}

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

    def after_step(self, loss):
        """Takes note of a step's loss."""
        self.state["loss"] += loss
        self.state["steps"] += 1

    def check(self, figures):
        """A check of the plateau: lowers the learning rate if nothing got better for too long.

        Args:
            figures: dict of validation figures, of which the first counts and more is better. The
                mean training loss since the last check counts if it is empty.
        """
        state = self.state
        loss = state["loss"] / max(state["steps"], 1)
        state["loss"], state["steps"] = 0.0, 0
        figure = next(iter(figures.values()), -loss)
        if state["best"] is None or figure > state["best"]:
            state["best"], state["waited"] = figure, 0
            return
        state["waited"] += 1
        if self.recipe.schedule == "plateau" and state["waited"] >= self.recipe.plateau_patience:
            state["factor"] *= self.recipe.plateau_factor
            state["waited"] = 0
