"""How the bundled ``multiposenet-nano`` is made: three stages, then the release.

    multiposenet train keypoints --data DATA --run RUN     about 80 minutes on 2 CPU cores
    multiposenet train person    --data DATA --run RUN     10 minutes; needs the first
    multiposenet train prn       --data DATA --run RUN     about 15 minutes; needs neither
    multiposenet train release   --run RUN --out weights   writes the file and its manifest entry

DATA holds ``coco_photos/train``, ``coco_photos/no_keypoints``, ``lsp_extended/train``,
``ccp_person_masks`` (see ``datasets``) and ``coco_labels/person_keypoints_train2017.json.gz``.
Each stage leaves its parts' weights in RUN, where the next one finds them; ``--resume`` goes on
from the last checkpoint. What the released weights reach is in ``weights/cards``.
"""

from pathlib import Path

import keras

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import WeightsError
from multiposenet.networks.weight_files import load_completely
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import keypoints, loop, persons, prn, recipes
from multiposenet.training.datasets import ccp, coco, lsp

PARTS = {
    "keypoints": ("backbone", "keypoint_pyramid", "keypoint_subnet"),
    "person": ("person_pyramid", "person_subnet"),
    "prn": ("prn",),
}
RECIPES = {
    "keypoints": recipes.KeypointRecipe,
    "person": recipes.PersonRecipe,
    "prn": recipes.PRNRecipe,
}


def train(stage, data, run, recipe=None, resume=False):
    """Trains one stage and saves its parts.

    Args:
        stage: ``"keypoints"``, ``"person"`` or ``"prn"``.
        data: the folder DATA above.
        run: folder of checkpoints, logs and results.
        recipe: of the stage; by default the one that made the released weights.
        resume: go on from the last checkpoint.

    Raises:
        ValueError: unknown stage.
        WeightsError: an earlier stage's result is missing.
    """
    if stage not in PARTS:
        raise ValueError(f"stage: unknown name {stage!r}; use one of {sorted(PARTS)}")
    data, run = Path(data), Path(run)
    recipe = recipe or RECIPES[stage]()
    keras.utils.set_random_seed(recipe.seed)
    model = MultiPoseNet("nano")
    if stage == "prn":
        labels = CocoAnnotations.load(data / "coco_labels/person_keypoints_train2017.json.gz")
        prn.train(model.prn, prn.Crops(labels), recipe, model.skeleton.flip_indices, run, resume)
    else:
        photos = coco.read(data / "coco_photos/train") + coco.read(
            data / "coco_photos/no_keypoints"
        )
        if stage == "keypoints":
            singles = lsp.read(data / "lsp_extended/train")
            masked = ccp.read(data / "ccp_person_masks")
            keypoints.train(model, photos, singles, masked, recipe, run, resume)
        else:
            load_parts(model, run, PARTS["keypoints"])
            persons.train(model, photos, recipe, run, resume)
    for part in PARTS[stage]:
        loop.save(getattr(model, part), run / f"{part}.weights.h5")


def load_parts(model, run, parts):
    """Loads parts of a model from a run's folder.

    Raises:
        WeightsError: a file is missing, damaged, or of another architecture.
    """
    for part in parts:
        path = Path(run) / f"{part}.weights.h5"
        stage = next(stage for stage, names in PARTS.items() if part in names)
        if not path.exists():
            raise WeightsError(f"{path}: file: missing; run `multiposenet train {stage}` first")
        try:
            load_completely(getattr(model, part), path)
        except Exception as error:  # depends on what does not fit
            raise WeightsError(
                f"{path}: weights: damaged or of another architecture; "
                f"run `multiposenet train {stage}` again"
            ) from error
