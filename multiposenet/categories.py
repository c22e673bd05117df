"""Categories of COCO files: which one is read, and what its persons are made of."""

from pathlib import Path

from multiposenet import keypoint_names
from multiposenet.json_table import JsonTable, fail
from multiposenet.skeleton import (
    COCO_17,
    LSP_14,
    MEAN_SIGMA,
    MPII_16,
    Skeleton,
    default_sigmas,
)

_KNOWN_SKELETONS = (COCO_17, MPII_16, LSP_14)


def choose(categories: JsonTable, name: str | None) -> dict:
    """Returns the category to read: the named one, the only one, or "person".

    Raises:
        AnnotationError: there is none.
    """
    categories.check_unique(categories.integers("id"))
    if name is None and len(categories) == 1:
        return categories.rows[0]
    wanted = name or "person"
    for category in categories.rows:
        if category.get("name") == wanted:
            return category
    found = ", ".join(str(category.get("name")) for category in categories.rows[:5]) or "none"
    fail(categories.path, "categories", f"no '{wanted}' (found: {found:.100})", f"add '{wanted}'")


def skeleton_of(
    path: Path, category: dict, given: Skeleton | None, entries: JsonTable
) -> tuple[Skeleton, bool]:
    """Returns the skeleton of a category, and whether the category itself names keypoints.

    Args:
        path: of the file, for messages.
        category: as the file has it.
        given: a skeleton that goes before the known ones.
        entries: the annotations of the category.

    Raises:
        AnnotationError: the names cannot be used, or there are none for that many keypoints.
    """
    names = category.get("keypoints")
    if not names:
        return _unnamed(path, given, entries), False
    known_ones = ((given,) if given else ()) + _KNOWN_SKELETONS
    for known in known_ones:
        if names == list(known.keypoints):
            return known, True
    content = {"name": category.get("name", "custom"), "keypoints": names}
    try:
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            content["limbs"], _ = limbs_of(category)
            content["sigmas"] = [sigma or MEAN_SIGMA for sigma in default_sigmas(names)]
            plain = keypoint_names.plain(tuple(names))
            for known in known_ones:  # the same keypoints in another spelling
                if plain == known.plain_keypoints:
                    content["limbs"] = content["limbs"] or known.limbs
                    content["sigmas"] = known.sigmas
                    break
        return Skeleton.from_dict(content), True
    except ValueError as error:
        problem, _, remedy = str(error).removeprefix("keypoints: ").partition("; ")
        fail(path, "categories.keypoints", problem, remedy)


def _unnamed(path: Path, given: Skeleton | None, entries: JsonTable) -> Skeleton:
    """The skeleton of a category without keypoint names: the first that has as many keypoints."""
    points = [row.get("keypoints") for row in entries.rows]
    widths = {len(point) for point in points if isinstance(point, list) and point}
    candidates = [given, COCO_17] if given else [COCO_17]
    for skeleton in candidates:
        if not widths or 3 * skeleton.num_keypoints in widths:
            return skeleton
    fail(
        path,
        "categories.keypoints",
        f"names no keypoints, and the persons have {min(widths)} numbers",
        "name the keypoints in categories.keypoints or by --skeleton",
    )


def limbs_of(category: dict) -> tuple[tuple, list]:
    """Reads the limbs of a category, which the file counts from 1.

    Limbs only decorate drawings, so that those that cannot be read are no reason to refuse a file.

    Args:
        category: with a list of `keypoints`.

    Returns:
        The pairs of keypoint indices, counted from 0, and what else `skeleton` holds.
    """
    count, good, bad = len(category["keypoints"]), [], []
    limbs = category.get("skeleton") or []
    for limb in limbs if isinstance(limbs, list) else [limbs]:
        pair = isinstance(limb, list) and [type(keypoint) for keypoint in limb] == [int, int]
        if pair and all(1 <= keypoint <= count for keypoint in limb):
            good.append((limb[0] - 1, limb[1] - 1))
        else:
            bad.append(limb)
    return tuple(good), bad
