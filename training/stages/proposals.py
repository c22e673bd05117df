"""The stages ``pgpg`` and ``dpg``: from labels and detections to a generator's file."""

from pathlib import Path

import keras

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.networks.proposal_network import ProposalNetwork
from multiposenet.training import recipes
from multiposenet.training.loop.engine import Engine
from multiposenet.training.proposals import offsets, pgpg
from multiposenet.training.proposals.dpg import DPG
from multiposenet.training.recipes.proposals import DPGRecipe, PGPGRecipe
from multiposenet.training.stages import dpg

FILES = {"pgpg": "pgpg.npz", "dpg": "dpg.weights.h5"}


def train(stage, labels, detections, run, *, changes=None, resume=False):
    """Fits a generator to the detections of some photos.

    Args:
        stage: ``"pgpg"`` or ``"dpg"``.
        labels: path of COCO keypoint annotations.
        detections: path of COCO results for their photos.
        run: folder of the result; the DPG's checkpoints and logs go to ``dpg`` in it.
        changes: dict of fields of the recipe.
        resume: go on from the run's checkpoints.

    Returns:
        The files written.

    Raises:
        InputError: the run has a result already and ``resume`` is not set, or a change is wrong.
        AnnotationError: a file cannot be used, or no detection belongs to a person.
    """
    path = Path(run) / FILES[stage]
    if path.exists() and not resume:
        raise InputError(
            f"{path}: file: the {stage} stage of this run is finished; use another folder or "
            "move the file away"
        )
    recipe = recipes.change({"pgpg": PGPGRecipe, "dpg": DPGRecipe}[stage](), changes or {})
    annotations = CocoAnnotations.load(labels)
    pairs = offsets.collect(
        annotations,
        offsets.read_detections(detections),
        iou=recipe.iou,
        min_score=recipe.min_score,
        exclusive=stage == "pgpg",
        path=detections,
    )
    skeleton = annotations.skeleton
    path.parent.mkdir(parents=True, exist_ok=True)
    if stage == "pgpg":
        pairs = pairs + pairs.mirrored(skeleton.flip_indices)
        pgpg.fit(pairs, skeleton.keypoints, **recipe.fitting).save(path)
        return [path]
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(precision=recipe.precision)
    with engine.scope():
        network = ProposalNetwork(recipe.size, features=recipe.features)
        examples = dpg.Examples(pairs, skeleton, recipe, recipe.size)
        dpg.train(network, examples, recipe, Path(run) / "dpg", resume=resume, engine=engine)
    DPG(network, skeleton, recipe.iou).save(path)
    return [path]
