"""The stages of training, one after the other, on any samples.

    multiposenet train keypoints --data coco:PHOTOS --run RUN
    multiposenet train person    --data coco:PHOTOS --run RUN     needs the first
    multiposenet train prn       --data coco:PHOTOS --run RUN     needs neither

Each stage leaves its parts in RUN, where the next one finds them (``parts``); its recipe
(``recipes``) holds every number. The stages of RMPE are in ``rmpe_pipeline``.
"""

import keras

from multiposenet.errors import AnnotationError
from multiposenet.skeleton import COCO_17
from multiposenet.training import rmpe_run_folder, run_folder
from multiposenet.training.loop.checkpoint import checkpoint_path
from multiposenet.training.loop.engine import Engine
from multiposenet.training.stages import keypoints, person, prn, rmpe
from multiposenet.training.validation.keypoints import KeypointValidation, map_function
from multiposenet.training.validation.person import PersonValidation
from multiposenet.training.validation.prn import AssignmentValidation


def train(
    stage,
    samples,
    run,
    recipe,
    *,
    skeleton=COCO_17,
    val_annotations=None,
    val_images=None,
    devices=1,
    workers=0,
    resume=False,
):
    """Trains one stage and saves its parts.

    Args:
        stage: ``"keypoints"``, ``"person"`` or ``"prn"``; ``"sppe"`` or ``"sstn"``.
        samples: list of ``datasets.Sample`` in the skeleton. The PRN stage does not open the
            photos.
        run: folder of checkpoints, logs and results.
        recipe: of the stage, see ``recipes``.
        skeleton: the joints.
        val_annotations: ``CocoAnnotations`` on which the stage is measured every
            ``recipe.validate_every`` steps.
        val_images: folder of their photos; the PRN stage needs none.
        devices: how many devices share a batch.
        workers: processes that make the batches, see ``Engine``.
        resume: go on from the run's last checkpoint.

    Returns:
        The files written; of several processes, the first one writes.

    Raises:
        ValueError: unknown stage.
        InputError: the folder holds an earlier run of the stage and ``resume`` is not set.
        AnnotationError: the samples do not hold what the stage learns from.
        WeightsError: an earlier stage's result is missing or of another model.
    """
    known = {**run_folder.STAGES, **rmpe_run_folder.STAGES}
    if stage not in known:
        raise ValueError(f"stage: unknown name {stage!r}; use one of {sorted(known)}")
    if stage in rmpe_run_folder.STAGES:
        return rmpe.train(
            stage,
            samples,
            run,
            recipe,
            skeleton=skeleton,
            val_annotations=val_annotations,
            val_images=val_images,
            devices=devices,
            workers=workers,
            resume=resume,
        )
    if val_annotations and val_annotations.skeleton.keypoints != skeleton.keypoints:
        raise AnnotationError(
            f"{val_annotations.path}: keypoints: are those of {val_annotations.skeleton.name}, "
            f"the stage learns {skeleton.name}; validate on annotations of the same joints"
        )
    if not resume:
        run_folder.refuse_finished(run, stage)
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(devices, recipe.precision, workers)
    with engine.scope():
        weights = _pretrained(stage, recipe, run)
        imagenet = weights if weights == "imagenet" else None
        model = run_folder.new_model(run, recipe.backbone, skeleton, imagenet, engine.writes)
        if weights and not imagenet:
            run_folder.take_pretrained(model, weights, stage)
        validate = _validation(stage, model, recipe, val_annotations, val_images)
        options = {"resume": resume, "validate": validate, "engine": engine}
        if stage == "keypoints":
            keypoints.train(model, samples, recipe, run, **options)
        elif stage == "person":
            run_folder.load_parts(model, run, run_folder.STAGES["keypoints"])
            person.train(model, samples, recipe, run, **options)
        else:
            prn.train(model.prn, samples, recipe, model.skeleton.flip_indices, run, **options)
    return run_folder.save_parts(model, run, stage) if engine.writes else []


def _pretrained(stage, recipe, run):
    name = {"keypoints": "keypoint_stage", "person": "person_stage"}.get(stage)
    if name is None or recipe.pretrained == "none":
        return None
    # A checkpoint holds all weights; a run killed before its first one begins anew.
    return None if checkpoint_path(run, name).exists() else recipe.pretrained


def _validation(stage, model, recipe, annotations, images):
    if annotations is None:
        return None
    if stage == "prn":
        return AssignmentValidation(model.prn, annotations)
    if stage == "person":
        return PersonValidation(model, annotations, images, recipe.validation_size)
    maps = map_function(model)
    return KeypointValidation(maps, annotations, images, recipe.validation_size)
