"""RMPE's two stages, as small as they can be."""

from multiposenet.training import recipes

TINY = {
    "steps": 2, "batch_size": 4, "warmup": 1, "validate_every": 0, "precision": "float32",
    "least_size": 0.0,
}  # fmt: skip
SIZES = {"image_size": (32, 32), "stacks": 1, "levels": 1, "width": 8}
RECIPES = {
    "sppe": recipes.NanoSPPE(**TINY, **SIZES),
    "sstn": recipes.NanoSSTN(**TINY, ema=0.0, localisation_crops=8),
}
