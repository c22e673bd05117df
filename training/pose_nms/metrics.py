"""What the ablation is measured by here (RMPE, table 5), and how far a figure is chance.

The paper's measure is MPII's AP of keypoints at half a head (``evaluation.mpii``), whose test
photos are not to be had. ``MultiPersonMetrics`` measures COCO photos with everybody labelled:
COCO's AP by OKS, and ``mAP``, MPII's measure with 0.2 of a torso in place of half a head, over the
twelve keypoints of the limbs, as COCO has no head. ``SinglePersonMetrics`` is the latter on photos
of one labelled person.
"""

from dataclasses import replace

import numpy as np

from multiposenet.evaluation import coco, mpii
from multiposenet.evaluation.keypoint_precision import Group, keypoint_average_precision
from multiposenet.evaluation.pck import torso_sizes
from multiposenet.maths import overlap as overlaps

KEYPOINTS = tuple(name for part, names in mpii.PARTS.items() if part != "head" for name in names)
TORSO_SHARE = 0.2
UNLABELLED = 0.5  # IoU from which a pose may be of a person whose keypoints are not labelled


class MultiPersonMetrics:
    """Photos on which everybody is labelled.

    Args:
        annotations: ``CocoAnnotations``.
    """

    def __init__(self, annotations):
        self.annotations = annotations
        persons = annotations.persons
        self._units = units(persons.keypoints, persons.xywh, annotations.skeleton)

    def __len__(self):
        return len(self.annotations)

    def figures(self, poses, photos=None):
        """``{"AP": ..., "mAP": ...}`` from 0 to 1.

        Args:
            poses: a list of ``Poses``, one for each photo.
            photos: rows of those that are measured; default all.
        """
        photos = np.arange(len(self)) if photos is None else np.asarray(photos)
        chosen = self.annotations.select(photos)
        found = [poses[photo] for photo in photos]
        results = to_results(chosen, found)
        groups = [
            self.group(photo, own[self.counted(photo, own)])
            for photo, own in zip(photos, found, strict=True)
        ]
        return {
            "AP": coco.evaluate_keypoints(chosen, results)["keypoints/AP"],
            "mAP": mean_precision(groups),
        }

    def counted(self, photo, poses):
        """(N,) bool, poses that are not rather of a person whose keypoints are not labelled."""
        record = self.annotations.images[photo]
        labelled = _labelled(record)
        if not len(poses) or labelled.all():
            return np.ones(len(poses), bool)
        overlap = overlaps.pairwise_iou(poses.boxes, record.boxes)
        ours = np.where(labelled, overlap, 0).max(axis=1)
        others = np.where(labelled, 0, overlap).max(axis=1)
        others = np.maximum(others, _inside(poses.boxes, record.boxes[record.crowd]))
        return (ours >= others) | (others < UNLABELLED)

    def group(self, photo, poses):
        """The labelled persons of a photo, and poses, for ``keypoint_precision``."""
        record = self.annotations.images[photo]
        labelled = _labelled(record)
        sizes = self._units[self.annotations.persons.image == photo][labelled]
        return group(record.keypoints[labelled], self.annotations.skeleton, sizes, poses)


class SinglePersonMetrics:
    """Photos of one labelled person each, or of several that are looked at one by one.

    Args:
        persons: list of ``person_crops.Person`` with torsos.
        skeleton: their keypoints.
    """

    def __init__(self, persons, skeleton):
        self._labels = [person.labels.keypoints for person in persons]
        self._skeleton = skeleton

    def __len__(self):
        return len(self._labels)

    def figures(self, poses, persons=None):
        """``{"mAP": ...}`` from 0 to 1; arguments as of ``MultiPersonMetrics.figures``."""
        groups = []
        for person in range(len(self)) if persons is None else persons:
            labels = self._labels[person]
            sizes = torso_sizes(labels, self._skeleton)
            groups.append(group(labels, self._skeleton, sizes, poses[person]))
        return {"mAP": mean_precision(groups)}


def group(keypoints, skeleton, sizes, poses):
    """The persons of a photo and their poses, for ``keypoint_precision``.

    As a pose's own score, that of a keypoint is ranked by how sure its box is, too.
    """
    sure = poses.keypoint_scores * poses.box_scores[:, None]
    return Group.of_poses(
        keypoints, skeleton, sizes, replace(poses, keypoint_scores=sure), KEYPOINTS
    )


def mean_precision(groups):
    """Mean AP over the keypoints; NaN where none is labelled."""
    return float(np.nanmean(keypoint_average_precision(groups, TORSO_SHARE)))


def units(keypoints, xywh, skeleton):
    """(P,) torsos in pixels; where it is not labelled, the median share of the box's size."""
    sizes = torso_sizes(keypoints, skeleton)
    roots = np.sqrt(np.maximum(np.asarray(xywh, np.float64)[:, 2:].prod(axis=1), 1))
    known = ~np.isnan(sizes)
    share = np.median(sizes[known] / roots[known]) if known.any() else np.nan
    return np.where(known, sizes, share * roots)


def to_results(annotations, poses):
    """COCO results of lists of ``Poses``, one for each photo of the annotations."""
    results = []
    for image, own in zip(annotations.image_ids.tolist(), poses, strict=True):
        results += own.to_coco(image, annotations.category_id, guesses=True)
    return results


def halves(count, draws, seed=0):
    """Random halves of ``count`` photos, without repetition, the same every time."""
    rng = np.random.default_rng(seed)
    return [np.sort(rng.permutation(count)[: (count + 1) // 2]) for _ in range(draws)]


def spread(on_halves):
    """Standard deviation of a figure of all photos, by that of random halves.

    A figure of half of the photos, drawn without repetition, varies about that of all by as much
    as the latter about the truth (delete-half jackknife).

    Args:
        on_halves: the figure on each half; of two systems, their difference.
    """
    return float(np.std(on_halves))


def _labelled(record):
    return ~record.crowd & (record.keypoints[..., 2] > 0).any(axis=1)


def _inside(boxes, regions):
    """(N,) largest share of boxes (N, 4) that is in one of some regions (M, 4)."""
    if not len(regions):
        return np.zeros(len(boxes))
    areas = np.maximum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), 1e-6)
    return overlaps.intersection(boxes, regions).max(axis=1) / areas
