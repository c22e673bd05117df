"""The networks behind the ablation (RMPE, table 5): RMPE's own, and others that lack something.

    RUN/pgpg.npz        proposal generator, fitted to the detector's boxes on training photos
    RUN/full            STN, SPPE and SDTN, tuned with the parallel SPPE on generated proposals
    RUN/no-parallel     the same without the parallel SPPE
    RUN/no-generator    the same as full, tuned on true boxes
    RUN/no-sstn         the SPPE alone, tuned on generated proposals
    RUN/true-boxes      the SPPE alone, tuned on true boxes

Each is a run's folder as ``pipeline.train`` leaves it. All begin with one SPPE, that of ``full``,
trained on true boxes but for the recipe's noise, and are tuned for as many steps.
"""

import shutil
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError, WeightsError
from multiposenet.training import datasets, pipeline, recipes, run_folder
from multiposenet.training.proposals import offsets, pgpg
from multiposenet.training.recipes.proposals import PGPGRecipe
from multiposenet.training.recipes.sppe import SinglePersonRecipe
from multiposenet.training.stages import sstn
from multiposenet.training.stages.sppe import load_generator
from multiposenet.training.tables import rmpe_candidates

GENERATED = {"generator": "pgpg"}
TRUE = {"generator": "noise", "box_noise": 0.0}
EVERY = 3  # of so many training photos the detector's boxes are looked at once


@dataclass(frozen=True)
class Variant:
    """How a network is tuned.

    Attributes:
        changes: of the SSTN stage's recipe.
        sstn: whether there is an STN; else the SPPE alone is tuned by what that recipe shares.
    """

    changes: dict
    sstn: bool = True

    @property
    def stage(self):
        """The stage that leaves the network."""
        return "sstn" if self.sstn else "sppe"


VARIANTS = {
    "full": Variant(GENERATED),
    "no-parallel": Variant({**GENERATED, "parallel": 0.0}),
    "no-generator": Variant(TRUE),
    "no-sstn": Variant(GENERATED, sstn=False),
    "true-boxes": Variant(TRUE, sstn=False),
}


@dataclass
class TrainedVariants:
    """The networks of a run, trained when they are asked for if they are not there.

    Args:
        run: the folder.
        detector: name of the model whose boxes are imitated.
        train: names of data sets, ``FORMAT:FOLDER``; without any, what is missing stays so.
        skeleton: the keypoints.
        recipes: dict of stage to recipe, ``"sppe"`` and ``"sstn"``.
        workers: processes that make the batches, see ``Engine``.
    """

    run: Path
    detector: str
    train: tuple[str, ...]
    skeleton: object
    recipes: dict = field(
        default_factory=lambda: {"sppe": recipes.NanoSPPE(), "sstn": recipes.NanoSSTN()}
    )
    workers: int = 0
    _samples: list | None = field(default=None, repr=False)

    def folder(self, name):
        """The run's folder of a variant.

        Raises:
            WeightsError: it is not trained and there is nothing to train on.
        """
        variant, folder = VARIANTS[name], Path(self.run) / name
        if run_folder.finished(folder, variant.stage):
            return folder
        self._check(f"{folder}: not trained")
        first = Path(self.run) / "full"
        self._fit("sppe", first, self.recipes["sppe"])
        tuning = replace(self.recipes["sstn"], **variant.changes)
        if not variant.sstn:
            shared = {f.name: getattr(tuning, f.name) for f in fields(SinglePersonRecipe)}
            tuning = replace(self.recipes["sppe"], **shared, pretrained=str(first))
        elif folder != first:
            folder.mkdir(parents=True, exist_ok=True)
            for file in ("rmpe.json", "sppe.weights.h5"):
                shutil.copy(first / file, folder / file)
            located = first / sstn.LOCALISATION_START
            if located.is_file() and variant.changes["generator"] == GENERATED["generator"]:
                shutil.copy(located, folder)
        self._fit(variant.stage, folder, tuning)
        return folder

    def generator(self):
        """The fitted ``PGPG`` of the run.

        Raises:
            WeightsError: there is none and nothing to fit it to, or it is damaged.
            InputError: no data set of ``train`` has everybody labelled.
        """
        path = Path(self.run) / "pgpg.npz"
        if not path.exists():
            self._check(f"{path}: not fitted")
            path.parent.mkdir(parents=True, exist_ok=True)
            self._fit_generator().save(path)
        return load_generator(path, self.skeleton)

    def _fit(self, stage, folder, recipe):
        if run_folder.finished(folder, stage):
            return
        folder.mkdir(parents=True, exist_ok=True)
        if recipe.generator == "pgpg":
            self.generator().save(folder / "pgpg.npz")
        if self._samples is None:
            self._samples = [s for name in self.train for s in datasets.read(name, self.skeleton)]
        pipeline.train(
            stage,
            self._samples,
            folder,
            recipe,
            skeleton=self.skeleton,
            workers=self.workers,
            resume=True,
        )

    def _fit_generator(self):
        """A PGPG of the detector's boxes on the photos on which everybody is labelled."""
        folders = [datasets.split(name)[2] for name in self.train if name.startswith("coco:")]
        if not folders:
            raise InputError(
                "--train: no data set of the format coco, to which the proposal generator is "
                "fitted; add one"
            )
        annotations = CocoAnnotations.load(Path(folders[0]) / "annotations.json", self.skeleton)
        annotations = annotations.select(slice(None, None, EVERY))
        records = annotations.images
        paths = [Path(folders[0]) / "photos" / record.file_name for record in records]
        results = [
            {"image_id": record.id, "bbox": [x1, y1, x2 - x1, y2 - y1], "score": score}
            for record, (boxes, scores) in zip(
                records, rmpe_candidates.detect(self.detector, paths), strict=True
            )
            for (x1, y1, x2, y2), score in zip(boxes.tolist(), scores.tolist(), strict=True)
        ]
        recipe = PGPGRecipe()
        pairs = offsets.collect(
            annotations, results, iou=recipe.iou, min_score=recipe.min_score, path=folders[0]
        )
        pairs = pairs + pairs.mirrored(self.skeleton.flip_indices)
        return pgpg.fit(pairs, self.skeleton.keypoints, **recipe.fitting)

    def _check(self, problem):
        if not self.train:
            raise WeightsError(f"{problem}: give --train")
