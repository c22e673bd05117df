"""Teaches an SPPE on a MoveNet poses that it has hardly seen, and keeps what it knows.

Trained on the few photos at hand alone, a MoveNet loses what it knows from many more
(docs/experiments/movenet.md). Three things hold it: where no label tells, the network as it was
does; its lower layers stay; and the weights are left between those from before and those learnt
(Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv 2109.01903, section 3).
"""

from multiposenet.networks.backbones import MOVENETS
from multiposenet.systems.compilation import compiled
from multiposenet.training.loop import fitting
from multiposenet.training.release.taught import TaughtBatches
from multiposenet.training.stages.fine_tuning import freeze
from multiposenet.training.stages.sppe import CropBatches, SPPEStage, loss_of

FROZEN = "C3"  # and all below it


def tune(sppe, teacher, samples, skeleton, recipe, run, share):
    """Trains an SPPE in place; goes on from the checkpoint in ``run``, if there is one.

    Args:
        sppe: of ``movenet_sppe``.
        teacher: the same network with the same weights, which stays as it is.
        samples: list of ``datasets.Sample``.
        skeleton: of the keypoints.
        recipe: an ``SPPERecipe``.
        run: folder of checkpoints and logs.
        share: of what is learnt that is kept, 0 to 1.
    """
    stage = SPPEStage(sppe, loss_of(recipe))
    (backbone,) = (layer for layer in sppe.layers if layer.name in MOVENETS)
    freeze(backbone, FROZEN)
    stage.relative = [True] * len(stage.trainable_variables)
    see = compiled(teacher, ("heatmaps",))
    crops = CropBatches(samples, recipe, sppe.input_shape[1:3], skeleton.flip_indices)
    taught = TaughtBatches(crops, lambda images: see(images)["heatmaps"])
    fitting.fit(stage, taught, recipe, steps=recipe.steps, run=run, resume=True)
    between(sppe, teacher, share)


def between(network, start, share):
    """Leaves a network's weights at a share of the way from another's to its own."""
    weights = zip(start.get_weights(), network.get_weights(), strict=True)
    network.set_weights([old + share * (new - old) for old, new in weights])
