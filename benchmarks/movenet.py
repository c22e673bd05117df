"""A released MoveNet on annotated photos, measured as `multiposenet evaluate` measures.

    python benchmarks/movenet.py movenet-multipose.json --annotations A.json --images DIR
    python benchmarks/movenet.py movenet-thunder.json --annotations A.json --images DIR --crops

The graph runs whole, its own search for people and its own decoding included, on OpenVINO. With
``--crops``, as Lightning and Thunder need them, it sees persons one by one, in their annotated
boxes; with ``--crops MODEL`` in the boxes that a model of the zoo finds, and a pose's score is the
mean of its keypoints' times the box's.
"""

import argparse
import time
from pathlib import Path

import movenet_graph
import numpy as np

import multiposenet
from multiposenet.annotations import CocoAnnotations
from multiposenet.commands import console
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.maths import cropping
from multiposenet.maths.geometry import letterbox, letterbox_size
from multiposenet.sources import read_image

MARGIN = 0.25  # by which a person box is enlarged
LEAST_SCORE = 0.01
ANNOTATED = "annotated"


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="FILE", help=".json of the TensorFlow.js graph model")
    parser.add_argument("--annotations", required=True, metavar="FILE")
    parser.add_argument("--images", required=True, metavar="DIR", type=Path)
    parser.add_argument("--size", type=int, default=480, help="longer side (default: 480)")
    parser.add_argument("--crops", metavar="MODEL", nargs="?", const=ANNOTATED)
    arguments = parser.parse_args(argv)
    annotations = CocoAnnotations.load(arguments.annotations)
    network = movenet_graph.openvino_function(movenet_graph.read_graph(arguments.model))
    find = whole_photos(network, arguments.size)
    if arguments.crops:
        find = person_crops(network, boxes_of(arguments.crops))
    results, seconds = [], 0.0
    for record in annotations.images:
        image = read_image(arguments.images / record.file_name)
        start = time.perf_counter()
        found = list(find(image, record))
        seconds += time.perf_counter() - start
        results += [as_result(record, annotations, *person) for person in found]
    rows = [
        [name, f"{value:.3f}"] for name, value in evaluate_keypoints(annotations, results).items()
    ]
    rows.append(["ms a photo", f"{1000 * seconds / len(annotations.images):.0f}"])
    console.print_table(["", Path(arguments.model).stem], rows)


def whole_photos(network, size):
    """Finds up to six persons at once: ``(keypoints, keypoint scores, score)`` of each."""

    def find(image, record):
        canvas, move = letterbox(image, letterbox_size(image.shape[:2], size), size)
        persons = network(canvas[None])[0]
        height, width = canvas.shape[:2]
        for person in persons[persons[:, 55] > LEAST_SCORE]:
            y, x, scores = person[:51].reshape(17, 3).T
            places = move.inverse()(np.column_stack([x * width, y * height]))
            yield places, scores, float(person[55])

    return find


def person_crops(network, boxes, side=256):
    """Finds one person in the square around each box of a photo, as Thunder does."""

    def find(image, record):
        found, box_scores = boxes(image, record)
        parts = cropping.regions(found, (side, side), MARGIN)
        pictures = cropping.crops(image, parts, (side, side))
        for picture, part, box_score in zip(pictures, parts, box_scores, strict=True):
            y, x, scores = network(picture[None]).reshape(17, 3).T
            places = cropping.to_image(
                np.column_stack([x, y])[None] * side, part[None], (side, side)
            )
            yield places[0], scores, float(scores.mean() * box_score)

    return find


def boxes_of(name):
    """A function from an image and its record to person boxes ``(N, 4)`` xyxy and their scores."""
    if name == ANNOTATED:
        return lambda image, record: (record.boxes, np.ones(len(record.boxes)))
    pose = multiposenet.load(name, score=0.0)

    def found(image, record):
        people = pose(image)
        return people.boxes, people.box_scores

    return found


def as_result(record, annotations, places, scores, score):
    return {
        "image_id": record.id,
        "category_id": annotations.category_id,
        "keypoints": np.column_stack([places, scores]).ravel().tolist(),
        "score": score,
    }


if __name__ == "__main__":
    main()
