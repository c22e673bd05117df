"""Trained SPPEs, the networks of RMPE, from the zoo and from run folders."""

import os
from pathlib import Path

from multiposenet import skeleton as skeletons
from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.networks.public_weights.weight_files import load_fitting
from multiposenet.networks.sppe import MARGIN, SPPEArchitecture, inference_model
from multiposenet.runtimes import forks
from multiposenet.systems import architecture_files

DEFAULT = "sppe-thunder"
"""The SPPE that is taken if none is named."""

_TRAIN = "train one (`multiposenet train sppe`, then `train sstn`)"


def load_network(name: str | os.PathLike = DEFAULT):
    """Loads a trained SPPE, with its spatial transformers if it has any.

    Args:
        name: a name of the zoo (``zoo.names("sppe")``) or the folder of a training run: after
            the stage sppe the SPPE alone, after the stage sstn the whole network.

    Returns:
        The network, see ``networks.sppe.inference_model``; its ``Skeleton``; and options of
        ``RMPE``, a dict: the ``margin`` of its proposals, and its manifest entry's ``options``.

    Raises:
        WeightsError: the name is unknown, or a file is missing, damaged or of another network.
    """
    forks.check(forks.KERAS)
    if Path(name).is_dir() and not zoo.is_name(name, "sppe"):
        return _load_run(Path(name))
    if name not in zoo.names("sppe"):
        known = ", ".join(zoo.names("sppe")) or "none yet"
        raise WeightsError(
            f"{name}: sppe: no folder and no released SPPE, of which there are: {known}; {_TRAIN} "
            "and name its run folder (--sppe RUN)"
        )
    entry = zoo.entry(name, "sppe")
    path = zoo.resolve(name, "sppe")
    network, skeleton, options = _load(path, entry["architecture"], name)
    return network, skeleton, {**options, **entry.get("options", {})}


def _load_run(run):
    description, path = run / "rmpe.json", run / "rmpe.weights.h5"
    whole = path.is_file()
    if not whole:
        path = run / "sppe.weights.h5"
    remedy = f"name another run, or {_TRAIN}"
    fields = architecture_files.read(description, remedy)
    if not path.is_file():
        raise WeightsError(f"{path}: file: missing; {remedy}")
    return _load(path, fields, description, whole)


def _load(path, description, source, whole=True):
    """The network in a file, or without ``whole`` its SPPE alone, the skeleton, and the margin."""
    try:
        skeleton = description["skeleton"]
        if isinstance(skeleton, str):
            skeleton = skeletons.get(skeleton)
        else:
            skeleton = skeletons.Skeleton(**skeleton)
        sizes = SPPEArchitecture.from_dict(description["architecture"])
        sppe = sizes.single_person(skeleton.num_keypoints)
        localisation = sizes.localisation(sppe) if sizes.stn and whole else None
    except Exception as error:  # depends on what its fields are in place of what they should be
        raise WeightsError(
            f"{source}: architecture: not of an SPPE; restore it or name another"
        ) from error
    network = inference_model(sppe, localisation, sizes.oversampling)
    load_fitting(network if localisation else sppe, path, _TRAIN)
    return network, skeleton, {"margin": MARGIN if localisation is None else sizes.margin}
