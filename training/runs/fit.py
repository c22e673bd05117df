"""``multiposenet.fit``: a model of one's own from labelled photos, in one call."""

import os
from pathlib import Path

from multiposenet import label_formats
from multiposenet.errors import InputError
from multiposenet.systems.estimator import load
from multiposenet.training import registry
from multiposenet.training.loop import callbacks as callback_list
from multiposenet.training.loop.run_lock import stage_locks
from multiposenet.training.runs import plan


def fit(
    data,
    *,
    images=None,
    val=None,
    val_images=None,
    skeleton=None,
    start="multiposenet-nano",
    run="runs/mine",
    recipe="small",
    settings=None,
    freeze=(),
    patience=None,
    callbacks=(),
    resume=False,
    devices=1,
    workers=0,
):
    """Trains a ``MultiPoseNet`` on labelled photos, as ``multiposenet train all`` does.

    >>> pose = multiposenet.fit("data.json", images="photos", start="multiposenet-nano",
    ...                         run="runs/mine")
    >>> pose("group.jpg").draw("poses.png")

    Learnt are the keypoints that the labels name, a person's or those of any other thing. If they
    are not those of ``start``, the backbone and all that fits stay, and of the heatmaps those of
    the keypoints that both know by name.

    Args:
        data: a COCO file, whose photos are in ``images``; or ``FORMAT:FOLDER`` as of ``train
            --data``, such as ``"coco:PHOTOS"`` or ``"yolo:PHOTOS"``; or a list of these.
        images: folder of the photos of a COCO file.
        val: labels to measure on while it trains, a COCO file or ``FORMAT:FOLDER`` of
            ``label_formats``.
        val_images: folder of their photos; by default that of the format.
        skeleton: name or YAML file of a skeleton, or a ``Skeleton``; by default that of the labels.
        start: model of the zoo, or folder of another run, to go on from; None as the recipe says.
        run: folder of checkpoints, logs and results.
        recipe: name, see docs/training.md.
        settings: dict of recipe fields to values, such as ``{"steps": 300, "prn.epochs": 50}``.
        freeze: names of layers that stay as they are, ``"PART"`` or ``"PART/LAYER"`` with ``*``
            for any letters, such as ``["backbone", "person_pyramid"]``.
        patience: validations in a row without a better AP after which a stage ends; needs ``val``.
        callbacks: instances of ``keras.callbacks.Callback``; of every stage, one after the other,
            they see one training. ``training.loop.callbacks.Callbacks`` says what they are given.
        resume: go on with a run that was stopped, or further than before.
        devices: how many devices share a batch.
        workers: processes that make batches.

    Returns:
        The model as ``multiposenet.load(run)`` gives it.

    Raises:
        InputError: an argument does not fit; or the run is finished and not to go on.
        AnnotationError: labels are malformed, or do not hold what is learnt from.
        WeightsError: the start cannot be had, or the run is of another model.
        TrainingError: a loss is not finite.
    """
    stages = list(registry.of_system("multiposenet"))
    names, annotations = _data_sets(data, images)
    val_images = _photos_of(val, val_images)
    changes = _settings(settings, freeze, patience, val)
    if recipe not in registry.recipe_names():
        raise InputError(
            f"recipe: unknown name {recipe!r:.60}; use one of: {', '.join(registry.recipe_names())}"
        )
    callback_list.check(callbacks)
    made = plan.recipes_of(stages, recipe, changes, start=start, several=True, named="settings")
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    with stage_locks(run, [stage.name for stage in stages]):
        left = plan.left_of(stages, run, resume)
        if left:
            read = plan.read(
                left,
                run,
                names,
                annotations=annotations,
                images=images,
                skeleton=skeleton,
                val=val,
            )
            plan.train(
                left,
                made,
                read,
                run,
                val_images=val_images,
                callbacks=callbacks,
                devices=devices,
                workers=workers,
                resume=resume,
            )
    return load(run)


def _data_sets(data, images):
    """Names of data sets, and the path of a COCO file."""
    given = [data] if isinstance(data, str | os.PathLike) else list(data)
    files = [name for name in given if Path(name).is_file() or str(name).endswith(".json")]
    names = [os.fspath(name) for name in given if name not in files]
    if not given:
        raise InputError("data: nothing is given; name a COCO file, or FORMAT:FOLDER")
    if len(files) > 1:
        raise InputError(
            f"data: {len(files)} COCO files; give one with its images, the others as coco:FOLDER"
        )
    if files and images is None:
        raise InputError(f"{files[0]}: images: missing; name the folder of its photos")
    if images is not None and not files:
        raise InputError(f"images: {images}: of no COCO file; give one as data, or leave it out")
    return names, files[0] if files else None


def _photos_of(val, val_images):
    """Folder of the photos of what is measured on."""
    if val is None:
        if val_images is not None:
            raise InputError(f"val_images: {val_images}: without val; give both")
        return None
    if val_images is None and str(val).partition(":")[0] in label_formats.FORMATS:
        return label_formats.place_of_photos(str(val))
    if val_images is None:
        raise InputError(f"{val}: val_images: missing; name the folder of its photos")
    return val_images


def _settings(settings, freeze, patience, val):
    """Pairs of field and value, those of ``freeze`` and ``patience`` among them."""
    pairs = dict(settings or {})
    frozen = {}
    owners = {part: stage for stage in registry.of_system("multiposenet") for part in stage.parts}
    for name in [freeze] if isinstance(freeze, str) else freeze:
        part = str(name).partition("/")[0]
        if part not in owners or part == "prn":
            known = ", ".join(part for part in owners if part != "prn")
            raise InputError(f"freeze: {name!r:.80}: is of none of the parts {known}; name one")
        frozen.setdefault(owners[part].name, []).append(name)
    for stage, names in frozen.items():
        pairs[f"{stage}.frozen_layers"] = names
    if patience is not None:
        if val is None:
            raise InputError("patience: nothing is measured; give val, or leave it out")
        pairs["patience"] = patience
    return list(pairs.items())
