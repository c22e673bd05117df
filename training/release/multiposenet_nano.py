"""How the bundled ``multiposenet-nano`` is made: of MoveNet's heatmaps, with boxes, masks and PRN.

    python -m multiposenet.training.release.multiposenet_nano movenet-multipose.json DATA RUN

DATA holds the folders named below. Backbone, keypoint pyramid and heatmaps begin as MoveNet's. A
person mask is taught beside them, then all of it as ``nano_tuning`` tells; person stage and PRN
follow. Killed and run again, it goes on with the stage it was in; the file and a manifest are left
in RUN/release.
"""

import sys
from pathlib import Path

from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator
from multiposenet.systems.compilation import compiled
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.loop import fitting
from multiposenet.training.release import multiposenet_lite0
from multiposenet.training.release.entry import release
from multiposenet.training.release.nano_tuning import tune
from multiposenet.training.release.person_mask import PersonMaskStage, mask_batches
from multiposenet.training.stages.keypoints import KeypointBatches

BACKBONE = "movenet_multipose"
TEACHER = "multiposenet-lite0"  # of the mask, where no label tells it
PHOTOS = (
    "coco:coco_photos/train",
    "coco:coco_photos/no_keypoints",
    "coco:coco_photos_more",
    "lsp:lsp_extended/train",
    "ccp:ccp_person_masks",
    "ccp:human_segmentation",
)
MASK = recipes.MoveNetKeypoints(
    patch_sizes=((0.0, 320),),
    masked_singles=3,
    singles=1,
    mosaics=0,
    steps=3000,
    learning_rate=3e-3,
    clip_norm=10.0,
    seed=5,
)
TUNING = recipes.MoveNetKeypoints(
    backbone_rate=1.0,
    steps=2400,
    learning_rate=6e-4,
    clip_norm=10.0,
    weight_decay=0.0,
    patch_sizes=((0.0, 256),),
    mosaics=2,
    singles=4,
    intermediate=0.0,  # those predictions have no part in the maps
    person_size=(24.0, 256.0),
    rotation=180.0,
    precision="onednn_bfloat16",
)
LEARNT = 0.5  # share that is kept
PERSON = recipes.MoveNetPerson(kept_features=60, steps=420)


def main(movenet, data, run):
    """Runs the stages that are not finished and collects their result.

    Args:
        movenet: ``.json`` of the released MoveNet.
        data: folder of the data sets.
        run: folder of checkpoints, logs and results.

    Returns:
        Path of the weights.

    Raises:
        InputError: a data set is missing.
    """
    run = Path(run)
    if not run_folder.finished(run, "keypoints"):
        model = run_folder.new_model(run, BACKBONE, COCO_17, movenet)
        teach_mask(model, data, run)
        start = MultiPoseNet.from_config(model.get_config())
        start.set_weights(model.get_weights())
        photos = multiposenet_lite0.photos(PHOTOS, data)
        tune(model, start, teacher(), photos, TUNING, run, LEARNT)
        parts = model.backbone, model.keypoint_pyramid, model.keypoint_subnet
        run_folder.save_parts(run, "keypoints", parts)
    for stage, recipe in (("person", PERSON), ("prn", recipes.NanoPRN(backbone=BACKBONE))):
        if not run_folder.finished(run, stage):
            samples = multiposenet_lite0.samples(stage, data)
            pipeline.train(stage, samples, run, recipe, resume=True)
    return release(run, run / "release", "multiposenet-nano")


def teach_mask(model, data, run, recipe=MASK):
    """Teaches a new model the person mask; goes on from the checkpoint in ``run``, if there is one.

    Args:
        model: the ``MultiPoseNet``.
        data, run: as of ``main``.
        recipe: a ``KeypointRecipe``.
    """
    stage = PersonMaskStage(model)
    batches = mask_batches(patches(data, model.skeleton, recipe), model, teacher())
    fitting.fit(stage, batches, recipe, steps=recipe.steps, run=run, resume=True)
    stage.release()


def patches(data, skeleton, recipe=MASK):
    """Batches of patches of all photos, with and without a mask."""
    samples = multiposenet_lite0.photos(PHOTOS, data)
    return KeypointBatches(samples, recipe, skeleton.flip_indices)


def teacher():
    """A function of images to their person masks, see ``mask_batches``."""
    see = compiled(estimator.load(TEACHER, runtime="auto").model, ("mask",))
    return lambda images: see(images)["mask"][..., None]


if __name__ == "__main__":
    print(main(*sys.argv[1:4]))
