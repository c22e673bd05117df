"""SLEAP (.slp), NWB (.nwb) and DeepLabCut (.csv) by sleap-io; the latter two are read alone.

Frames of a video count as photos `VIDEO/000012.png`, which are to be drawn out of it. SLEAP has its
origin in the centre of the first pixel, half a pixel from ours; a keypoint that has a place but is
marked as not visible is hidden. Needs the package sleap-io (https://io.sleap.ai).
"""

import functools
from collections import Counter
from pathlib import Path, PureWindowsPath

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.files.writing import atomic_write
from multiposenet.json_table import fail
from multiposenet.label_formats import shapes
from multiposenet.label_formats.found import Found, Written, category_name
from multiposenet.skeleton import Skeleton
from multiposenet.sources import image_size

_CENTRE = 0.5  # pixels from our origin, a corner, to SLEAP's
NAME = "labels.slp"
FRAMES = "frames of videos, to be drawn out as VIDEO/NUMBER.png"
GUESSES = "instances that a network predicted"


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a file, or `labels.slp` of a folder; photos are looked for beside it, as it says."""
    path = path / NAME if path.is_dir() else path
    sleap = _sleap_io(path)
    if not path.is_file():
        fail(path, "file", "No such file", "name a .slp, .nwb or .csv file")
    suffix = path.suffix.lower()
    load = {
        ".slp": functools.partial(sleap.load_slp, open_videos=False),
        ".nwb": sleap.load_nwb,
        ".csv": sleap.load_dlc,
    }.get(suffix)
    if load is None:
        fail(
            path, "file", f"{suffix or 'no suffix'} is not known", "name a .slp, .nwb or .csv file"
        )
    try:
        labels = load(str(path))
    except Exception as error:  # depends on the format, and on what is damaged
        problem = " ".join(f"{error!s:.100}".split())
        fail(path, "file", f"not read by sleap-io ({problem})", "export it anew")
    lost, photos = Counter(), {}
    for frame in labels.labeled_frames:
        name, (height, width) = _photo(path, frame, lost)
        photo = photos.setdefault(name, shapes.Photo(name, width, height))
        for number, instance in enumerate(frame.instances):
            if isinstance(instance, sleap.PredictedInstance):
                lost[GUESSES] += 1
                continue
            group = (id(frame), number)
            photo.person(group, "person")
            for node, point in zip(instance.skeleton.node_names, instance.points, strict=True):
                if np.isfinite(point["xy"]).all():
                    x, y = (point["xy"] + _CENTRE).tolist()
                    photo.add_point(group, node, x, y, 2 if point["visible"] else 1)
    order = dict.fromkeys(node for own in labels.skeletons for node in own.node_names)
    limbs = [limb for own in labels.skeletons for limb in own.edge_names]
    every = list(photos.values())
    return shapes.assemble(path, every, skeleton, lost, path.parent, limbs, list(order))


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a .slp file, or one into a folder; it refers to the photos by their names."""
    target = target if target.suffix else target / NAME
    if target.suffix.lower() != ".slp":
        raise InputError(f"{target}: file: is written as .slp alone; name it so")
    sleap = _sleap_io(target)
    ours, persons, lost = annotations.skeleton, annotations.persons, Counter()
    names = ours.keypoints
    skeleton = sleap.Skeleton(
        list(names),
        edges=[(names[first], names[second]) for first, second in ours.limbs],
        symmetries=[
            (names[first], names[second])
            for first, second in enumerate(ours.flip_indices)
            if first < second
        ],
        name=category_name(ours),
    )
    videos, frames = [], []
    for record, rows in zip(annotations.images, annotations.rows_by_photo(), strict=True):
        instances = [_instance(sleap, skeleton, persons, row, lost) for row in rows]
        videos.append(_video(sleap, record))
        found = [instance for instance in instances if instance is not None]
        frames.append(sleap.LabeledFrame(video=videos[-1], frame_idx=0, instances=found))
        lost["outlines"] += sum(bool(annotations.segmentation(row)) for row in rows)
    lost["boxes, which are drawn around keypoints when they are read"] += len(persons)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as partial:
        labels = sleap.Labels(frames, videos=videos, skeletons=[skeleton])
        sleap.save_slp(labels, str(partial), verbose=False)
    return Written([target], lost)


def _photo(path: Path, frame, lost: Counter) -> tuple[str, tuple[int, int]]:
    """Name of a frame's photo, and its (height, width)."""
    video, number = frame.video, int(frame.frame_idx)
    shape = video.shape or (video.backend_metadata or {}).get("shape")
    if isinstance(video.filename, list):
        if not 0 <= number < len(video.filename):
            fail(path, "frame_idx", f"{number}: there are {len(video.filename)}", "export it anew")
        name = _beside(path, video.filename[number])
        if shape is None or len(video.filename) > 1:  # that of the first one alone
            return name, image_size(path.parent / name)
    else:
        lost[FRAMES] += 1
        name = f"{PureWindowsPath(video.filename).stem}/{number:06d}.png"
        if shape is None:
            fail(path, "video", f"{video.filename}: size unknown", "put the video beside the file")
    return name, (int(shape[1]), int(shape[2]))


def _beside(path: Path, name: str) -> str:
    """The name of a photo as seen from the folder of the file."""
    name = Path(name)
    folders = (path.parent, path.parent.resolve())
    for folder in folders:
        if name.is_relative_to(folder):
            return name.relative_to(folder).as_posix()
    if name.is_absolute():  # of another machine
        return PureWindowsPath(name).name
    return name.as_posix()


def _video(sleap, record):
    """One photo as SLEAP refers to it."""
    metadata = {
        "type": "ImageVideo",
        "filename": record.file_name,
        "filenames": [record.file_name],
        "shape": [1, record.height, record.width, 3],
        "grayscale": False,
    }
    return sleap.Video([record.file_name], open_backend=False, backend_metadata=metadata)


def _instance(sleap, skeleton, persons, row, lost):
    """A person's keypoints; None without any."""
    points = persons.keypoints[row]
    if persons.crowd[row] or not (points[:, 2] > 0).any():
        lost["crowds, and people without keypoints"] += 1
        return None
    places = np.where(points[:, 2:] > 0, points[:, :2] - _CENTRE, np.nan)
    instance = sleap.Instance.from_numpy(places, skeleton=skeleton)
    instance.points["visible"] = points[:, 2] == 2
    return instance


def _sleap_io(path):
    try:
        import sleap_io
    except ImportError as error:
        raise InputError(
            f"{path}: file: needs the package sleap-io; run `python -m pip install "
            "'multiposenet[sleap]'`"
        ) from error
    return sleap_io
