"""The ``MultiPoseNet`` whose parts the stages of a run train one after the other."""

from multiposenet.errors import AnnotationError
from multiposenet.networks.public_weights.movenet_weights import is_movenet
from multiposenet.training import run_folder
from multiposenet.training.loop.checkpoint import checkpoint_path
from multiposenet.training.registry import STAGES
from multiposenet.training.stages import pretrained


def begin(job, stage, checkpoint):
    """The model at the beginning of a stage, with the weights that its recipe begins with.

    Args:
        job: the ``Job``.
        stage: name.
        checkpoint: name of the stage's checkpoints.

    Raises:
        AnnotationError: the stage is to be measured on other keypoints than it learns.
        WeightsError: an earlier stage of the run trained another model, or the pretrained weights
            cannot be had.
    """
    known, recipe = job.val_annotations, job.recipe
    if known and known.skeleton.keypoints != job.skeleton.keypoints:
        raise AnnotationError(
            f"{known.path}: keypoints: are those of {known.skeleton.name}, "
            f"the stage learns {job.skeleton.name}; validate on annotations of the same keypoints"
        )
    weights = getattr(recipe, "pretrained", "none")
    # A checkpoint holds all weights; a run killed before its first one begins anew.
    if weights == "none" or checkpoint_path(job.run, checkpoint).exists():
        weights = None
    released = weights if weights == "imagenet" or is_movenet(weights) else None
    octaves, begun = getattr(recipe, "octaves", 0), run_folder.begun(job.run)
    if not octaves and not begun and weights and not released:
        octaves = pretrained.octaves_of(weights)
    model = run_folder.new_model(
        job.run,
        recipe.backbone,
        job.skeleton,
        released,
        job.engine.writes,
        concatenated=getattr(recipe, "concatenated", None),
        octaves=octaves or None,
    )
    if weights and not released:
        pretrained.take(model, weights, stage, getattr(recipe, "pretrained_parts", ()))
    return model


def parts(model, stage):
    """The networks of a stage's parts, in their order."""
    return [getattr(model, part) for part in STAGES[stage].parts]
