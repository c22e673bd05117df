"""Decoding and grouping of true heatmaps in true boxes: what no network can exceed."""

import json

import numpy as np
import pytest
from compiled import compiled
from keras import ops

from multiposenet import zoo
from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import Max
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.systems.multiposenet import MultiPoseNet


@pytest.fixture(scope="module")
def truth(data_dir, tmp_path_factory):
    """The first 40 photos with people of ``coco_photos/test``: labels, boxes and decoded peaks."""
    content = json.loads((data_dir / "coco_photos" / "test" / "annotations.json").read_text())
    counts = {}
    for entry in content["annotations"]:
        counts[entry["image_id"]] = counts.get(entry["image_id"], 0) + entry["num_keypoints"]
    chosen = [image for image in content["images"] if counts.get(image["id"], 0)][:40]
    ids = {image["id"] for image in chosen}
    content["images"] = chosen
    content["annotations"] = [a for a in content["annotations"] if a["image_id"] in ids]
    path = tmp_path_factory.mktemp("oracle") / "annotations.json"
    path.write_text(json.dumps(content))
    labels = CocoAnnotations.load(path)
    most = max(int((~record.crowd).sum()) for record in labels.images)
    boxes = np.zeros((40, most, 4), "float32")
    maps, codec = np.zeros((40, 120, 120, 17), "float32"), GaussianHeatmaps()
    for index, record in enumerate(labels.images):
        own = record.boxes[~record.crowd]
        boxes[index, : len(own)] = own
        sigmas = np.clip(0.045 * np.sqrt((own[:, 2:] - own[:, :2]).prod(axis=1)), 4, 12)
        drawn = codec.encode(record.keypoints[~record.crowd], sigmas, (120, 120))
        maps[index] = drawn["heatmaps"]
    decode = compiled(lambda maps: codec.decode({"heatmaps": maps}, 32))
    parts = [decode(ops.convert_to_tensor(maps[i : i + 8])) for i in range(0, 40, 8)]
    points, scores = (
        np.concatenate([ops.convert_to_numpy(part) for part in group])
        for group in zip(*parts, strict=True)
    )
    return labels, boxes, points, scores


def grouped(assigner, truth):
    _, boxes, points, scores = truth
    parts = [
        grouping.group(assigner, boxes[i : i + 8], points[i : i + 8], scores[i : i + 8])
        for i in range(0, 40, 8)
    ]
    return tuple(
        np.concatenate([ops.convert_to_numpy(part) for part in group])
        for group in zip(*parts, strict=True)
    )


def average_precision(truth, keypoints, keypoint_scores):
    labels, boxes, _, _ = truth
    results = []
    for index, record in enumerate(labels.images):
        for row in np.flatnonzero(boxes[index].any(axis=1)):
            pose = np.column_stack([keypoints[index, row], keypoint_scores[index, row]])
            results.append(
                {
                    "image_id": record.id,
                    "keypoints": pose.ravel().tolist(),
                    "score": float(keypoint_scores[index, row].mean()),
                }
            )
    return evaluate_keypoints(labels, results)["keypoints/AP"]


def test_oracle_decoding(truth):
    """Next to every labelled keypoint there is a peak, but where people hide one another's."""
    labels, _, points, scores = truth
    distances = []
    for index, record in enumerate(labels.images):
        for person, keypoint in np.argwhere(record.keypoints[..., 2] > 0):
            peaks = points[index, keypoint][scores[index, keypoint] > 0]
            offset = peaks - record.keypoints[person, keypoint, :2]
            distances.append(np.hypot(*offset.T).min())
    assert np.median(distances) < 0.05
    assert np.mean(np.array(distances) < 1) > 0.93


def test_oracle_of_the_nearest_peak(truth):
    """The ceiling of maps and decoding: every keypoint takes the peak nearest to its label."""
    labels, boxes, points, scores = truth
    keypoints = np.zeros((*boxes.shape[:2], 17, 2), "float32")
    for index, record in enumerate(labels.images):
        own = record.keypoints[~record.crowd]
        for person, keypoint in np.argwhere(own[..., 2] > 0):
            peaks = points[index, keypoint][scores[index, keypoint] > 0]
            distance = np.hypot(*(peaks - own[person, keypoint, :2]).T)
            keypoints[index, person, keypoint] = peaks[distance.argmin()]
    known = (keypoints != 0).any(axis=-1).astype("float32")
    assert average_precision(truth, keypoints, known) > 0.97


def test_oracle_of_max(truth):
    """The highest peak in reach of the box: as a plain rule finds it, and far below a PRN."""
    _, boxes, points, scores = truth
    keypoints, keypoint_scores = grouped(Max(), truth)
    corner, size = boxes[:, :, None, None, :2], boxes[:, :, None, None, 2:]
    place = (points[:, None] - corner) / np.maximum(size - corner, 1e-3)
    reach = np.all((place >= -MARGIN) & (place <= 1 + MARGIN), axis=-1)
    highest = np.where(reach, scores[:, None], 0).max(axis=-1)
    np.testing.assert_allclose(keypoint_scores, highest, atol=1e-6)
    assert 0.5 < average_precision(truth, keypoints, keypoint_scores) < 0.8


def test_oracle_of_the_bundled_prn(truth):
    if "multiposenet-nano" not in zoo.names():
        pytest.skip("no bundled weights of multiposenet-nano in this checkout yet")
    entry = zoo.entry("multiposenet-nano")
    model = MultiPoseNet(**entry["architecture"], weights="multiposenet-nano")
    assert average_precision(truth, *grouped(model.prn, truth)) >= 0.85
