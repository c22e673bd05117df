"""MPII's official Matlab file as the rows of its JSON form, which `mpii` reads.

`RELEASE.annolist` has an entry for every photo: `image.name` and, for each person, an `annorect`
with the head's box (`x1`, `y1`, `x2`, `y2`), `scale`, and `annopoints.point`, a list of `x`, `y`,
`id` (0 to 15) and `is_visible`. Photos of the test set have no points.
"""

from pathlib import Path

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.training.datasets.files import read_matlab

_KEYPOINTS = 16


def persons(path: Path) -> list[dict]:
    """Reads the persons that have keypoints.

    Args:
        path: `mpii_human_pose_v1_u12_1.mat`.

    Returns:
        Rows with `image`, `joints`, `joints_vis`, `scale` and `head_box`, in file order.

    Raises:
        AnnotationError: the file cannot be read or has not the fields above.
    """
    content = read_matlab(path)
    try:
        photos = _each(content["RELEASE"].annolist)
        return [
            _row(photo.image.name, person)
            for photo in photos
            for person in _each(getattr(photo, "annorect", ()))
            if hasattr(getattr(person, "annopoints", None), "point")
        ]
    except Exception as error:  # depends on what stands in a field's place
        raise AnnotationError(
            f"{path}: RELEASE.annolist: not as MPII has it ({error!r:.100}); give "
            "mpii_human_pose_v1_u12_1.mat or a JSON form of it"
        ) from error


def _each(value) -> list:
    """The elements of a struct array, which squeezing has made a struct, an array or nothing."""
    return [element for element in np.atleast_1d(value).flat if hasattr(element, "_fieldnames")]


def _row(name, person) -> dict:
    keypoints, visible = np.zeros((_KEYPOINTS, 2)), np.zeros(_KEYPOINTS)
    for point in _each(person.annopoints.point):
        keypoint = int(point.id)
        keypoints[keypoint] = float(point.x), float(point.y)
        # Not given for keypoints of the centre line; text in older releases.
        flag = getattr(point, "is_visible", 1)
        visible[keypoint] = float(flag) if np.size(flag) and str(flag).strip() else 1.0
    row = {
        "image": str(name),
        "joints": keypoints.tolist(),
        "joints_vis": visible.tolist(),
        "head_box": [float(getattr(person, side)) for side in ("x1", "y1", "x2", "y2")],
    }
    scale = getattr(person, "scale", None)
    return row | ({"scale": float(scale)} if np.size(scale) and scale is not None else {})
