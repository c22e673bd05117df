"""How the bundled ``multiposenet-lite0`` is made, from the photos and labels to the weight file.

    python -m multiposenet.training.release.multiposenet_lite0 DATA RUN [WORKERS]

DATA holds the folders named below, WORKERS is ``train``'s option. Killed and run again, it goes on
from the last checkpoint of the stage it was in; the file and a manifest are left in RUN/release.
The person stage has two rounds: what the first one leaves in RUN/first, the second goes on from.
"""

import dataclasses
import shutil
import sys
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.training import datasets, pipeline, recipes, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.registry import STAGES
from multiposenet.training.release.entry import release

PHOTOS = {
    "keypoints": (
        "coco:coco_photos/train",
        "coco:coco_photos/no_keypoints",
        "lsp:lsp_extended/train",
        "ccp:ccp_person_masks",
    ),
    "person": ("coco:coco_photos/train", "coco:coco_photos/no_keypoints"),
}
PLANS = {
    "keypoints": recipes.NanoKeypointsGPU(steps=2150, patch_sizes=((0.0, 448),)),
    "person": (
        recipes.NanoPersonGPU(steps=350),
        recipes.NanoPerson(
            steps=1400,
            learning_rate=1e-3,
            warmup=50,
            patch_size=448,
            person_size=(16.0, 448.0),
            validate_every=0,
        ),
    ),
    "prn": recipes.NanoPRN(),
}
LABELS = "coco_labels/person_keypoints_train2017.json.gz"  # of the PRN, which sees no photos


def main(data, run, workers=0, plans=None):
    """Runs the stages that are not finished and collects their result.

    Args:
        data: folder of the data sets.
        run: folder of checkpoints, logs and results.
        workers: processes that make the batches of photos.
        plans: dict of stage to recipe, for the person stage one of each round; by default those of
            the bundled weights.

    Returns:
        Path of the weights.

    Raises:
        InputError: a data set is missing.
    """
    run, plans = Path(run), plans or PLANS
    first, (begun, finished) = run / "first", plans["person"]
    train_unfinished("keypoints", plans["keypoints"], data, first, workers)
    train_unfinished("person", begun, data, first, workers)
    run.mkdir(parents=True, exist_ok=True)
    for file in STAGES["keypoints"].files:
        shutil.copy(first / file, run)
    train_unfinished(
        "person", dataclasses.replace(finished, pretrained=str(first)), data, run, workers
    )
    train_unfinished("prn", plans["prn"], data, run, 0)
    return release(run, run / "release", "multiposenet-lite0")


def train_unfinished(stage, recipe, data, run, workers=0):
    """Runs a stage, from its last checkpoint if there is one, unless the run has its result."""
    if not run_folder.finished(run, stage):
        options = {"workers": int(workers), "resume": True}
        pipeline.train(stage, samples(stage, data), run, recipe, **options)


def samples(stage, data):
    """What a stage learns from."""
    if stage == "prn":
        return coco.from_annotations(CocoAnnotations.load(Path(data) / LABELS), data)
    return photos(PHOTOS[stage], data)


def photos(names, data):
    """The samples of data sets named FORMAT:FOLDER, the folders being in another one."""
    found = []
    for name in names:
        kind, _, folder = name.partition(":")
        found += datasets.read(f"{kind}:{Path(data) / folder}")
    return found


if __name__ == "__main__":
    print(main(*sys.argv[1:4]))
