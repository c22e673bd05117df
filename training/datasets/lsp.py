"""Leeds Sports Pose extended: sport photos cropped around one annotated person.

    folder/annotations.json     COCO-style annotations in the 14 LSP keypoints
    folder/photos/              the crops

Johnson and Everingham, "Learning effective human pose estimation from inaccurate annotation",
CVPR 2011. Twelve keypoints are shared with COCO; the face is not labelled, and neck and head top
are not COCO keypoints. Other people in a crop are not annotated.
"""

from pathlib import Path

from multiposenet.annotations import CocoAnnotations, photo_path
from multiposenet.errors import AnnotationError
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets.sample import Sample, to_skeleton


def read(folder: str | Path, skeleton: Skeleton = COCO_17) -> list[Sample]:
    """Reads the annotations of a folder laid out as above; photos are read later.

    Args:
        folder: the folder.
        skeleton: target skeleton of the keypoints.

    Returns:
        One sample per photo, in file order, each with one person.

    Raises:
        AnnotationError: the annotations are missing or malformed, or a photo has not one person.
    """
    folder = Path(folder)
    annotations = CocoAnnotations.load(folder / "annotations.json")
    samples = []
    for record in annotations.images:
        if len(record) != 1:
            raise AnnotationError(
                f"{annotations.path}: images[id {record.id}]: {len(record)} persons; "
                "annotate exactly one person per photo"
            )
        keypoints, shared = to_skeleton(record.keypoints, annotations.skeleton, skeleton)
        samples.append(
            Sample(
                path=photo_path(folder / "photos", record.file_name),
                image_size=(record.height, record.width),
                boxes=record.boxes,
                keypoints=keypoints,
                labelled=shared[None],
                areas=record.areas,
                crowd_boxes=record.boxes[:0],
                complete=False,
                single=True,
            )
        )
    return samples
