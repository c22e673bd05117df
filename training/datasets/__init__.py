"""Datasets, each read into one list of `Sample`.

One module per layout, each with `read(folder, skeleton) -> list[Sample]`; `read` here chooses among
them by name. Keypoints of the target skeleton that a dataset does not label are marked as unknown,
and so take no part in training. Data with a skeleton of one's own go through `coco`.
"""

from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.training.datasets import ccp, coco, lsp, mpii, synthetic, voc, waf
from multiposenet.training.datasets.sample import Sample

__all__ = ["FORMATS", "Sample", "read", "skeleton_of", "split"]

FORMATS = {
    "ccp": ccp.read,
    "coco": coco.read,
    "lsp": lsp.read,
    "mpii": mpii.read,
    "synthetic": synthetic.read,
    "voc": voc.read,
    "waf": waf.read,
}

# Keypoints of the formats whose files name none; None: persons have no keypoints there.
_KEYPOINTS = {"ccp": None, "mpii": MPII_16, "voc": None, "waf": LSP_14}


def read(name: str, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads a dataset by its format and folder.

    Args:
        name: `FORMAT:FOLDER`, for example `coco:photos/train`; `FORMATS` lists the formats.
            `synthetic:200` stands for 200 scenes that are drawn at once.
        skeleton: target skeleton of the keypoints.

    Returns:
        The samples; photos are read later.

    Raises:
        InputError: the format is unknown, the folder is missing, or its files are not as the format
            has them.
        AnnotationError: the annotations are missing or malformed.
    """
    kind, reader, folder = split(name)
    if kind != "synthetic" and not Path(folder).is_dir():
        raise InputError(f"{folder}: folder: there is none for {kind}; check the path")
    return reader(folder, skeleton)


def skeleton_of(name: str, given: Skeleton | None = None) -> Skeleton | None:
    """Returns the keypoints that a dataset labels; None if it labels none.

    Args:
        name: as of `read`.
        given: as of `CocoAnnotations.load`.

    Raises:
        InputError, AnnotationError: as `read`.
    """
    kind, _, folder = split(name)
    if kind in _KEYPOINTS:
        return _KEYPOINTS[kind]
    if kind == "synthetic" and folder.isdecimal():
        return COCO_17
    annotations = CocoAnnotations.load(Path(folder) / "annotations.json", given)
    labelled = (annotations.persons.keypoints[..., 2] > 0).any()
    return annotations.skeleton if labelled or annotations.skeleton != COCO_17 else None


def split(name: str) -> tuple:
    """Takes `FORMAT:FOLDER` apart.

    Returns:
        The format, its reader and the folder's name.

    Raises:
        InputError: the name has no known format, or no folder.
    """
    kind, colon, folder = name.partition(":")
    known = ", ".join(FORMATS)
    if not (colon and folder):
        raise InputError(f"{name}: data: not FORMAT:FOLDER; write one of {known}, a colon, a path")
    if kind not in FORMATS:
        raise InputError(f"{name}: format: unknown name {kind!r}; use one of {known}")
    return kind, FORMATS[kind], folder
