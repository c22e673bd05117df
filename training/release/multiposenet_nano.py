"""How the bundled ``multiposenet-nano`` is made: MoveNet's heatmaps, our boxes, masks and PRN.

    python -m multiposenet.training.release.multiposenet_nano movenet-multipose.json DATA RUN

DATA holds the folders named below. Backbone, keypoint pyramid and heatmaps are MoveNet's; the
person stage, the person mask and the PRN are trained. Killed and run again, it goes on with the
stage it was in; the file and a manifest are left in RUN/release.
"""

import sys
from pathlib import Path

from multiposenet.skeleton import COCO_17
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.release import multiposenet_lite0, person_mask
from multiposenet.training.release.entry import release
from multiposenet.training.stages.keypoints import KeypointBatches

BACKBONE = "movenet_multipose"
MASKED = (
    "coco:coco_photos/train",
    "coco:coco_photos/no_keypoints",
    "ccp:ccp_person_masks",
    "ccp:human_segmentation",
)
MASKS = recipes.MoveNetKeypoints(
    patch_sizes=((0.0, 320),), masked_singles=5, singles=0, mosaics=0, seed=5
)
BATCHES, EPOCHS = 200, 16
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
        person_mask.teach(model, masked_batches(data, model.skeleton), BATCHES, EPOCHS)
        parts = model.backbone, model.keypoint_pyramid, model.keypoint_subnet
        run_folder.save_parts(run, "keypoints", parts)
    for stage, recipe in (("person", PERSON), ("prn", recipes.NanoPRN(backbone=BACKBONE))):
        if not run_folder.finished(run, stage):
            samples = multiposenet_lite0.samples(stage, data)
            pipeline.train(stage, samples, run, recipe, resume=True)
    return release(run, run / "release", "multiposenet-nano")


def masked_batches(data, skeleton, recipe=MASKS):
    """Batches of patches from the photos that have a mask of all persons."""
    masked = [sample for sample in multiposenet_lite0.photos(MASKED, data) if sample.has_mask]
    return KeypointBatches(masked, recipe, skeleton.flip_indices)


if __name__ == "__main__":
    print(main(*sys.argv[1:4]))
