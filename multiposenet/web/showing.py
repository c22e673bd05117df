"""From looks to what visitors get: pictures, videos, tables. Nothing here needs the network."""

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from multiposenet import drawing, overlapped, sources
from multiposenet.errors import InputError
from multiposenet.files import writing
from multiposenet.sources import video
from multiposenet.video.writer import VideoWriter
from multiposenet.web.limits import Deadline, Limits
from multiposenet.web.looks import Seen, Upload

PEOPLE = ("photo", "person", "score", "x1", "y1", "x2", "y2", "keypoints")
FOLLOWED = ("id", "frames", "from, s", "to, s", "mean score")
_DRAWERS = 2  # threads
_DIM = 0.6  # of the photo under the heatmap of a keypoint


def picture(seen: Seen, place: int, layers: Sequence[str], score: float) -> np.ndarray:
    """Draws one of the photos.

    Args:
        seen: what was found.
        place: of the photo.
        layers: of `looks.LAYERS`.
        score: people who score less are left out.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        InputError: the photo is not kept any more.
    """
    upload, look = seen.photos[place]
    return look.draw(_image(upload), look.poses.above(score), layers)


def draw_clip(
    seen: Seen,
    target: Path,
    layers: Sequence[str],
    score: float,
    limits: Limits,
    progress: Callable[[int, int | None], None],
) -> None:
    """Draws the clip as an H.264 video with its sound, read again from its file.

    Args:
        seen: what was found.
        target: the video, which appears whole or not at all.
        layers, score: as for `picture`.
        limits: what it may cost.
        progress: is told how many frames are done, and how many there are.

    Raises:
        InputError: it takes too long, or the clip is not kept any more.
    """
    deadline, wanted = Deadline(limits.seconds), len(seen.frames)
    with ExitStack() as stack:
        about = _kept(seen.clip, video.about)
        partial = stack.enter_context(writing.atomic_write(target))
        writer = VideoWriter(partial, about.rate, seen.clip.path)
        stack.callback(writer.close)
        frames = overlapped.ahead(sources.frames(seen.clip.path, limits=limits.of_images))
        frames = stack.enter_context(closing(frames))
        images = {}  # of damaged frames there is none

        def pairs():
            for look, people in seen.followed(score):
                while look.index not in images:
                    frame = next(frames)
                    if not isinstance(frame, InputError):
                        images[frame.index] = frame.image
                yield look, people, images.pop(look.index)

        drawn = overlapped.mapped(
            lambda job: (job[0].time, job[0].draw(job[2], job[1], layers)), pairs(), _DRAWERS, 3
        )
        for number, (time, image) in enumerate(stack.enter_context(closing(drawn)), 1):
            writer.write(image, time)
            progress(number, wanted)
            deadline.check(seen.clip.name)


def keypoint_near(seen: Seen, place: int, at: Sequence[float], score: float):
    """The heatmap of the keypoint that is nearest to a point of a photo.

    Args:
        seen: what was found.
        place: of the photo.
        at: x, y in its pixels.
        score: of the people who count.

    Returns:
        (H, W, 3) uint8 RGB, the heatmap over the photo, and a line that says what it shows.

    Raises:
        InputError: there are no heatmaps, or no keypoint.
    """
    upload, look = seen.photos[place]
    if look.heatmaps is None:
        raise InputError("heatmaps: are of MultiPoseNet alone; choose it as the system")
    people = look.poses.above(score)
    found = people.keypoint_scores >= drawing.MIN_SCORE
    if not found.any():
        raise InputError(f"{upload.name}: keypoints: none are shown; lower the score")
    distances = np.linalg.norm(people.keypoints - np.float32(at), axis=-1)
    person, keypoint = np.unravel_index(
        np.where(found, distances, np.inf).argmin(), distances.shape
    )
    name, values = people.skeleton.keypoints[keypoint], look.heatmaps[..., keypoint]
    score, peak = people.keypoint_scores[person, keypoint], float(values.max())
    # Over grey, and bright where it is highest, since some of the keypoints are faint everywhere.
    grey = np.rint(_image(upload).mean(-1, keepdims=True) * _DIM).astype(np.uint8)
    drawn = drawing.heatmap(np.repeat(grey, 3, -1), values / max(peak, 1e-6))
    return drawn, f"{name} of person {person}, score {score:.2f}; brightest: {peak:.2f}"


def people_table(seen: Seen, score: float) -> list[list]:
    """A row of `PEOPLE` for everybody on the photos."""
    rows = []
    for upload, look in seen.photos:
        for number, person in enumerate(look.poses.above(score)):
            count = int((person.keypoint_scores >= drawing.MIN_SCORE).sum())
            box = np.round(person.box.astype(float), 1).tolist()
            rows.append([upload.name, number, round(person.score, 3), *box, count])
    return rows


def followed_table(seen: Seen, score: float) -> list[list]:
    """A row of `FOLLOWED` for everybody in the clip."""
    times, scores = {}, {}
    for look, people in seen.followed(score):
        for person in people:
            times.setdefault(person.id, []).append(look.time)
            scores.setdefault(person.id, []).append(person.score)
    return [
        [who, len(own), round(own[0], 2), round(own[-1], 2), round(float(np.mean(scores[who])), 3)]
        for who, own in sorted(times.items())
    ]


def message(seen: Seen, score: float) -> str:
    """What there is to say in plain words, a line each: problems first."""
    lines = list(seen.problems)
    for upload, look in seen.photos:
        count = len(look.poses.above(score))
        if not count:
            lines.append(f"{upload.name}: nobody found with a score of {score:g} or more")
        else:
            lines.append(f"{upload.name}: {count} {'person' if count == 1 else 'people'}")
    if seen.clip:
        count = len(followed_table(seen, score))
        who = "nobody found" if not count else f"{count} {'person' if count == 1 else 'people'}"
        lines.append(f"{seen.clip.name}: {len(seen.frames)} frames, {who}")
    return "\n".join(lines)


def write_results(seen: Seen, folder: Path, score: float) -> Path:
    """Writes `poses.json` of photos, or `<clip>.jsonl`, as `predict` does; returns the file."""
    if seen.clip is None:
        path = folder / "poses.json"
        writing.write_json(path, seen.rows(score), allow_nan=False)
    else:
        path = folder / f"{seen.clip.path.stem}.jsonl"
        lines = (json.dumps(line, allow_nan=False) + "\n" for line in seen.lines(score))
        writing.write_text(path, "".join(lines))
    return path


def _image(upload: Upload) -> np.ndarray:
    return _kept(upload, sources.read_image)


def _kept(upload: Upload, read: Callable):
    """Reads an upload that was read before."""
    if not upload.path.is_file():
        raise InputError(f"{upload.name}: upload: is not kept any more; upload it again")
    return read(upload.path)
