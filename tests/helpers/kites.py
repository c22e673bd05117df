"""Photos of kites, things of five keypoints that no model knows, labelled as COCO labels people."""

import json

import cv2
import numpy as np

KEYPOINTS = ("nose tip", "left_wing", "right_wing", "middle", "tail")
_SHAPE = np.array([(0, -30), (-24, -6), (24, -6), (0, -6), (0, 34)], np.float32)
_COLOURS = {"left_wing": (220, 40, 40), "right_wing": (40, 80, 220)}


def write(folder, photos=4, seed=0, side=128):
    """Photos and their labels in the layout of `coco`; returns the annotation file."""
    rng = np.random.default_rng(seed)
    (folder / "photos").mkdir(parents=True)
    images, annotations = [], []
    for number in range(1, photos + 1):
        angle = rng.uniform(-0.6, 0.6)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = _SHAPE @ turn.T + rng.uniform(44, side - 44, 2)
        picture = rng.uniform(120, 160, (side, side, 3)).astype(np.uint8)
        for wing, colour in _COLOURS.items():
            corners = points[[0, KEYPOINTS.index(wing), 4]].astype(np.int32)
            cv2.fillConvexPoly(picture, corners, colour[::-1])
        cv2.imwrite(str(folder / "photos" / f"{number}.png"), picture)
        low, high = points.min(axis=0), points.max(axis=0)
        images.append({"id": number, "file_name": f"{number}.png", "width": side, "height": side})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [*low.tolist(), *(high - low).tolist()],
                "keypoints": np.column_stack([points, np.full(5, 2)]).ravel().tolist(),
                "num_keypoints": 5,
            }
        )
    category = {"id": 1, "name": "kite", "keypoints": KEYPOINTS}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    (folder / "annotations.json").write_text(json.dumps(content))
    return folder / "annotations.json"
