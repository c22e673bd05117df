"""The PRN stage: the assigner alone, on the keypoints of labelled persons."""

from multiposenet.errors import InputError
from multiposenet.training import loop
from multiposenet.training.entries import Batches
from multiposenet.training.people import People
from multiposenet.training.prn_stage import PRNStage


def train(prn, source, recipe, flip_indices, run, *, resume=False, validate=None, engine=None):
    """Trains a ``PoseResidualNetwork`` in place.

    Args:
        prn: the network.
        source: ``People``, or what they are made of: ``CocoAnnotations``, ``Sample``s, or triples
            of boxes, keypoints and crowd per photo (``people.photos``).
        recipe: a ``PRNRecipe``.
        flip_indices: of the skeleton.
        run: folder of checkpoints and logs.
        resume, validate, engine: see ``loop.fit``.

    Raises:
        AnnotationError: nobody has enough keypoints.
        InputError: the batch cannot be cut, as ``engine`` or ``recipe.accumulate`` want it.
    """
    if recipe.accumulate > 1 or (engine and engine.devices * engine.processes > 1):
        raise InputError(
            "prn: a batch lists pairs of persons and candidates and cannot be cut; train on one "
            "device with accumulate=1"
        )
    people = source if isinstance(source, People) else People(source, recipe.more_than)
    batches = Batches(people, recipe, flip_indices)
    loop.fit(
        PRNStage(prn, recipe),
        batches,
        recipe,
        steps=batches.steps,
        run=run,
        resume=resume,
        validate=validate,
        engine=engine,
    )
