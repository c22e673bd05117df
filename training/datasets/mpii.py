"""MPII Human Pose: the official Matlab file, or the JSON form that most training code uses.

    folder/*.json               one list of persons (any name); or folder/*.mat
    folder/images/              the photos; or folder/photos/, or the folder itself

Andriluka et al., "2D human pose estimation: new benchmark and state of the art analysis", CVPR
2014. An entry of the JSON form is a person: `image`, `joints` (16 pairs, counted from 1 as in
Matlab), `joints_vis` (0: hidden; also where a keypoint is not annotated, (0, 0) or (-1, -1) then),
`center` and `scale`. A person is 200 x `scale` pixels tall. Two variants are in use: one with the
original values, one whose crops were enlarged (`scale` x 1.25, and `center` 15 x the original
`scale` lower), which also has `head_normalize`. Both are read.

Thirteen keypoints are COCO's or LSP's; the face is not labelled. Not everybody on a photo is.
"""

from pathlib import Path

import numpy as np

from multiposenet.annotations import is_file_name
from multiposenet.errors import AnnotationError
from multiposenet.json_table import FAR, JsonTable, parse, read_bytes
from multiposenet.skeleton import COCO_17, MPII_16, Skeleton
from multiposenet.sources import image_size
from multiposenet.training.datasets import mpii_matlab
from multiposenet.training.datasets.files import first_folder, photo_of, single_file
from multiposenet.training.datasets.sample import Sample, to_skeleton

_NECK, _TOP = MPII_16.index("upper_neck"), MPII_16.index("head_top")
_HEIGHT = 200.0  # pixels of a person of scale 1
_MARGIN = 0.08  # of the person's height, around the keypoints
_ENLARGED = 1.25


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the annotations of a folder laid out as above.

    Of the photos only the headers are read, since the annotations do not tell their sizes. MPII has
    no boxes of persons: a box here encloses the keypoints with a margin, as far as the photo goes.

    Args:
        folder: the folder.
        skeleton: target skeleton of the keypoints.

    Returns:
        One sample per photo, ordered by name. `head_sizes` is the length that PCKh is measured
        in: 0.6 of the diagonal of the head's box, which the Matlab file has; in the JSON form
        `head_normalize`, made from `scale`, or else the length of the head.

    Raises:
        AnnotationError: the annotations are missing or malformed.
        InputError: a photo is missing.
    """
    folder = Path(folder)
    if any(folder.glob("*.json")) or not any(folder.glob("*.mat")):
        path = single_file(folder, "*.json")
        rows = parse(path, read_bytes(path))
    else:
        path = single_file(folder, "*.mat")
        rows = mpii_matlab.persons(path)
    table = JsonTable(path, "persons", rows)
    names = table.column("image", "name the photo's file")
    bad = np.array([not is_file_name(name) for name in names], bool)
    table.fail_first(bad, "image", "{} is not a name", "name the photo's file")
    points = _keypoints(table)
    boxes, heads = _boxes(table, points), _heads(table, points)
    photos = first_folder(folder, "images", "photos")
    persons = {}
    for row, name in enumerate(names):
        persons.setdefault(name, []).append(row)
    samples = []
    for name, own in sorted(persons.items()):
        keypoints, shared = to_skeleton(points[own], MPII_16, skeleton)
        photo = photo_of(photos, name)
        height, width = image_size(photo)
        own_boxes = np.clip(boxes[own], 0, (width, height) * 2)
        samples.append(
            Sample(
                path=photo,
                image_size=(height, width),
                boxes=own_boxes,
                keypoints=keypoints,
                labelled=np.repeat(shared[None], len(own), axis=0),
                areas=np.prod(own_boxes[:, 2:] - own_boxes[:, :2], axis=1),
                crowd_boxes=np.zeros((0, 4), np.float32),
                complete=False,
                single=len(own) == 1,
                head_sizes=heads[own],
            )
        )
    return samples


def _keypoints(table):
    """(P, 16, 3) keypoints (x, y, v), all 0 where a keypoint is not annotated."""
    for field, width in (("joints", 16), ("joints_vis", 16)):
        values = table.column(field, f"give {width} values")
        bad = [not (isinstance(value, list) and len(value) == width) for value in values]
        table.fail_first(np.array(bad), field, "not 16 values: {}", "give MPII's 16 keypoints")
    try:
        keypoints = np.array([row["joints"] for row in table.rows], float).reshape(-1, 16, 2)
        seen = np.array([row["joints_vis"] for row in table.rows], float).reshape(-1, 16)
    except (TypeError, ValueError, OverflowError):
        raise AnnotationError(
            f"{table.path}: persons.joints: not pairs of numbers; give (x, y) for every keypoint"
        ) from None
    far = ~((np.abs(keypoints) <= FAR).all(axis=(1, 2)) & np.isfinite(seen).all(axis=1))
    table.fail_first(far, "joints", "not all are numbers of pixels: {}", "give MPII's keypoints")
    flags = np.where(seen > 0, 2, 1) * ((keypoints > 0).any(axis=2) | (seen > 0))
    # Counted from 1, so that the centre of pixel i lies at i - 0.5.
    keypoints = np.where(flags[..., None] > 0, keypoints - 0.5, 0)
    return np.concatenate([keypoints, flags[..., None]], axis=2)


def _scales(table):
    """(P,) scales as MPII has them."""
    scales, _ = table.optional("scale", maximum=FAR)
    _, enlarged = table.optional("head_normalize", maximum=FAR)
    return np.where(enlarged, scales / _ENLARGED, scales)


def _boxes(table, keypoints):
    seen = keypoints[:, :, 2:] > 0
    table.fail_first(~seen.any(axis=(1, 2)), "joints", "no keypoint: {}", "remove the person")
    low = np.where(seen, keypoints[:, :, :2], np.inf).min(axis=1)
    high = np.where(seen, keypoints[:, :, :2], -np.inf).max(axis=1)
    margin = np.maximum(_MARGIN * _HEIGHT * _scales(table), 1)[:, None]
    return np.concatenate([low - margin, high + margin], axis=1).astype(np.float32)


def _heads(table, keypoints):
    sizes, given = table.optional("head_normalize", maximum=FAR)
    both = keypoints[:, _NECK, 2] * keypoints[:, _TOP, 2] > 0
    length = np.linalg.norm(keypoints[:, _NECK, :2] - keypoints[:, _TOP, :2], axis=1)
    length = np.where(both, length, _HEIGHT / 8 * _scales(table))
    sizes = np.where(given, sizes, length)
    boxes = table.vectors("head_box", 4, "give x1, y1, x2, y2", none_for_zeros=True)
    known = np.array([bool(entry.get("head_box")) for entry in table.rows], bool)
    sizes[known] = 0.6 * np.hypot(*(boxes[:, 2:] - boxes[:, :2])[known].T)
    return sizes.astype(np.float32)
