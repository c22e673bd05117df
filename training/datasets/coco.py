"""Photos with COCO annotations of every person on them.

    folder/annotations.json     COCO keypoint annotations
    folder/photos/              the photos
    folder/masks/STEM.png       optional: 0 background, 1 person, 2 crowd

The official COCO folders work through `from_annotations`. An image entry with
`"persons_complete": false` says that there may be more persons on the photo than are annotated.
"""

import warnings
from pathlib import Path

import numpy as np

from multiposenet.annotations import CocoAnnotations, ImageRecord, photo_path
from multiposenet.errors import MultiPoseNetWarning
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets.sample import Sample, to_skeleton

# A box around the centres of so many others, so many times as large as their median, is a group's.
GROUP_MEMBERS, GROUP_AREA = 3, 4.0


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the annotations of a folder laid out as above; photos are read later.

    Args:
        folder: the folder.
        skeleton: target skeleton of the keypoints.

    Returns:
        One sample per photo, in file order, also for photos without persons.

    Raises:
        AnnotationError: the annotations are missing or malformed.
    """
    folder = Path(folder)
    annotations = CocoAnnotations.load(folder / "annotations.json", skeleton)
    return from_annotations(annotations, folder / "photos", folder / "masks", skeleton)


def from_annotations(
    annotations: CocoAnnotations,
    images: str | Path,
    masks: str | Path | None = None,
    skeleton: Skeleton | None = None,
) -> list[Sample]:
    """Joins annotations with their photos.

    A photo's mask is the PNG of its stem under `masks` (where an image entry says `"mask": false`
    none is looked for); without one it is drawn from the segmentations if all persons and crowds
    of the photo have one.

    Args:
        annotations: the annotations.
        images: folder of the photos.
        masks: folder of the masks, if there is one.
        skeleton: target skeleton of the keypoints; by default that of the annotations.

    Returns:
        One sample per photo, in file order. Annotations that label none of the keypoints wanted
        teach none, of which a `MultiPoseNetWarning` tells.
    """
    skeleton = skeleton or annotations.skeleton
    _warn_of_others(annotations, skeleton)
    masks = Path(masks) if masks is not None and Path(masks).is_dir() else None
    known_masks = {path.stem for path in masks.glob("*.png")} if masks else set()
    samples = []
    for record in annotations.images:
        stem = photo_path(images, record.file_name).stem
        has_mask = stem in known_masks and record.extra.get("mask", True)
        mask = masks / f"{stem}.png" if has_mask else None
        samples.append(_sample(record, annotations.skeleton, skeleton, Path(images), mask))
    return samples


def to_coco(samples: list[Sample], skeleton: Skeleton) -> dict:
    """Returns samples as the content of a COCO file; photos and persons are numbered from 1."""
    images, annotations = [], []
    for image, sample in enumerate(samples, start=1):
        height, width = sample.image_size
        size = {"height": height, "width": width}
        images.append({"id": image, "file_name": str(sample.path), **size})
        boxes = np.concatenate([sample.boxes, sample.crowd_boxes])
        for person, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
            crowd = person >= len(sample)
            points = sample.keypoints[person].ravel().tolist() if not crowd else []
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "iscrowd": int(crowd),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "keypoints": points or [0] * (3 * skeleton.num_keypoints),
                }
            )
    category = {"id": 1, "name": "person", "keypoints": list(skeleton.keypoints)}
    return {"images": images, "annotations": annotations, "categories": [category]}


def _warn_of_others(annotations: CocoAnnotations, skeleton: Skeleton) -> None:
    labelled = (annotations.persons.keypoints[..., 2] > 0).any()
    if labelled and (skeleton.indices_from(annotations.skeleton) < 0).all():
        names = ", ".join(annotations.skeleton.keypoints)
        warnings.warn(
            f"{annotations.path}: keypoints: none of its own ({names:.100}) is among those of "
            f"{skeleton.name}, which are learnt; its boxes and masks are used alone",
            MultiPoseNetWarning,
            stacklevel=3,
        )


def _sample(
    record: ImageRecord, source: Skeleton, target: Skeleton, images: Path, mask: Path | None
) -> Sample:
    alone = ~record.crowd & ~_groups(record)
    keypoints, shared = to_skeleton(record.keypoints[alone], source, target)
    # A person without any keypoint was not labelled; one with some was labelled in full.
    labelled = (record.num_keypoints[alone] > 0)[:, None] & shared
    order = np.concatenate([np.flatnonzero(alone), np.flatnonzero(~alone)])
    segmentations = tuple(record.segmentations[row] for row in order)
    return Sample(
        path=photo_path(images, record.file_name),
        image_size=(record.height, record.width),
        boxes=record.boxes[alone],
        keypoints=keypoints,
        labelled=labelled,
        areas=record.areas[alone],
        crowd_boxes=record.boxes[~alone],
        complete=record.extra.get("persons_complete", True),
        single=False,
        mask_path=mask,
        segmentations=segmentations if mask is None and all(segmentations) else None,
    )


def _groups(record: ImageRecord) -> np.ndarray:
    """(n,) bool: boxes that must stand for a group, though not marked as a crowd.

    COCO has some: without keypoints, far larger than the others of the photo and around several of
    them. Taught as persons, they are what a detector then finds around any group.
    """
    low, high = record.boxes[:, :2], record.boxes[:, 2:]
    centres, areas = (low + high) / 2, (high - low).prod(axis=1)
    within = ((centres > low[:, None]) & (centres < high[:, None])).all(axis=-1)
    others = within.sum(axis=1) - 1
    large = areas > GROUP_AREA * np.median(areas) if len(areas) else np.zeros(0, bool)
    return (record.num_keypoints == 0) & (others >= GROUP_MEMBERS) & large
