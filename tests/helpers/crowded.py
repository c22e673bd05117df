"""Label files of people side by side, and poses that find each of them several times."""

import json

import numpy as np

from multiposenet.annotations import CocoAnnotations
from multiposenet.skeleton import COCO_17

PHOTOS, PERSONS, COPIES = 6, 4, 5


def labels(path, photos=PHOTOS):
    """Photos with persons side by side; of the last one of each photo no keypoint is labelled."""
    rng = np.random.default_rng(7)
    annotations = []
    for photo in range(photos):
        for person in range(PERSONS):
            corner = np.array([20 + 150 * person, 30])
            points = corner + rng.uniform(0, 1, (17, 2)) * (90, 180)
            visible = np.full((17, 1), 2.0 if person < PERSONS - 1 else 0.0)
            low, high = points.min(axis=0), points.max(axis=0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": photo + 1,
                    "category_id": 1,
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "keypoints": np.hstack([points * (visible > 0), visible]).ravel().tolist(),
                }
            )
    images = [
        {"id": i + 1, "file_name": f"{i}.png", "width": 640, "height": 240} for i in range(photos)
    ]
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    path.write_text(json.dumps(content))
    return CocoAnnotations.load(path)


def found(annotations, seed=0):
    """COCO results: copies of the labelled persons, of which those with less noise score more, in
    no order, and some of nobody."""
    rng = np.random.default_rng(seed)
    results = []
    for record in annotations.images:
        for row in range(len(record)):
            for _ in range(COPIES):
                noise = rng.uniform(0, 25)
                points = record.keypoints[row, :, :2] + noise * rng.normal(0, 1, (17, 2))
                if not record.num_keypoints[row]:
                    points = record.boxes[row, :2] + rng.uniform(0, 1, (17, 2)) * (90, 180)
                sure = rng.uniform(0.05, 1, 17)
                sure[rng.random(17) < 0.1] = 0
                x1, y1, x2, y2 = record.boxes[row] + rng.normal(0, 5, 4)
                results.append(
                    {
                        "image_id": record.id,
                        "category_id": 1,
                        "keypoints": np.column_stack([points, sure]).ravel().tolist(),
                        "score": 1 - noise / 30 + float(rng.normal(0, 0.05)),
                        "box_score": float(rng.uniform()),
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                    }
                )
    rng.shuffle(results)
    return results
