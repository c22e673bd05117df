"""The rules of pose NMS as plain loops over their formulas, and candidate poses to try them on."""

import math

import numpy as np

from multiposenet.skeleton import COCO_17


def candidates(rng, persons, copies, missing=0.1, scores=None, spread=600):
    """Noisy copies of some poses: keypoints, keypoint scores, scores, boxes.

    `scores` equal steps of the poses' scores make many of them equal.
    """
    count = persons * copies
    people = rng.uniform(0, 1, (persons, 17, 2)) * (70, 150) + rng.uniform(
        0, spread, (persons, 1, 2)
    )
    noise = rng.uniform(0, 12, (count, 1, 1)) * rng.normal(0, 1, (count, 17, 2))
    keypoints = np.repeat(people, copies, axis=0) + noise
    keypoint_scores = rng.uniform(0.05, 1, (count, 17))
    keypoint_scores[rng.uniform(size=(count, 17)) < missing] = 0
    pose_scores = rng.uniform(0, 1, count)
    if scores:
        pose_scores = np.ceil(pose_scores * scores) / scores
    boxes = np.concatenate([keypoints.min(axis=1), keypoints.max(axis=1)], axis=-1)
    return keypoints, keypoint_scores, pose_scores, boxes


def greedy(scores, similarity, threshold):
    """The best pose stays, those that are similar to it go, and so on with the rest."""
    rest = sorted(range(len(scores)), key=lambda i: -scores[i])  # equal scores keep their order
    kept = []
    while rest:
        best = rest.pop(0)
        kept.append(best)
        rest = [other for other in rest if not similarity(best, other) >= threshold]
    return kept


def pose_nms(keypoints, keypoint_scores, scores, boxes, sigma1, sigma2, distance_weight, eta):
    """RMPE, equations 9 to 12, the sign of equation 9 turned round."""
    points, confidences, boxes = keypoints.tolist(), keypoint_scores.tolist(), boxes.tolist()

    def similarity(i, j):
        x1, y1, x2, y2 = boxes[i]
        size = max(x2 - x1, y2 - y1)
        k_sim = h_sim = 0.0
        for (x, y), (u, v), c, d in zip(
            points[i], points[j], confidences[i], confidences[j], strict=True
        ):
            if c <= 0 or d <= 0:
                continue
            dx, dy = abs(x - u) / size, abs(y - v) / size
            if dx <= 0.1 and dy <= 0.1:
                k_sim += math.tanh(c / sigma1) * math.tanh(d / sigma1)
            h_sim += math.exp(-(dx**2 + dy**2) / sigma2)
        return k_sim + distance_weight * h_sim

    return greedy(scores.tolist(), similarity, eta)


def oks(keypoints, keypoint_scores, boxes):
    """A function of two poses' numbers: their OKS over keypoints of both, by the first's box."""
    points, confidences, boxes = keypoints.tolist(), keypoint_scores.tolist(), boxes.tolist()

    def similarity(i, j):
        x1, y1, x2, y2 = boxes[i]
        area = (x2 - x1) * (y2 - y1)
        total, common = 0.0, 0
        for (x, y), (u, v), c, d, sigma in zip(
            points[i], points[j], confidences[i], confidences[j], COCO_17.sigmas, strict=True
        ):
            if c > 0 and d > 0:
                common += 1
                total += math.exp(-((x - u) ** 2 + (y - v) ** 2) / (2 * area * (2 * sigma) ** 2))
        return total / common if common else 0.0

    return similarity


def oks_nms(keypoints, keypoint_scores, scores, boxes, threshold):
    return greedy(scores.tolist(), oks(keypoints, keypoint_scores, boxes), threshold)


def soft_oks_nms(keypoints, keypoint_scores, scores, boxes, width, minimum):
    similarity = oks(keypoints, keypoint_scores, boxes)
    scores = scores.tolist()
    rest, kept = [i for i in range(len(scores)) if scores[i] >= minimum], []
    while rest:
        best = max(rest, key=lambda i: scores[i])
        rest.remove(best)
        kept.append(best)
        for other in rest:
            scores[other] *= math.exp(-(similarity(best, other) ** 2) / width)
        rest = [i for i in rest if scores[i] >= minimum]
    return kept, [scores[i] for i in kept]


def keypoint_overlap_nms(keypoints, keypoint_scores, scores, boxes, radius, share):
    def similarity(i, j):
        x1, y1, x2, y2 = boxes[i]
        size = max(x2 - x1, y2 - y1)
        common = together = 0
        for n in range(keypoints.shape[1]):
            if keypoint_scores[i, n] > 0 and keypoint_scores[j, n] > 0:
                common += 1
                together += math.dist(keypoints[i, n], keypoints[j, n]) / size <= radius
        return together / common if common else 0.0

    return greedy(scores.tolist(), similarity, share)
