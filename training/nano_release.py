"""How the bundled ``multiposenet-nano`` is made, from the photos and labels to the weight file.

    python -m multiposenet.training.nano_release DATA RUN

DATA holds the folders named below. Killed and run again, it goes on from the last checkpoint of the
stage it was in; the file and a manifest are left in RUN/release.
"""

import sys
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.training import datasets, parts, pipeline, recipes
from multiposenet.training.datasets import coco
from multiposenet.training.release import release

PHOTOS = {
    "keypoints": (
        "coco:coco_photos/train",
        "coco:coco_photos/no_keypoints",
        "lsp:lsp_extended/train",
        "ccp:ccp_person_masks",
    ),
    "person": ("coco:coco_photos/train", "coco:coco_photos/no_keypoints"),
}
LABELS = "coco_labels/person_keypoints_train2017.json.gz"  # of the PRN, which sees no photos


def main(data, run, plans=None):
    """Runs the stages that are not finished and collects their result.

    Args:
        data: folder of the data sets.
        run: folder of checkpoints, logs and results.
        plans: dict of stage to recipe; by default nano's.

    Returns:
        Path of the weights.

    Raises:
        InputError: a data set is missing.
    """
    plans = plans or {stage: recipes.RECIPES[stage]["nano"]() for stage in parts.STAGES}
    for stage, recipe in plans.items():
        if not all((Path(run) / f"{part}.weights.h5").exists() for part in parts.STAGES[stage]):
            pipeline.train(stage, samples(stage, data), run, recipe, resume=True)
    return release(run, Path(run) / "release", "multiposenet-nano")


def samples(stage, data):
    """What a stage learns from."""
    if stage == "prn":
        return coco.from_annotations(CocoAnnotations.load(Path(data) / LABELS), data)
    found = []
    for name in PHOTOS[stage]:
        kind, _, folder = name.partition(":")
        found += datasets.read(f"{kind}:{Path(data) / folder}")
    return found


if __name__ == "__main__":
    print(main(*sys.argv[1:3]))
