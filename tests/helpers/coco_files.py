"""A COCO annotation file, as a dict and on the disk."""

import json

from multiposenet.skeleton import COCO_17


def coco_file() -> dict:
    """Two photos, the second listed first; three persons, two of them on photo 7."""
    keypoints = [0] * 51
    keypoints[:6] = [10.5, 20.25, 2, 11, 19, 1]
    return {
        "images": [
            {"id": 9, "file_name": "nine.jpg", "width": 64, "height": 48, "mask": True},
            {"id": 7, "file_name": "seven.jpg", "width": 100, "height": 80},
        ],
        "annotations": [
            {
                "id": 1,
                "image_id": 7,
                "category_id": 1,
                "bbox": [1.5, 2, 30, 40],
                "area": 600.5,
                "iscrowd": 0,
                "keypoints": keypoints,
                "num_keypoints": 2,
                "segmentation": [[1.5, 2, 31.5, 2, 31.5, 42]],
            },
            {
                "id": 2,
                "image_id": 9,
                "category_id": 1,
                "bbox": [0, 0, 5, 6],
                "keypoints": keypoints[:],
            },
            {
                "id": 3,
                "image_id": 7,
                "category_id": 1,
                "bbox": [50, 10, 20, 10],
                "area": 150,
                "iscrowd": 1,
                "keypoints": [0] * 51,
            },
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }


def write(folder, content) -> str:
    path = folder / "a.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path
