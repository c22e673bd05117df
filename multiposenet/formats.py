"""`Poses` as other tools want them. A keypoint that was not found has no place in any of them."""

import csv
import io
import json
from pathlib import Path

import numpy as np


def coco(poses, image_id, category_id: int, file_name: str | None, guesses: bool) -> list[dict]:
    """See `Poses.to_coco`."""
    triples = rounded(poses, guesses)
    xywh = np.concatenate([poses.boxes[:, :2], poses.boxes[:, 2:] - poses.boxes[:, :2]], axis=-1)
    name = {} if file_name is None else {"file_name": file_name}
    return [
        {
            "image_id": image_id,
            **name,
            "category_id": category_id,
            "keypoints": triples[place].ravel().tolist(),
            "score": _score(poses.scores[place]),
            "bbox": _pixels(xywh[place]),
            "box_score": _score(poses.box_scores[place]),
            **({} if poses.ids is None else {"track_id": int(poses.ids[place])}),
        }
        for place in range(len(poses))
    ]


def people(poses) -> list[dict]:
    """A dictionary for each person, with keypoints by name; see `Poses.to_jsonl`."""
    found = []
    for place, triples in enumerate(rounded(poses).tolist()):
        named = zip(poses.skeleton.keypoints, triples, strict=True)
        found.append(
            {
                "person": place,
                **({} if poses.ids is None else {"id": int(poses.ids[place])}),
                "score": _score(poses.scores[place]),
                "box": _pixels(poses.boxes[place]),
                "box_score": _score(poses.box_scores[place]),
                "keypoints": {name: at if at[2] > 0 else None for name, at in named},
            }
        )
    return found


def frame_line(frame, poses) -> dict:
    """The line of JSON of a frame of a video: its number, its time in seconds, its people."""
    return {"frame": frame.index, "time": round(frame.time, 6), "people": people(poses)}


def image_ids(stems: list[str]) -> list[int]:
    """The numbers the files are named by if all are, and differ (COCO's photos); else 1, 2, ..."""
    if all(stem.isascii() and stem.isdecimal() for stem in stems):
        numbers = [int(stem) for stem in stems]
        if len(set(numbers)) == len(numbers):
            return numbers
    return list(range(1, len(stems) + 1))


def jsonl(poses) -> str:
    """See `Poses.to_jsonl`."""
    rows = ({"source": poses.source, **person} for person in people(poses))
    return "".join(json.dumps(row) + "\n" for row in rows)


def columns(poses) -> dict[str, list]:
    """A table, column by column; None stands where nothing was found."""
    triples, count = rounded(poses), len(poses)
    boxes = np.round(poses.boxes.astype(np.float64), 3)
    table = {
        "source": [poses.source] * count,
        "person": list(range(count)),
        **({} if poses.ids is None else {"id": poses.ids.tolist()}),
        "score": [_score(score) for score in poses.scores],
        **{name: boxes[:, axis].tolist() for axis, name in enumerate(("x1", "y1", "x2", "y2"))},
        "box_score": [_score(score) for score in poses.box_scores],
    }
    for place, name in enumerate(poses.skeleton.keypoints):
        x, y, scores = triples[:, place].T.tolist()
        there = [score > 0 for score in scores]
        for part, values in (("x", x), ("y", y)):
            values = [value if found else None for value, found in zip(values, there, strict=True)]
            table[f"{name}_{part}"] = values
        table[f"{name}_score"] = scores
    return table


def csv_table(poses) -> str:
    """See `Poses.to_csv`."""
    text, table = io.StringIO(), columns(poses)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))  # None is an empty field
    return text.getvalue()


def openpose(poses) -> dict:
    """See `Poses.to_openpose`."""
    ids = [-1] * len(poses) if poses.ids is None else poses.ids.tolist()
    return {
        "version": 1.3,
        "people": [
            {"person_id": [who], "pose_keypoints_2d": triples.ravel().tolist()}
            for who, triples in zip(ids, rounded(poses), strict=True)
        ],
    }


def labelme(poses) -> dict:
    """See `Poses.to_labelme`."""
    shapes = []

    def add(label, kind, points, group):
        shape = {"label": label, "points": points, "group_id": group}
        shapes.append({**shape, "shape_type": kind, "flags": {}, "description": ""})

    for place, triples in enumerate(rounded(poses).tolist()):
        group = place if poses.ids is None else int(poses.ids[place])
        x1, y1, x2, y2 = _pixels(poses.boxes[place])
        add("person", "rectangle", [[x1, y1], [x2, y2]], group)
        for name, (x, y, score) in zip(poses.skeleton.keypoints, triples, strict=True):
            if score > 0:
                add(name, "point", [[x, y]], group)
    height, width = poses.image_size
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": shapes,
        "imagePath": None if poses.source is None else Path(poses.source).name,
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def rounded(poses, guesses: bool = False) -> np.ndarray:
    """(N, K, 3) float64 x, y, score, rounded for output; zeros where a keypoint was not found.

    Args:
        poses: `Poses`.
        guesses: whether such keypoints keep the place where the system would expect them.
    """
    scores = np.round(poses.keypoint_scores[..., None].astype(np.float64), 6)
    places = np.round(poses.keypoints.astype(np.float64), 3)
    if not guesses:
        places = np.where(scores > 0, places, 0.0)
    return np.concatenate([places, scores], axis=-1)


def _pixels(values: np.ndarray) -> list[float]:
    """Python floats to a thousandth of a pixel, far below what can be measured."""
    return np.round(values.astype(np.float64), 3).tolist()


def _score(value: np.float32) -> float:
    """A Python float with the digits float32 has: rougher rounding would tie people in rank."""
    return round(float(value), 6)
