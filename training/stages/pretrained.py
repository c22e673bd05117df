"""Weights to begin with: those of a model of the zoo, of another run, or of a snapshot."""

from pathlib import Path

import numpy as np
from keras import ops

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.networks.public_weights.retinanet_weights import load_keras_retinanet
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import run_folder
from multiposenet.training.registry import STAGES


def backbone_of(name):
    """Name of the backbone of a model of the zoo or of a run.

    Args:
        name: of the model, or path of the run's folder.

    Raises:
        InputError: there is neither.
        WeightsError: the run's record is damaged.
    """
    if name not in zoo.names() and not (Path(name) / "model.json").exists():
        known = ", ".join(zoo.names())
        raise InputError(
            f"{name}: start: neither a model nor a run's folder; use {known}, or a run"
        )
    return _arguments(name)["backbone"]


def octaves_of(name):
    """In how many octaves a model of the zoo or of a run sees; a snapshot's in one.

    Args:
        name: of the model, or path of the run's folder or of the snapshot.

    Raises:
        WeightsError: the run's record is missing or damaged.
    """
    if _is_snapshot(name):
        return 1
    return _arguments(name).get("architecture", {}).get("octaves", 1)


def _is_snapshot(name):
    return Path(name).suffix == ".h5"


def _arguments(name):
    """Of the ``MultiPoseNet``, as ``run_folder.describe_model`` has them."""
    if name in zoo.names():
        return zoo.entry(name)["architecture"]
    return run_folder.read_architecture(Path(name) / "model.json")


def take(model, name, stage="keypoints", parts=()):
    """Gives a model the weights of a stage of a model of the zoo or of another run.

    The backbone must be the same. Taken is what is as large there; of the layers that have a
    channel for each keypoint, the channels of the keypoints that both know, by name, and that of
    the person mask. Those of other keypoints begin anew, and so does their PRN. A detector gives
    what it has.

    A file is a snapshot of keras-retinanet, of which backbone, person pyramid and person subnet
    are taken; they must all fit.

    Args:
        model: a ``MultiPoseNet``.
        name: of a model of the zoo, or path of a run's folder or of a snapshot.
        stage: name.
        parts: of the stage that get them; () for all.

    Raises:
        WeightsError: the other model has another backbone, or cannot be had.
    """
    if _is_snapshot(name):
        load_keras_retinanet(name, model.backbone, model.person_pyramid, model.person_subnet)
        return
    bundled, untrained = name in zoo.names(), ()
    config = _arguments(name)
    if config["backbone"] != model.backbone.name:
        raise WeightsError(
            f"{name}: backbone: is {config['backbone']}, the recipe's is {model.backbone.name}; "
            "make them equal or use another model"
        )
    source = MultiPoseNet.from_config({**config, "weights": name} if bundled else config)
    if not bundled:
        run_folder.load_parts(source, name, stage)
        untrained = run_folder.untrained(name)
    found = model.skeleton.indices_from(source.skeleton)
    if stage == "prn" and found.tolist() != list(range(source.skeleton.num_keypoints)):
        return  # every weight of it is of all keypoints
    for part in set(parts or STAGES[stage].parts) - set(untrained):
        _take_part(getattr(model, part), getattr(source, part), found)


def _take_part(ours, theirs, found):
    """Copies what fits of a part.

    Args:
        ours, theirs: ``keras.Model``s whose layers have the same names.
        found: ``(K,)`` index of each of our K keypoints among theirs, or -1.
    """
    known = {variable.path: variable for variable in theirs.weights}
    for variable in ours.weights:
        if variable.path not in known:
            continue
        value = ops.convert_to_numpy(known[variable.path])
        if "prediction" in variable.path.split("/")[-2] and len(found) + 1 == variable.shape[-1]:
            # A channel for each keypoint, and the mask's.
            taken = np.flatnonzero(found >= 0)
            changed = np.array(ops.convert_to_numpy(variable))
            if changed.shape[:-1] != value.shape[:-1]:
                continue
            changed[..., taken] = value[..., found[taken]]
            changed[..., -1] = value[..., -1]
            variable.assign(changed)
        elif value.shape == tuple(variable.shape):
            variable.assign(value)
