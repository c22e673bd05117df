"""Photos whose labels are known, and what a system finds on them: of `evaluate` and `figures`."""

from collections.abc import Iterator
from pathlib import Path

from multiposenet import overlapped
from multiposenet.commands import console
from multiposenet.errors import AnnotationError, InputError


def check_skeleton(args, annotations, skeleton, remedy: str) -> None:
    """Raises `AnnotationError` if a model's keypoints are not those of the annotations."""
    if annotations.skeleton.plain_keypoints != skeleton.plain_keypoints:
        raise AnnotationError(
            f"{args.annotations}: keypoints: are those of {annotations.skeleton.name}, the model "
            f"finds {skeleton.name}; {remedy}"
        )


def photos_of(args, records) -> tuple[list[Path], list[tuple[int, int]]]:
    """The paths of annotated photos, and the sizes (height, width) that their labels are for."""
    from multiposenet.annotations import photo_path

    paths = [photo_path(args.images, record.file_name) for record in records]
    return paths, [(record.height, record.width) for record in records]


def answers(pose, paths: list[Path], sizes: list | None = None) -> Iterator:
    """For each path, in order, its frame and poses, or its error, which is reported too.

    `sizes` are those, (height, width), that the labels of the photos are for.
    """
    from multiposenet.sources import Frame, read_image, read_labelled

    def frames():
        # Not `pose.stream(paths)`: a missing "[1].jpg" would be taken for a glob pattern, and the
        # answers have to stay in step with the annotations.
        for path, size in zip(paths, sizes or [None] * len(paths), strict=True):
            try:
                image = read_labelled(path, size) if size else read_image(path)
                yield Frame(image, str(path), path)
            except InputError as error:
                yield error

    found = pose.stream(overlapped.ahead(frames()))
    for item in console.progress(found, len(paths), "evaluate"):
        if isinstance(item, InputError):
            console.report(item)
        yield item
