"""Every design of the PRN gives true keypoints to true boxes (MultiPoseNet, table 3, left).

Rows are trained by one recipe (``recipes.TablePRN``) in the same number of steps, each in a
folder of its own from which it resumes, and their weights kept beside it.
"""

import gc
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import keras

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError, WeightsError
from multiposenet.files.writing import save_weights
from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.networks.pose_residual_network import (
    Max,
    NearestCentre,
    PoseResidualNetwork,
    UnaryConditionalRelationship,
)
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.skeleton import COCO_17
from multiposenet.systems import estimator
from multiposenet.training import recipes
from multiposenet.training.grouping import assignment
from multiposenet.training.grouping.degradation_sweep import mean_crop
from multiposenet.training.grouping.labelled_persons import LabelledPersons
from multiposenet.training.recipes.joint_assigner import JointAssignerRecipe
from multiposenet.training.stages import joint_assigner, prn
from multiposenet.training.tables.system_rows import FIGURES


@dataclass(frozen=True)
class PRNRow:
    """A row of the table.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        paper: the paper's AP, AP50, AP75, APM, APL on true boxes and keypoints, or ().
        network: arguments of the ``PoseResidualNetwork``; None if it is none of these.
        curriculum: trained from easy to hard.
    """

    name: str
    title: str
    paper: tuple[float, ...] = ()
    network: dict | None = None
    curriculum: bool = True


def _prn(nodes, dropout=0.5, residual=False, hidden=1):
    return {"nodes": nodes, "dropout": dropout, "residual": residual, "hidden": hidden}


_RESIDUAL = _prn(1024, residual=True)

ROWS = (
    PRNRow("50", "50 N", (76.3, 89.2, 79.1, 74.8, 80.4), _prn(50, dropout=0.0)),
    PRNRow("50-D", "50 N, D", (78.6, 91.7, 82.4, 77.1, 83.1), _prn(50)),
    PRNRow("512-D", "512 N, D", (84.1, 94.2, 85.3, 82.0, 86.2), _prn(512)),
    PRNRow("2x512-D", "2 x 512 N, D", (81.9, 91.1, 82.6, 79.8, 84.3), _prn(512, hidden=2)),
    PRNRow("2048-D-R", "2048 N, D+R", (83.2, 95.7, 86.1, 82.0, 86.3), _prn(2048, residual=True)),
    PRNRow("1024-D-R", "1024 N, D+R", (89.4, 97.1, 91.2, 87.9, 91.8), _RESIDUAL),
    PRNRow("1024-D", "1024 N, D, not residual", (), _prn(1024)),
    PRNRow("no-curriculum", "1024 N, D+R, no curriculum", (), _RESIDUAL, curriculum=False),
    PRNRow("compact", "multiposenet-nano's"),
    PRNRow("max", "Max"),
    PRNRow("ucr", "UCR"),
    PRNRow("nearest", "nearest centre"),
    PRNRow("joint", "joint assigner"),
    PRNRow("perfect", "perfect (ceiling)"),
)


def choose(names, rows=ROWS):
    """The rows of some names, in the order of the table; all if there are none.

    Args:
        names: the names.
        rows: all rows of the table.

    Raises:
        InputError: a name is unknown.
    """
    known = [row.name for row in rows]
    for name in names:
        if name not in known:
            raise InputError(f"--rows: {name}: no such row; use some of {', '.join(known)}")
    return [row for row in rows if not names or row.name in names]


