"""The stages of training, one after the other, on any data.

    multiposenet train keypoints --data coco:PHOTOS --run RUN
    multiposenet train person    --data coco:PHOTOS --run RUN     needs the first
    multiposenet train prn       --data coco:PHOTOS --run RUN     needs neither

``registry`` lists all stages. Each leaves its parts in RUN, where the next one finds them
(``run_folder``); its recipe (``recipes``) holds every number.
"""

from pathlib import Path

import keras

from multiposenet.skeleton import COCO_17
from multiposenet.training import run_folder
from multiposenet.training.loop.engine import Engine
from multiposenet.training.registry import STAGES
from multiposenet.training.stages.job import Job


def train(
    stage,
    samples,
    run,
    recipe,
    *,
    skeleton=COCO_17,
    detections=None,
    augment=None,
    val_annotations=None,
    val_images=None,
    devices=1,
    workers=0,
    resume=False,
    callbacks=(),
):
    """Trains one stage and saves its parts.

    Args:
        stage: a name of ``registry.STAGES``.
        samples: list of ``datasets.Sample`` in the skeleton, or for stages without photos
            ``CocoAnnotations``.
        run: folder of checkpoints, logs and results.
        recipe: of the stage, see ``recipes``.
        skeleton: the keypoints.
        detections: path of COCO results for the photos, for the stages that learn from them.
        augment: the user's own augmentation of patches, see ``patches.sampler.PatchSampler``.
        val_annotations: ``CocoAnnotations`` on which the stage is measured every
            ``recipe.validate_every`` steps.
        val_images: folder of their photos, for the stages that need photos.
        devices: how many devices share a batch.
        workers: processes that make the batches, see ``Engine``.
        resume: go on from the run's last checkpoint.
        callbacks: Keras' callbacks, see ``loop.callbacks``; the generators take none.

    Returns:
        The files written; of several processes, the first one writes.

    Raises:
        ValueError: unknown stage.
        InputError: the folder holds an earlier run of the stage and ``resume`` is not set, or the
            recipe does not fit.
        AnnotationError: the samples do not hold what the stage learns from.
        WeightsError: an earlier stage's result is missing or of another model.
    """
    if stage not in STAGES:
        raise ValueError(f"stage: unknown name {stage!r}; use one of {sorted(STAGES)}")
    if not resume:
        run_folder.refuse_finished(run, stage)
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(devices, recipe.precision, workers)
    job = Job(
        Path(run),
        recipe,
        samples,
        engine,
        skeleton=skeleton,
        detections=detections,
        augment=augment,
        val_annotations=val_annotations,
        val_images=val_images,
        resume=resume,
        callbacks=tuple(callbacks),
    )
    with engine.scope():
        networks = STAGES[stage].load().train_stage(job)
    return run_folder.save_parts(run, stage, networks) if engine.writes else []
