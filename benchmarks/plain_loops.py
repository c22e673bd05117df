"""What the hot places do, as plain loops over the formulas."""

import math

import numpy as np

from multiposenet.maths.overlap import pairwise_iou


def heatmaps(keypoints, sigmas, side):
    """(side, side, K) Gaussians of the cells, 4 pixels each, around keypoints (P, K, 3); the
    highest of all people counts."""
    num_keypoints = keypoints.shape[1]
    maps = [[[0.0] * num_keypoints for _ in range(side)] for _ in range(side)]
    for person, sigma in zip(keypoints.tolist(), sigmas.tolist(), strict=True):
        for keypoint, (x, y, _) in enumerate(person):
            for row in range(side):
                for column in range(side):
                    squared = (4 * column + 2 - x) ** 2 + (4 * row + 2 - y) ** 2
                    value = math.exp(-squared / (2 * sigma**2))
                    maps[row][column][keypoint] = max(maps[row][column][keypoint], value)
    return np.array(maps)


def oks(truths, areas, poses, sigmas):
    """(G, N) similarity of labels (G, K, 3) and poses (N, K, 2)."""
    values = np.zeros((len(truths), len(poses)))
    for i, truth in enumerate(truths.tolist()):
        for j, pose in enumerate(poses.tolist()):
            total, count = 0.0, 0
            for (x, y, v), (px, py), sigma in zip(truth, pose, sigmas, strict=True):
                if v > 0:
                    squared = (px - x) ** 2 + (py - y) ** 2
                    total += math.exp(-squared / (8 * sigma**2 * areas[i]))
                    count += 1
            values[i, j] = total / max(count, 1)
    return values


def nms(boxes, scores, threshold, most):
    """Places of the boxes (N, 4) that the greedy rule keeps, best first."""
    kept, left = [], np.argsort(-scores).tolist()
    while left and len(kept) < most:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if pairwise_iou(boxes[[i]], boxes[[best]])[0, 0] <= threshold]
    return np.array(kept)


def results(photos):
    """COCO results of lists of `Poses`, a photo's number being its id."""
    found = []
    for image_id, poses in enumerate(photos):
        for person in range(len(poses)):
            numbers = []
            for keypoint in range(poses.keypoints.shape[1]):
                x, y = poses.keypoints[person, keypoint]
                score = poses.keypoint_scores[person, keypoint]
                numbers += [round(float(x), 3), round(float(y), 3), round(float(score), 6)]
            x1, y1, x2, y2 = (float(side) for side in poses.boxes[person])
            found.append(
                {
                    "image_id": image_id,
                    "file_name": f"{image_id}.jpg",
                    "category_id": 1,
                    "keypoints": numbers,
                    "score": round(float(poses.scores[person]), 6),
                    "bbox": [round(side, 3) for side in (x1, y1, x2 - x1, y2 - y1)],
                    "box_score": round(float(poses.box_scores[person]), 6),
                }
            )
    return found
