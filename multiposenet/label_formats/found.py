"""What a reader of annotations returns, and what a writer does."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from multiposenet.annotations import CocoAnnotations
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton

_SPLITS = ("train", "val", "test")


@dataclass(frozen=True, eq=False)
class Found:
    """Annotations as a COCO file would have them.

    Attributes:
        path: the file they are from, for messages.
        content: the JSON object.
        skeleton: keypoints that go before those which the content alone would give, or None.
        photos: folder of the photos, if the format says where they are.
        lost: what the content cannot hold, with how often it was there.
    """

    path: Path
    content: dict
    skeleton: Skeleton | None = None
    photos: Path | None = None
    lost: Counter = field(default_factory=Counter)

    @cached_property
    def annotations(self) -> CocoAnnotations:
        """The checked annotations.

        Raises:
            AnnotationError: the content breaks the format.
        """
        return CocoAnnotations.from_content(self.content, self.path, self.skeleton)


@dataclass(frozen=True, eq=False)
class Written:
    """What was written.

    Attributes:
        files: paths.
        lost: what the format cannot hold, with how often it was there.
    """

    files: list[Path]
    lost: Counter


def skeleton_beside(path: Path) -> Path:
    """The file of the skeleton of annotations in a folder, or in a file of their own."""
    folder, _ = split_of(path)
    if folder.suffix:
        return folder.with_suffix(".skeleton.yaml")
    return folder / "skeleton.yaml"


def split_of(path: Path) -> tuple[Path, str]:
    """A folder and the split of its photos: of `FOLDER:val` it is `val`, else train."""
    head, colon, tail = str(path).rpartition(":")
    return (Path(head), tail) if colon and tail in _SPLITS else (path, "train")


def category_name(skeleton: Skeleton) -> str:
    """What the things are called that have these keypoints."""
    return "person" if skeleton in (COCO_17, LSP_14, MPII_16) else skeleton.name
