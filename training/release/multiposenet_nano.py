"""How the bundled ``multiposenet-nano`` is made: of MoveNet's heatmaps, with boxes, masks and PRN.

    python -m multiposenet.training.release.multiposenet_nano movenet-multipose.json DATA RUN

DATA holds the folders named below. Backbone, keypoint pyramid and heatmaps begin as MoveNet's. A
person mask is taught beside them, and the person stage on the same backbone; both go on in the
rounds below. Then heatmaps and mask learn to see two octaves, and the PRN comes last. Killed and
run again, it goes on with the stage it was in; the file and a manifest are left in RUN/release.
"""

import dataclasses
import sys
from dataclasses import dataclass
from pathlib import Path

from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator
from multiposenet.systems.compilation import compiled
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.loop import fitting
from multiposenet.training.release import multiposenet_lite0
from multiposenet.training.release.entry import release
from multiposenet.training.release.mask_threshold import balance
from multiposenet.training.release.multiposenet_lite0 import train_unfinished
from multiposenet.training.release.nano_tuning import keep, tune
from multiposenet.training.release.person_mask import PersonMaskStage, mask_batches
from multiposenet.training.stages import run_model
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
    frozen_layers=("keypoint_pyramid/*_bn", "keypoint_subnet/*_bn"),
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
PERSON = recipes.MoveNetPerson(kept_features=60, steps=420)


@dataclass(frozen=True)
class Round:
    """The whole network taught further, stage by stage.

    Attributes:
        tuning: recipe of backbone behind C3, keypoint pyramid and keypoint subnet, ``nano_tuning``.
        person: recipe of the person stage, which goes on from the one before.
    """

    tuning: recipes.KeypointRecipe
    person: recipes.PersonRecipe


LEARNT = 0.5  # share that is kept of what each stage of a round learns
_PERSON_AGAIN = recipes.MoveNetPerson(kept_features=200, steps=600, learning_rate=1e-3)
ROUNDS = (
    Round(TUNING, _PERSON_AGAIN),
    Round(
        dataclasses.replace(
            TUNING,
            steps=1900,
            batch_size=8,
            learning_rate=1e-3,
            patch_sizes=((0.0, 384),),
            mosaics=1,
            singles=2,
            masked_singles=1,
            person_size=(64.0, 320.0),
            seed=7,
        ),
        _PERSON_AGAIN,
    ),
)
"""Of persons as large as MoveNet's own inputs, and of those who fill a photo."""
_OCTAVES = dataclasses.replace(
    TUNING,
    octaves=2,
    frozen="C5",
    frozen_layers=("keypoint_pyramid/level*", *TUNING.frozen_layers),
    steps=2400,
    batch_size=8,
    learning_rate=2e-3,
    patch_sizes=((0.0, 384),),
    mosaics=1,
    singles=1,
    masked_singles=2,
    person_size=(32.0, 380.0),
    sigma_limits=(4.5, 14.0),  # the smaller image's Gaussians are twice as wide in the larger one
    rotation=40.0,
    mask_share=200.0,
    mask_overlap=20.0,
    seed=11,
)
OCTAVES = (
    _OCTAVES,
    dataclasses.replace(
        _OCTAVES,
        mask_of_boxes=False,
        steps=1800,
        learning_rate=1.5e-3,
        mosaics=0,
        person_size=(32.0, 320.0),
        seed=13,
    ),
)
BALANCED = 700  # photos of which the mask's threshold is told
MASKED = tuple(name for name in PHOTOS if name != "coco:coco_photos_more")  # many with a mask
PRN = recipes.NanoPRN(backbone=BACKBONE)


def main(movenet, data, run):
    """Runs the stages that are not finished and collects their result.

    Args:
        movenet: ``.json`` of the released MoveNet, or ``"movenet"`` to download it.
        data: folder of the data sets.
        run: folder of checkpoints, logs and results.

    Returns:
        Path of the weights.

    Raises:
        InputError: a data set is missing.
        WeightsError: MoveNet's weights cannot be had.
    """
    run = Path(run)
    start = run / "first"
    if not run_folder.finished(start, "keypoints"):
        model = run_folder.new_model(start, BACKBONE, COCO_17, movenet)
        teach_mask(model, data, start, MASK)
        run_folder.save_parts(start, "keypoints", run_model.parts(model, "keypoints"))
    train_unfinished("person", PERSON, data, start)
    for number, plan in enumerate(ROUNDS, 1):
        end = run / f"round{number}"
        go_on(plan, start, end, data)
        start = end
    see_octaves(start, run, data)
    train_unfinished("prn", PRN, data, run)
    return release(run, run / "release", "multiposenet-nano")


def go_on(plan, start, end, data):
    """Runs what is not finished of a ``Round``.

    Args:
        plan: the ``Round``.
        start: folder of the keypoint and person stage that it begins with.
        end: folder of those that it leaves; what it learns lies in ``learning`` there.
        data: as of ``main``.
    """
    learning = end / "learning"
    if not run_folder.finished(learning, "keypoints"):
        model, before = (_begin(at, start, "keypoints") for at in (learning, start))
        photos = multiposenet_lite0.photos(PHOTOS, data)
        tune(model, before, teacher(), photos, plan.tuning, learning, LEARNT)
        run_folder.save_parts(learning, "keypoints", run_model.parts(model, "keypoints"))
    train_unfinished(
        "person", dataclasses.replace(plan.person, pretrained=str(start)), data, learning
    )
    if not run_folder.finished(end, "keypoints", "person"):
        model = _begin(end, learning, "keypoints", "person")
        keep(model, _begin(start, start, "person"), "person", LEARNT)
        for stage in ("keypoints", "person"):
            run_folder.save_parts(end, stage, run_model.parts(model, stage))


def see_octaves(start, run, data):
    """Teaches heatmaps and mask to see two octaves, all on a backbone that stays as it is.

    Args:
        start: folder of the keypoint and person stage of one octave.
        run: folder of those that are left.
        data: as of ``main``.
    """
    before = start
    for number, recipe in enumerate(OCTAVES, 1):
        end = run / f"octaves{number}"
        if not run_folder.finished(end, "keypoints"):
            recipe = dataclasses.replace(recipe, pretrained=str(before))
            photos = multiposenet_lite0.photos(MASKED, data)
            pipeline.train("keypoints", photos, end, recipe, resume=True)
        before = end
    if not run_folder.finished(run, "keypoints", "person"):
        model = run_folder.new_model(run, BACKBONE, COCO_17, octaves=2)
        run_folder.load_parts(model, before, "keypoints")
        run_folder.load_parts(model, start, "person")
        photos = multiposenet_lite0.photos(PHOTOS[:1], data)[:BALANCED]
        balance(model, photos, image_size=480, enlarge=2.0)
        for stage in ("keypoints", "person"):
            run_folder.save_parts(run, stage, run_model.parts(model, stage))


def _begin(run, start, *stages):
    """The model of a run, with what stages of another one have left."""
    model = run_folder.new_model(run, BACKBONE, COCO_17)
    run_folder.load_parts(model, start, *stages)
    return model


def teach_mask(model, data, run, recipe):
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


def patches(data, skeleton, recipe):
    """Batches of patches of all photos, with and without a mask."""
    samples = multiposenet_lite0.photos(PHOTOS, data)
    return KeypointBatches(samples, recipe, skeleton.flip_indices)


def teacher():
    """A function of images to their person masks, see ``mask_batches``."""
    see = compiled(estimator.load(TEACHER, runtime="auto").model, ("mask",))
    return lambda images: see(images)["mask"][..., None]


if __name__ == "__main__":
    print(main(*sys.argv[1:4]))
