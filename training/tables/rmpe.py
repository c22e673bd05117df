"""RMPE, and what is lost without each of its parts (RMPE, table 5).

Plain two-step is the framework without any of them (RMPE, section 3.1, figure 4).

Every row is a network of ``rmpe_variants`` and a rule that tells who was found twice
(``rmpe_rules``), on the same proposals: those of the detector, which find a person several times,
and on photos of one labelled person those of the proposal generator. Rules of which parameters are
learnt have learnt them from other photos than they are measured on.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import WeightsError
from multiposenet.systems.pose_nms import distinct
from multiposenet.systems.sppe_files import load_network
from multiposenet.training.pose_nms import metrics
from multiposenet.training.tables import rmpe_candidates, rmpe_rules
from multiposenet.training.tables.rmpe_variants import TrainedVariants
from multiposenet.training.validation.sppe import measured

PER_PERSON = 3
"""Generated proposals of a person on photos of one."""
DRAWS = 100
"""Halves of the photos by which the spread is told."""


@dataclass(frozen=True)
class AblationRow:
    """A row of the table.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        variant: of ``rmpe_variants.VARIANTS``.
        rule: of ``rmpe_rules.FIXED``, or ``"learnt"``.
        paper: the paper's mAP, 0 to 100, or None.
    """

    name: str
    title: str
    variant: str
    rule: str
    paper: float | None = None


FULL = AblationRow("full", "RMPE", "full", "learnt", 69.2)
ROWS = (
    FULL,
    AblationRow("no-sstn", "no SSTN, no parallel SPPE", "no-sstn", "learnt", 65.1),
    AblationRow("no-parallel", "no parallel SPPE", "no-parallel", "learnt", 66.2),
    AblationRow("no-generator", "no proposal generator", "no-generator", "learnt", 62.6),
    AblationRow("no-pose-nms", "no pose NMS", "full", "none", 63.2),
    AblationRow("overlap", "NMS by overlap of keypoints", "full", "overlap", 67.1),
    AblationRow("oks", "OKS-NMS", "full", "oks"),
    AblationRow("hand", "pose NMS set by hand", "full", "hand"),
    AblationRow("boxes", "NMS of boxes", "full", "boxes"),
    AblationRow("two-step", "plain two-step", "true-boxes", "none", 57.5),
    AblationRow("two-step-boxes", "plain two-step, NMS of boxes", "true-boxes", "boxes"),
)


@dataclass
class AblationTable:
    """Measures rows; networks that are missing are trained first.

    Args:
        annotations: ``CocoAnnotations`` of everybody on some photos.
        images: their folder.
        trained: the networks.
        single: list of ``datasets.Sample`` of one labelled person each; empty leaves them out.
    """

    annotations: CocoAnnotations
    images: Path
    trained: TrainedVariants
    single: list = field(default_factory=list)
    _candidates: dict = field(default_factory=dict, repr=False)
    _rules: dict = field(default_factory=dict, repr=False)
    _figures: dict = field(default_factory=dict, repr=False)

    def measure(self, row):
        """A row as a dict, figures in 0...100.

        ``name``, ``title``, ``paper/mAP``; for every measure, such as ``photos/AP``: the figure,
        ``/spread`` its standard deviation, ``/loss`` how much less it is than that of RMPE, and
        ``/loss/spread``, both of them only if RMPE's own network is there. Of learnt pose NMS
        ``parameters``. A row whose network is missing has ``missing`` instead, saying why.
        """
        result = {"name": row.name, "title": row.title}
        if row.paper is not None:
            result["paper/mAP"] = row.paper
        try:
            own = self._measured(row)
        except WeightsError as error:
            return result | {"missing": str(error)}
        try:
            best = self._measured(FULL)
        except WeightsError:  # then there is nothing to compare with
            best = None
        for name, (figure, halves) in own.items():
            result[name] = _percent(figure)
            result[f"{name}/spread"] = _percent(metrics.spread(halves))
            if best and row != FULL:
                whole, on_halves = best[name]
                lost = metrics.spread(on_halves - halves)
                result[f"{name}/loss"] = _percent(whole - figure)
                result[f"{name}/loss/spread"] = _percent(lost)
        if row.rule == "learnt":
            result["parameters"] = [vars(one) for one in self._learnt(row.variant)[1]]
        return result

    def _measured(self, row):
        """Measure to its figure, and (draws,) those on halves of the photos."""
        if row.name not in self._figures:
            found = {}
            for kind, photos in self._sets.items():
                rule = self._rule(row, kind, len(photos))
                kept = [rule(i, poses) for i, poses in enumerate(self._found(row.variant)[kind])]
                whole = photos.figures(kept)
                halves = metrics.halves(len(photos), DRAWS)
                parts = [photos.figures(kept, half) for half in halves]
                for name, figure in whole.items():
                    halves = np.array([part[name] for part in parts])
                    found[f"{kind}/{name}"] = (figure, halves)
            self._figures[row.name] = found
        return self._figures[row.name]

    def _rule(self, row, kind, count):
        """A function from a photo's number and its ``Poses`` to those that are kept."""
        if row.rule != "learnt":
            return lambda _, poses: rmpe_rules.FIXED[row.rule](poses)
        half, parameters = self._learnt(row.variant)
        if kind != "photos":  # none was learnt from
            half = np.arange(count) % 2
        return lambda photo, poses: distinct(poses, parameters[half[photo]])

    def _learnt(self, variant):
        if variant not in self._rules:
            poses = self._found(variant)["photos"]
            results = metrics.to_results(self.annotations, poses)
            self._rules[variant] = rmpe_rules.learnt(self.annotations, results)
        return self._rules[variant]

    def _found(self, variant):
        """All poses of a network, a list of ``Poses`` for every set of photos."""
        if variant not in self._candidates:
            network, skeleton, options = load_network(self.trained.folder(variant))
            how = (network, skeleton, options["margin"])
            self._candidates[variant] = {
                kind: rmpe_candidates.poses(*how, *self._proposals[kind]) for kind in self._sets
            }
        return self._candidates[variant]

    @cached_property
    def _persons(self):
        return measured(self.single, self.trained.skeleton) if self.single else []

    @cached_property
    def _sets(self):
        sets = {"photos": metrics.MultiPersonMetrics(self.annotations)}
        if self.single:
            sets["single"] = metrics.SinglePersonMetrics(self._persons, self.trained.skeleton)
        return sets

    @cached_property
    def _proposals(self):
        """Paths and proposals of every set of photos."""
        paths = [Path(self.images) / record.file_name for record in self.annotations.images]
        found = rmpe_candidates.detect(
            self.trained.detector, paths, rmpe_candidates.OVERLAP, rmpe_candidates.LEAST
        )
        proposals = {"photos": (paths, found)}
        if self.single:
            generator = self.trained.generator()
            drawn = [_generated(generator, person, i) for i, person in enumerate(self._persons)]
            proposals["single"] = ([person.photo.path for person in self._persons], drawn)
        return proposals


def _generated(generator, person, seed):
    """Generated boxes of a person, and their scores, which are alike."""
    own, rng = person.labels, np.random.default_rng(seed)
    boxes = generator.sample(
        own.keypoints, own.boxes, rng, count=PER_PERSON, image_size=own.image_size
    )[0]
    return boxes, np.ones(len(boxes))


def _percent(value):
    return round(100 * float(value), 2)
