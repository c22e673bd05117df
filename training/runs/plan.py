"""Stages of training from the names of data, a recipe and a start: behind ``train`` and ``fit``."""

import dataclasses
from typing import Any

from multiposenet import label_formats
from multiposenet import skeleton as skeletons
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.training import datasets, pipeline, recipes, registry, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.stages import pretrained


@dataclasses.dataclass(frozen=True)
class Data:
    """What stages learn from.

    Attributes:
        samples: list of ``datasets.Sample``; ``CocoAnnotations`` for stages that learn from a
            detector's results.
        skeleton: the keypoints that are learnt, in which samples are.
        source: who says so: a data set's name or path; None for COCO's by default.
        validation: ``CocoAnnotations`` to measure on, or None.
    """

    samples: Any
    skeleton: skeletons.Skeleton
    source: Any = None
    validation: CocoAnnotations | None = None


def read(
    stages, run, names=(), *, annotations=None, images=None, masks=None, skeleton=None, val=None
):
    """Reads data sets in the keypoints that are to be learnt.

    These are those of ``skeleton``, or else of the first data set that labels any, with the run's
    own sigmas and limbs if it has begun; COCO's if nobody says.

    Args:
        stages: list of ``registry.Stage``.
        run: the run's folder.
        names: data sets, ``FORMAT:FOLDER``.
        annotations: path of COCO keypoint annotations.
        images: folder of their photos.
        masks: folder of their masks.
        skeleton: name or YAML file of a skeleton, or a ``Skeleton``.
        val: path of annotations to measure on.

    Returns:
        ``Data``.

    Raises:
        InputError, AnnotationError: a data set cannot be read.
        WeightsError: the run's record is damaged.
    """
    given = skeletons.get(skeleton) if skeleton else None
    labels = label_formats.load(annotations, given) if annotations else None
    if any(stage.data == registry.DETECTIONS for stage in stages):
        return Data(labels, given or labels.skeleton)
    learnt, source = given, skeleton
    if given is None:
        learnt, source = _own_skeleton(names, labels)
        known = run_folder.recorded_skeleton(run, stages[0].system)
        if known and (learnt is None or learnt.keypoints == known.keypoints):
            learnt, source = known, run
    learnt = learnt or skeletons.COCO_17
    samples = coco.from_annotations(labels, images or ".", masks, learnt) if labels else []
    for name in names:
        samples += datasets.read(name, learnt)
    return Data(samples, learnt, source, label_formats.load(val, learnt) if val else None)


def _own_skeleton(names, labels):
    """The keypoints of the first data set that labels any, and its name; None without."""
    if labels:
        return labels.skeleton, labels.path
    for name in names:
        if found := datasets.skeleton_of(name):
            return found, name
    return None, None


def recipes_of(stages, name, settings=(), *, start=None, several=False, named="--set"):
    """Stage name -> recipe, changed.

    Of several stages, one that has no recipe of the name takes nano's, with the others' backbone,
    and a change is for the stages whose recipes have the field.

    Args:
        stages: list of ``registry.Stage``.
        name: of the recipe.
        settings: pairs of field, or ``STAGE.FIELD``, and value.
        start: model of the zoo or folder of a run to go on from: ``pretrained`` and ``backbone`` of
            every recipe that has them.
        several: whether the stages are taken together.
        named: what errors call the settings.

    Raises:
        InputError: a field or value is none, or the start is neither a model nor a run.
    """
    backbone = pretrained.backbone_of(start) if start else None
    begun = {"backbone": backbone, "pretrained": str(start)} if start else {}
    made, used = {}, set()
    for stage in stages:
        own = name in stage.recipes
        recipe = stage.recipe(name if own else "nano")()
        backbone = backbone or getattr(recipe, "backbone", None)
        changes = {field: value for field, value in begun.items() if hasattr(recipe, field)}
        if not own and backbone is not None:
            changes["backbone"] = backbone
        for field, value in settings:
            owner, dot, inner = field.rpartition(".")
            if not several:
                changes[field] = value
                used.add(field)
            elif (owner == stage.name or not dot) and hasattr(recipe, inner):
                changes[inner] = value
                used.add(field)
        made[stage.name] = recipes.change(recipe, changes, named)
    for field, _ in settings:
        if field not in used:
            fields = [
                f"{stage.name}.{field.name}"
                for stage in stages
                for field in dataclasses.fields(made[stage.name])
            ]
            raise InputError(
                f"{named}: {field}: no recipe has such a field; use one of: {', '.join(fields)}"
            )
    return made


def left_of(stages, run, resume):
    """Of several stages those that a run has yet to train.

    Raises:
        InputError: one is finished, and the run is not to go on.
    """
    if resume:
        return [stage for stage in stages if not run_folder.finished(run, stage.name)]
    for stage in stages:
        run_folder.refuse_finished(run, stage.name)
    return stages


def train(stages, made, data, run, *, told=None, augment=None, **options):
    """Trains stages one after the other.

    Args:
        stages: list of ``registry.Stage``.
        made: of ``recipes_of``.
        data: of ``read``.
        run: the run's folder.
        told: function of a stage, called before it begins.
        augment: the user's own augmentation, for the stages that take it.
        **options: of ``pipeline.train``.

    Returns:
        The files written.

    Raises:
        As ``pipeline.train``.
    """
    files = []
    for stage in stages:
        if told:
            told(stage)
        files += pipeline.train(
            stage.name,
            data.samples,
            run,
            made[stage.name],
            skeleton=data.skeleton,
            augment=augment if stage.augment else None,
            val_annotations=data.validation,
            **options,
        )
    return list(dict.fromkeys(files))
