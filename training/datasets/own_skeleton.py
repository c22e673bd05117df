"""A skeleton for keypoints of one's own, to begin with: names, limbs, mirror pairs and sigmas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.evaluation import label_noise
from multiposenet.skeleton import COCO_17, LSP_14, MEAN_SIGMA, MPII_16, Skeleton, default_sigmas
from multiposenet.training import datasets

_KNOWN = (COCO_17, MPII_16, LSP_14)
REPEATED, BY_NAME, DEFAULT = "repeated labels", "name", "default"


@dataclass(frozen=True)
class Proposal:
    """A skeleton and where it is from.

    Attributes:
        skeleton: the keypoints.
        sources: of each keypoint's sigma: `REPEATED`, `BY_NAME` or `DEFAULT`.
        repeats: how many twice-labelled keypoints each sigma would be of.
        limbs_by_name: whether the file has no limbs, and those of known skeletons stand in.
    """

    skeleton: Skeleton
    sources: tuple[str, ...]
    repeats: tuple[int, ...]
    limbs_by_name: bool

    def comments(self) -> list[str]:
        """What whoever edits the file should know."""
        names = self.skeleton.keypoints
        mirror = self.skeleton.flip_indices.tolist()
        lines = ["For --skeleton of train, evaluate and inspect. Names in the order of the labels."]
        if mirror == list(range(len(names))):
            lines.append("pairs: none, so that mirroring a photo swaps no keypoints. Are there two")
            lines.append("sides? Then add, for example, pairs: [[links, rechts]].")
        for source, told in (
            (REPEATED, "measured where somebody was labelled twice"),
            (BY_NAME, "those of COCO's or CrowdPose's keypoints of this name"),
            (DEFAULT, f"{MEAN_SIGMA}, the mean of COCO's, as nothing is known of them; AP depends"),
        ):
            of = [name for name, own in zip(names, self.sources, strict=True) if own == source]
            if of:
                more = f" and {len(of) - 6} more" if len(of) > 6 else ""
                lines.append(f"sigmas of {', '.join(of[:6])}{more}: {told}")
        return lines


def propose(
    dataset: str, again: Sequence[str] = (), given: Skeleton | None = None, name: str | None = None
) -> Proposal:
    """Makes a skeleton of what a data set tells.

    Args:
        dataset: an annotation file, or `FORMAT:FOLDER`.
        again: further ones that label the same photos (by file name) once more.
        given: keypoints of annotations that name none.
        name: of the skeleton; by default that of the file's category.

    Raises:
        AnnotationError, InputError: they cannot be read, label other keypoints, or names say left
            or right and have no partner.
    """
    annotations = _load(dataset, given)
    skeleton = annotations if isinstance(annotations, Skeleton) else annotations.skeleton
    others = [_load(other, given) for other in again]
    for other, source in zip(others, again, strict=True):
        if isinstance(other, Skeleton) or other.skeleton.keypoints != skeleton.keypoints:
            raise AnnotationError(
                f"{source}: keypoints: are not those of {dataset}; give labels of the same ones"
            )
    pairs = [] if annotations is skeleton else label_noise.repeated(_photos(annotations, others))
    measured, repeats = label_noise.sigmas(pairs, skeleton.flip_indices)
    sigmas, sources = [], []
    rows = zip(measured, default_sigmas(skeleton.keypoints), skeleton.sigmas, strict=True)
    for found, known, sigma in rows:
        if math.isnan(found):
            sigmas.append(sigma)
            sources.append(BY_NAME if known or sigma != MEAN_SIGMA else DEFAULT)
        else:
            sigmas.append(min(max(round(float(found), 4), 1e-3), 0.999))
            sources.append(REPEATED)
    limbs = skeleton.limbs or _known_limbs(skeleton)
    return Proposal(
        replace(skeleton, name=name or skeleton.name, limbs=limbs, sigmas=tuple(sigmas)),
        tuple(sources),
        tuple(repeats.tolist()),
        limbs != skeleton.limbs,
    )


def _load(dataset: str, given) -> CocoAnnotations | Skeleton:
    """The annotations, or the skeleton of a format whose files have another layout."""
    static = not Path(dataset).is_file() and datasets.split(dataset)[0] in datasets.KEYPOINTS
    if not static:
        return datasets.found(dataset, given).annotations
    skeleton = datasets.skeleton_of(dataset)
    if skeleton is None:
        raise InputError(f"{dataset}: keypoints: it labels none; give data with keypoints")
    return skeleton


def _photos(annotations, others):
    """Pairs of records of one photo."""
    for record in annotations.images:
        yield record, record
    records = {Path(record.file_name).name: record for record in annotations.images}
    for other in others:
        for record in other.images:
            if (first := records.get(Path(record.file_name).name)) is not None:
                yield first, record


def _known_limbs(skeleton: Skeleton) -> tuple[tuple[int, int], ...]:
    """Limbs of the known skeletons whose keypoints are all there."""
    best = ()
    for known in _KNOWN:
        places = known.indices_from(skeleton).tolist()
        limbs = [(places[a], places[b]) for a, b in known.limbs]
        limbs = tuple(limb for limb in limbs if min(limb) >= 0)
        best = max(best, limbs, key=len)
    return best
