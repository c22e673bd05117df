"""Small label files for the tests of the PRN stage."""

import json

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.skeleton import Skeleton

SKELETON = Skeleton.from_dict(
    {"name": "three", "keypoints": ["nose", "left_hip", "right_hip"], "limbs": []}
)
FLIP = SKELETON.flip_indices


def person(identity, image, box, keypoints, **fields):
    x1, y1, x2, y2 = box
    return {
        "id": identity,
        "image_id": image,
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "keypoints": np.asarray(keypoints, float).ravel().tolist(),
    } | fields


def write(path, persons, images=2):
    content = {
        "images": [
            {"id": i + 1, "file_name": f"{i}.png", "width": 400, "height": 400}
            for i in range(images)
        ],
        "annotations": persons,
        "categories": [{"id": 1, "name": "person", "keypoints": list(SKELETON.keypoints)}],
    }
    path.write_text(json.dumps(content))
    return CocoAnnotations.load(path, SKELETON)


def crowd_of(count, seed, image=1):
    """Persons whose keypoints are mostly visible, some far outside their box."""
    rng = np.random.default_rng(seed)
    persons = []
    for index in range(count):
        corner = rng.uniform(0, 150, 2)
        size = rng.uniform(20, 120, 2)
        places = corner + rng.uniform(-0.3, 1.3, (3, 2)) * size
        visible = rng.choice([0, 1, 2], (3, 1), p=[0.08, 0.3, 0.62])
        keypoints = np.hstack([places, visible])
        persons.append(person(100 * image + index, image, (*corner, *(corner + size)), keypoints))
    return persons
