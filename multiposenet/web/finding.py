"""From uploads to looks: the part that needs the network."""

from collections.abc import Callable, Sequence
from contextlib import closing

from multiposenet import formats, sources
from multiposenet.errors import InputError
from multiposenet.sources import video
from multiposenet.web.limits import Deadline, Limits
from multiposenet.web.looks import LEAST_SCORE, Look, Seen, Upload

Progress = Callable[[int, int | None], None]
"""Is told how many images are done, and how many there are if that is known."""


def find(pose, uploads: Sequence[Upload], limits: Limits, progress: Progress) -> Seen:
    """Finds people in photos, or in one clip.

    Args:
        pose: a `System`.
        uploads: the files.
        limits: what they may cost.
        progress: is told how far it is.

    Returns:
        What was found, and what could not be used; a bad photo costs that photo alone.

    Raises:
        InputError: there is nothing that could be used, or too much of it.
    """
    if not uploads:
        raise InputError("upload: is empty; give photos or a clip")
    clips = [upload for upload in uploads if video.is_video(upload.path)]
    if clips and len(uploads) > 1:
        raise InputError(f"{clips[0].name}: upload: a clip comes alone; leave out the other files")
    limits.check_count(len(uploads))
    # What is drawn may be asked for with any score, by which people are also followed.
    pose = pose.keeping(min(pose.score, LEAST_SCORE / 2))
    deadline = Deadline(limits.seconds)
    if clips:
        return _in_clip(pose, clips[0], limits, deadline, progress)
    ids = formats.image_ids([upload.path.stem for upload in uploads])
    photos, kept, problems = [], [], []
    for place, (upload, number) in enumerate(zip(uploads, ids, strict=True)):
        progress(place, len(uploads))
        try:
            deadline.check(upload.name)
            photos.append((upload, _in_photo(pose, upload, limits)))
            kept.append(number)
        except InputError as error:
            problems.append(upload.told(error))
    if not photos:
        raise InputError("\n".join(problems))
    return Seen(photos, kept, problems=problems)


def _in_photo(pose, upload: Upload, limits: Limits) -> Look:
    frame = sources.read_frame(upload.path, limits=limits.of_images)
    if hasattr(pose, "poses_and_heatmaps"):
        return Look.of(upload.name, frame, *pose.poses_and_heatmaps(frame))
    return Look.of(upload.name, frame, pose(frame))


def _in_clip(pose, upload: Upload, limits: Limits, deadline: Deadline, progress) -> Seen:
    frames, problems, about = [], [], None
    try:
        with closing(pose.stream(upload.path, limits=limits.of_images)) as found:
            for item in found:
                if isinstance(item, InputError):
                    problems.append(upload.told(item))
                    continue
                if about is None:  # behind the first frame, whose size has been checked
                    about = video.about(upload.path)
                    limits.check_length(upload.name, about.seconds)
                frame, poses = item
                limits.check_length(upload.name, frame.time)
                frames.append(Look.of(upload.name, frame, poses))
                progress(len(frames), about.frames)
                deadline.check(upload.name)
    except InputError as error:
        problems.append(upload.told(error))
    if not frames:
        raise InputError("\n".join(problems) or f"{upload.name}: file: has no frame; give another")
    return Seen(clip=upload, frames=frames, problems=problems)
