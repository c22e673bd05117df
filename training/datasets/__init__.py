"""Datasets, each read into one list of `Sample`.

One module per layout, each with `read(folder, skeleton) -> list[Sample]`; `read` here chooses among
them by name. Keypoints of the target skeleton that a dataset does not label are marked as unknown,
and so take no part in training. Data with a skeleton of one's own go through `coco`.
"""

import functools
from pathlib import Path

from multiposenet import label_formats
from multiposenet.errors import AnnotationError, InputError
from multiposenet.label_formats.found import Found, split_of
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.training.datasets import ccp, coco, lsp, mpii, packed, synthetic, voc, waf
from multiposenet.training.datasets.sample import Sample

__all__ = ["FORMATS", "Sample", "found", "read", "skeleton_of", "split"]


def _of_tool(kind: str, folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads a format of `multiposenet.label_formats`."""
    made = label_formats.read(f"{kind}:{folder}", _fitting(kind, folder, skeleton))
    photos = made.photos or made.path.parent
    return coco.from_annotations(made.annotations, photos, None, skeleton)


def _fitting(kind, folder, skeleton):
    """The skeleton, if it is that of the labels: they may also have others to be learnt from."""
    try:
        own = label_formats.read(f"{kind}:{folder}").annotations.skeleton
    except AnnotationError:  # which name none
        return skeleton
    return skeleton if own.keypoints == skeleton.keypoints else None


_TOOLS = tuple(kind for kind in label_formats.FORMATS if kind != "coco")
FORMATS = {
    "ccp": ccp.read,
    "coco": coco.read,
    "lsp": lsp.read,
    "mpii": mpii.read,
    "packed": packed.read,
    "synthetic": synthetic.read,
    "voc": voc.read,
    "waf": waf.read,
    **{kind: functools.partial(_of_tool, kind) for kind in _TOOLS},
}

# Keypoints of the formats whose files name none; None: persons have no keypoints there.
KEYPOINTS = {"ccp": None, "mpii": MPII_16, "voc": None, "waf": LSP_14}


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
    single = kind in _TOOLS and split_of(Path(folder))[0].exists()  # also one file
    if kind != "synthetic" and not Path(folder).is_dir() and not single:
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
    if kind in KEYPOINTS:
        return KEYPOINTS[kind]
    if kind == "packed":
        return packed.skeleton_of(folder)
    if kind == "synthetic" and folder.isdecimal():
        return COCO_17
    annotations = found(name, given).annotations
    labelled = (annotations.persons.keypoints[..., 2] > 0).any()
    return annotations.skeleton if labelled or annotations.skeleton != COCO_17 else None


def found(name: str, given: Skeleton | None = None) -> Found:
    """Returns the labels of a dataset as a COCO file would have them, and where its photos are.

    Args:
        name: as of `read`; or a file of a format of `multiposenet.label_formats`.
        given: keypoints of labels that name none.

    Raises:
        InputError, AnnotationError: as `read`.
    """
    if name.partition(":")[0] in label_formats.FORMATS or Path(name).is_file():
        return label_formats.read(name, given)
    kind, reader, folder = split(name)
    path = Path(folder) / "annotations.json"
    if kind not in KEYPOINTS and path.is_file():
        return label_formats.read(f"coco:{folder}", given)
    skeleton = packed.skeleton_of(folder) if kind == "packed" else KEYPOINTS.get(kind, COCO_17)
    skeleton = skeleton or COCO_17
    content = coco.to_coco(reader(folder, skeleton), skeleton)
    return Found(Path(name), content, skeleton, Path())


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