@dataclass
class PRNTable:
    """Measures rows, after training them if their weights are not in the run's folder.

    Args:
        annotations: ``CocoAnnotations`` to measure on.
        run: folder of weights and checkpoints.
        train: file of ``CocoAnnotations`` to train on; None: rows without weights stay empty.
        recipe: a ``PRNRecipe`` for all rows; ``curriculum`` is set to 0 for the row without.
        joint_recipe: of the joint assigner.
        rules: of ``assignment.RULES``; the first gives the assignment and localisation scores.
    """

    annotations: CocoAnnotations
    run: Path
    train: Path | None = None
    recipe: object = field(default_factory=recipes.TablePRN)
    joint_recipe: object = None
    rules: tuple[str, ...] = ("optimal", "each", "greedy")
    _loaded: object = field(default=None, repr=False)

    def measure(self, row):
        """A row as a dict, figures in 0...100.

        ``name``, ``title``, ``parameters``; ``paper/AP``, ``assignment/AP``, ``localisation/AP``
        and so for all of ``FIGURES``; ``RULE/AP`` for the other rules. A row without weights has
        ``missing`` instead, saying why.
        """
        result = {"name": row.name, "title": row.title}
        if row.paper:
            result |= {f"paper/{name}": v for name, v in zip(FIGURES, row.paper, strict=True)}
        try:
            assigner = self._assigner(row)
        except WeightsError as error:
            return result | {"missing": str(error)}
        assigned = assignment.AssignmentScores(assigner, self.annotations)
        figures = {"assignment": assigned.evaluate(self.rules[0])}
        figures["localisation"] = assigned.evaluate(self.rules[0], "cell")
        figures |= {rule: assigned.evaluate(rule) for rule in self.rules[1:]}
        for column, values in figures.items():
            for name in FIGURES if column in ("assignment", "localisation") else FIGURES[:1]:
                result[f"{column}/{name}"] = round(100 * values[f"keypoints/{name}"], 2)
        weights = assigner.trainable_weights if assigner is not None else ()
        result["parameters"] = sum(math.prod(weight.shape) for weight in weights)
        del assigner, assigned
        gc.collect()  # the widest have hundreds of megabytes
        return result

    def _assigner(self, row):
        skeleton = self.annotations.skeleton
        if row.name == "perfect":
            return None
        if row.name == "compact":
            if skeleton.keypoints != COCO_17.keypoints:
                raise WeightsError(f"compact: the bundled weights are for {COCO_17.name}")
            return estimator.load("multiposenet-nano").model.prn
        if row.name in ("max", "nearest"):
            return Max() if row.name == "max" else NearestCentre()
        keras.utils.set_random_seed(self.recipe.seed)
        num_keypoints = skeleton.num_keypoints
        if row.name == "ucr":
            assigner, fit = UnaryConditionalRelationship(num_keypoints), self._fit_prior
        elif row.name == "joint":
            assigner, fit = JointAssigner(num_keypoints), self._fit_joint
        else:
            assigner, fit = PoseResidualNetwork(num_keypoints, **row.network), self._fit_prn
        path = Path(self.run) / f"{row.name}.weights.h5"
        if path.exists():
            try:
                load_completely(assigner, path)
            except Exception as error:  # depends on what does not fit
                raise InputError(
                    f"{path}: weights: damaged or of another network; delete it to train anew"
                ) from error
        elif self.train is None:
            raise WeightsError("not trained: give --train")
        else:
            fit(row, assigner)
            save_weights(assigner, path)
        return assigner

    def _fit_prn(self, row, assigner):
        recipe = self.recipe if row.curriculum else replace(self.recipe, curriculum=0.0)
        flip = self.annotations.skeleton.flip_indices
        prn.train(assigner, self._people(), recipe, flip, Path(self.run) / row.name, resume=True)

    def _fit_joint(self, row, assigner):
        recipe = self.joint_recipe or JointAssignerRecipe()
        flip = self.annotations.skeleton.flip_indices
        photos = joint_assigner.Photos(self._train_annotations())
        joint_assigner.train(assigner, photos, recipe, flip, Path(self.run) / row.name, resume=True)

    def _fit_prior(self, row, assigner):
        assigner.prior.assign(mean_crop(self._train_annotations()))

    def _train_annotations(self):
        annotations = CocoAnnotations.load(self.train, self.annotations.skeleton)
        if annotations.skeleton.keypoints != self.annotations.skeleton.keypoints:
            raise InputError(
                f"{self.train}: keypoints: not those of {self.annotations.path}; "
                "train and measure on the same keypoints"
            )
        return annotations

    def _people(self):
        if self._loaded is None:
            self._loaded = LabelledPersons(self._train_annotations(), self.recipe.more_than)
        return self._loaded


def default_train(annotations_path):
    """The train2017 labels that stand beside the annotations, plain or gzip-compressed, or None."""
    for name in ("person_keypoints_train2017.json", "person_keypoints_train2017.json.gz"):
        path = Path(annotations_path).parent / name
        if path.exists():
            return path
    return None
