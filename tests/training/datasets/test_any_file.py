"""Annotation files with anything in them: read, refused in one line, inspected and repaired."""

import copy
import json
import random

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, MultiPoseNetError
from multiposenet.json_table import parse
from multiposenet.training.datasets import coco
from multiposenet.training.datasets.inspection import Inspection, repair

RUNS = {"size": [48, 64], "counts": [10, 5, 3057]}
GOOD = {
    "images": [{"id": i, "file_name": f"{i}.jpg", "width": 64, "height": 48} for i in range(3)],
    "annotations": [
        {
            "id": i,
            "image_id": i % 3,
            "category_id": 1,
            "bbox": [1, 2, 30, 40],
            "area": 300,
            "iscrowd": 0,
            "num_keypoints": 2,
            "keypoints": [5, 6, 2, 7, 8, 1, 0, 0, 0],
            "segmentation": [[[1, 2, 9, 2, 9, 9]], RUNS, None][i % 3],
        }
        for i in range(6)
    ],
    "categories": [
        {"id": 1, "name": "person", "keypoints": ["nose", "L_Eye", "R_Eye"], "skeleton": [[1, 2]]}
    ],
}
ANYTHING = [
    *(None, 0, -1, 1.5, 2.0, True, 2**31, 2**63, 2**64, 10**400, 1e300, -1e9, np.nan, np.inf),
    *("", "x", "\0", "a\\b", "é" * 50, [], {}, [1, 2], [[1]], [[]] * 5),
    RUNS | {"counts": "abc"},
]  # fmt: skip


def spoil(node, rng):
    """Removes, repeats or replaces something at a random place."""
    while True:
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        place, chance = rng.choice(places), rng.random()
        if isinstance(node[place], (dict, list)) and rng.random() < 0.75:
            node = node[place]
            continue
        if chance < 0.2:
            del node[place]
        elif chance < 0.3 and isinstance(node, list):
            node.append(copy.deepcopy(node[place]))
        else:
            node[place] = copy.deepcopy(rng.choice(ANYTHING))
        return


def use(path) -> bool:
    """Everything that is done with annotations; whether they can be read."""
    try:
        annotations = CocoAnnotations.load(path)
    except AnnotationError as error:
        assert "\n" not in str(error) and "; " in str(error)
        assert len(str(error)) < len(str(path)) + 500
        return False
    for sample in coco.from_annotations(annotations, path.parent):
        try:
            sample.read_mask()
        except MultiPoseNetError:
            continue
    assert len(annotations.skeleton.flip_indices) == annotations.skeleton.num_keypoints
    return True


@pytest.mark.parametrize("seed", range(4))
def test_any_file(tmp_path, seed):
    rng, read, mended = random.Random(seed), 0, 0
    path, copied = tmp_path / "a.json", tmp_path / "b.json"
    for _ in range(150):
        content = copy.deepcopy(GOOD)
        for _ in range(rng.randrange(1, 4)):
            spoil(content, rng)
        path.write_text(json.dumps(content))
        readable = use(path)
        read += readable
        try:
            inspection = Inspection(parse(path, path.read_bytes()), path)
        except AnnotationError as error:
            assert not readable and "\n" not in str(error)
            continue
        assert inspection.counts() and inspection.skeleton() and inspection.by_kind() is not None
        repaired, _ = repair(content, inspection.findings, len(inspection.keypoints))
        copied.write_text(json.dumps(repaired))
        mended += use(copied)
    assert read < mended
