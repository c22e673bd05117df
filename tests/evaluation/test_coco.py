"""The COCO measures against pycocotools, on random and on adversarial detections."""

import contextlib
import copy
import io
import json

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.evaluation import MaskIoU, evaluate_boxes, evaluate_keypoints, precision_curves
from multiposenet.skeleton import COCO_17

SIZES = (8.0, 31.0, 32.0, 60.0, 96.0, 97.0, 300.0)


def reference(content, results, kind):
    """What pycocotools says, in the order of its printed summary."""
    return evaluator(content, results, kind).stats


def evaluator(content, results, kind):
    """pycocotools' evaluation, done."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = copy.deepcopy(content)
        truth.createIndex()
        if results:
            detections = truth.loadRes(copy.deepcopy(results))
        else:  # loadRes cannot take an empty list
            detections = COCO()
            detections.dataset = content | {"annotations": []}
            detections.createIndex()
        evaluator = COCOeval(truth, detections, kind)
        evaluator.params.catIds = [1]
        evaluator.evaluate()
        evaluator.accumulate()
        evaluator.summarize()
    return evaluator


@pytest.fixture
def check(tmp_path):
    """Compares all measures of a ground truth and results with pycocotools."""

    def check(content, results):
        path = tmp_path / "annotations.json"
        path.write_text(json.dumps(content))
        annotations = CocoAnnotations.load(path)
        keypoints = evaluate_keypoints(annotations, results)
        boxes = evaluate_boxes(annotations, results)
        np.testing.assert_allclose(
            list(keypoints.values()), reference(content, results, "keypoints"), rtol=0, atol=1e-9
        )
        by_box = [result | {"score": result["box_score"]} for result in results]
        np.testing.assert_allclose(
            list(boxes.values()), reference(content, by_box, "bbox"), rtol=0, atol=1e-9
        )
        return keypoints | boxes

    return check


def person(rng, image_id, identity, size=None, crowd=False, num_keypoints=None):
    """An annotated person of one of the sizes at the edges of COCO's ranges."""
    size = rng.choice(SIZES) if size is None else size
    x, y = rng.uniform(0, 400, 2).round(2)
    num_keypoints = rng.integers(0, 18) if num_keypoints is None else num_keypoints
    keypoints = np.zeros((17, 3))
    chosen = rng.choice(17, num_keypoints, replace=False)
    keypoints[chosen, :2] = (rng.uniform(0, size, (num_keypoints, 2)) + (x, y)).round(2)
    keypoints[chosen, 2] = rng.integers(1, 3, num_keypoints)
    return {
        "id": identity,
        "image_id": image_id,
        "category_id": 1,
        "bbox": [x, y, size, size],
        "area": size**2 * rng.choice([0.5, 1.0]),
        "iscrowd": int(crowd),
        "keypoints": keypoints.ravel().tolist(),
        "num_keypoints": int(num_keypoints),
    }


def detection(rng, annotation, noise, image_id=None, scores=20):
    """A result near an annotation; its scores are multiples of 1 / `scores`."""
    size = annotation["bbox"][2]
    keypoints = np.array(annotation["keypoints"], float).reshape(-1, 3)
    keypoints[:, :2] += rng.normal(0, noise * size, (17, 2))
    keypoints[:, 2] = 0.5
    box = np.array(annotation["bbox"]) + rng.normal(0, noise * size, 4)
    return {
        "image_id": annotation["image_id"] if image_id is None else image_id,
        "category_id": 1,
        "keypoints": keypoints.ravel().tolist(),
        "score": rng.integers(0, scores + 1) / scores,
        "bbox": box.tolist(),
        "box_score": rng.integers(0, scores + 1) / scores,
    }


def dataset(images, annotations):
    return {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 500, "height": 500} for i in images],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }


def random_case(rng, images=12, persons=6, copies=4, crowds=0.1, scores=20):
    ids = rng.permutation(1000)[:images].tolist()  # not sorted
    annotations = []
    for image_id in ids:
        for _ in range(rng.integers(0, persons + 1)):
            crowd = rng.random() < crowds
            annotations.append(person(rng, image_id, len(annotations) + 1, crowd=crowd))
    results = [
        detection(rng, annotation, rng.choice([0, 0.01, 0.05, 0.2]), scores=scores)
        for annotation in annotations
        for _ in range(rng.integers(0, copies + 1))
    ]
    results += [
        detection(rng, person(rng, int(rng.choice(ids)), 0), 0, scores=scores) for _ in range(20)
    ]
    results = [results[i] for i in rng.permutation(len(results))]
    return dataset(ids, annotations), results


@pytest.mark.parametrize("seed", range(6))
def test_random(check, seed):
    measures = check(*random_case(np.random.default_rng(seed)))
    assert 0 < measures["keypoints/AP"] < 1 and 0 < measures["boxes/AP"] < 1


@pytest.mark.parametrize("seed", range(3))
def test_many_equal_scores(check, seed):
    check(*random_case(np.random.default_rng(seed), images=20, scores=2))


def test_all_scores_equal_and_all_negative(check):
    content, results = random_case(np.random.default_rng(7), scores=1)
    check(content, [result | {"score": 1, "box_score": 0.5} for result in results])
    check(content, [result | {"score": -3, "box_score": -0.5} for result in results])


@pytest.mark.parametrize("seed", range(3))
def test_crowds(check, seed):
    check(*random_case(np.random.default_rng(seed), crowds=0.6, copies=8))


@pytest.mark.parametrize("offset, recall", ((0, 0.85), (20, 0.7)))
def test_equal_overlaps_go_to_the_last_person(check, offset, recall):
    """A detection half-way between two persons, and a later one that is exactly on one of them."""
    rng = np.random.default_rng(0)
    left = person(rng, 1, 1, size=100, num_keypoints=17) | {"bbox": [0, 0, 100, 100], "area": 1e4}
    left["keypoints"] = np.round(left["keypoints"]).tolist()

    def moved(dx, **fields):
        keypoints = np.array(left["keypoints"]).reshape(-1, 3) + (dx, 0, 0)
        return left | {"bbox": [dx, 0, 100, 100], "keypoints": keypoints.ravel().tolist()} | fields

    results = [detection(rng, moved(dx), 0) for dx in (10, offset)]
    for result, score in zip(results, (0.9, 0.8), strict=True):
        result["score"] = result["box_score"] = score
    measures = check(dataset([1], [left, moved(20, id=2)]), results)
    # The first takes the right-hand person up to IoU 90/110. The other then has the left-hand one:
    # its own at offset 0, a neighbour of IoU 80/120 at offset 20.
    assert measures["boxes/AR10"] == pytest.approx(recall)


def test_three_persons_in_one_place(check):
    rng = np.random.default_rng(0)
    twin = person(rng, 1, 1, size=60, num_keypoints=17)
    annotations = [twin, twin | {"id": 2}, twin | {"id": 3, "iscrowd": 1}]
    results = [detection(rng, twin, 0.02) for _ in range(5)]
    check(dataset([1], annotations), results)


def test_perfect_detections(check):
    rng = np.random.default_rng(1)
    annotations = [person(rng, i // 3, i + 1, num_keypoints=9) for i in range(30)]
    results = [detection(rng, annotation, 0) for annotation in annotations]
    measures = check(dataset(range(10), annotations), results)
    assert measures["keypoints/AP"] == pytest.approx(1) == measures["keypoints/AR"]
    assert measures["boxes/AP"] == pytest.approx(1) == measures["boxes/AR100"]


def test_more_detections_than_are_used(check):
    content, results = random_case(np.random.default_rng(2), images=3, persons=12, copies=40)
    assert len(results) > 3 * 200
    check(content, results)


def test_area_range_edges(check):
    """Areas of exactly 32^2, 96^2 and 1e5^2 belong to both ranges that meet there."""
    rng = np.random.default_rng(3)
    annotations = []
    for area in (0.0, 32.0**2, 96.0**2, 1e5**2, 1e5**2 + 1, np.nextafter(32.0**2, 0)):
        for _ in range(3):
            annotation = person(rng, 1, len(annotations) + 1, size=50, num_keypoints=8)
            annotations.append(annotation | {"area": area})
    results = [detection(rng, annotation, 0.01) for annotation in annotations]
    for result, size in zip(results, [32, 96, 31.9, 32.1, 95.9, 97] * 3, strict=True):
        result["bbox"][2:] = [size, size]
    check(dataset([1, 2], annotations), results)


def test_boxes_at_the_threshold(check):
    """Intersection over union of exactly 0.5 and 0.75, and boxes without area."""
    rng = np.random.default_rng(4)
    annotations = [person(rng, i, i + 1, size=100, num_keypoints=5) for i in range(4)]
    for annotation in annotations:
        annotation["bbox"] = [100, 100, 100, 100]
    results = [detection(rng, annotation, 0) for annotation in annotations]
    for result, width in zip(results, (50, 75, 49.999, 0), strict=True):
        result["bbox"] = [100, 100, width, 100]
    annotations.append(annotations[3] | {"id": 9, "bbox": [100, 100, 0, 100]})
    check(dataset(range(4), annotations), results)


def test_persons_without_keypoints_are_ignored(check):
    rng = np.random.default_rng(5)
    annotations = [person(rng, i % 5, i + 1, num_keypoints=0 if i % 2 else 6) for i in range(40)]
    results = [
        detection(rng, person(rng, a["image_id"], 0) | {"bbox": a["bbox"]}, 0.1)
        for a in annotations
    ]
    for result, annotation in zip(results, annotations, strict=True):
        # Poses inside, partly outside and far outside the grown box.
        x, y, w, h = annotation["bbox"]
        spread = rng.uniform(-2.5, 3.5, (17, 2)) * (w, h) + (x, y)
        result["keypoints"] = np.column_stack([spread, np.ones(17)]).ravel().tolist()
    results += [detection(rng, annotation, 0.01) for annotation in annotations]
    check(dataset(range(5), annotations), results)


def test_everything_ignored(check):
    rng = np.random.default_rng(6)
    annotations = [person(rng, 1, i + 1, crowd=True, num_keypoints=0) for i in range(4)]
    measures = check(
        dataset([1, 2], annotations), [detection(rng, a, 0.01) for a in annotations * 2]
    )
    assert set(measures.values()) == {-1.0}


def test_no_detections(check):
    content, _ = random_case(np.random.default_rng(8))
    measures = check(content, [])
    assert measures["keypoints/AP"] == measures["boxes/AP"] == measures["boxes/AR100"] == 0


def test_no_ground_truth(check):
    content, results = random_case(np.random.default_rng(9))
    content["annotations"] = []
    assert set(check(content, results).values()) == {-1.0}
    assert set(check(content, []).values()) == {-1.0}


def test_detections_on_images_without_persons(check):
    content, results = random_case(np.random.default_rng(10), images=20)
    crowded = {annotation["image_id"] for annotation in content["annotations"]}
    empty = [image["id"] for image in content["images"] if image["id"] not in crowded]
    assert empty
    rng = np.random.default_rng(0)
    results += [detection(rng, content["annotations"][0], 0.1, image_id=i) for i in empty * 3]
    check(content, results)


def test_results_without_boxes_take_their_area_from_the_keypoints(tmp_path):
    content, results = random_case(np.random.default_rng(11), images=20)
    results = [{k: v for k, v in result.items() if "b" not in k} for result in results]
    assert "bbox" not in results[0] and "keypoints" in results[0]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    found = evaluate_keypoints(CocoAnnotations.load(path), results)
    expected = reference(content, results, "keypoints")
    np.testing.assert_allclose(list(found.values()), expected, rtol=0, atol=1e-9)


def test_results_as_numpy_and_of_other_categories(check, tmp_path):
    content, results = random_case(np.random.default_rng(12))
    expected = check(content, results)
    annotations = CocoAnnotations.load(tmp_path / "annotations.json")
    plain = [dict(result) for result in results]
    for result in plain:
        result["keypoints"] = np.array(result["keypoints"])
        result["score"] = np.float64(result["score"])
        result["image_id"] = np.int64(result["image_id"])
        del result["category_id"]
    stray = [result | {"category_id": 2, "score": 2} for result in results]
    assert evaluate_keypoints(annotations, stray + plain).items() <= expected.items()
    assert evaluate_boxes(annotations, stray + plain).items() <= expected.items()


def test_box_score_wins_over_score(check, tmp_path):
    content, results = random_case(np.random.default_rng(13))
    check(content, results)
    annotations = CocoAnnotations.load(tmp_path / "annotations.json")
    only = [{k: v for k, v in result.items() if k != "box_score"} for result in results]
    found = evaluate_boxes(annotations, only)
    expected = reference(content, results, "bbox")
    np.testing.assert_allclose(list(found.values()), expected, rtol=0, atol=1e-9)


BAD = {
    "unknown image": ({"image_id": 5}, "result[1].image_id: 5"),
    "no image": ({"image_id": None}, "result[1].image_id"),
    "keypoints": ({"keypoints": [0.0] * 50}, "result[1].keypoints: 50 numbers instead of 51"),
    "nan": ({"keypoints": [float("nan")] * 51}, "result[1].keypoints"),
    "score": ({"score": None}, "result[1].score: missing"),
    "score nan": ({"score": float("nan")}, "result[1].score"),
    "score text": ({"score": "high"}, "result[1].score"),
}


@pytest.mark.parametrize("change, named", BAD.values(), ids=BAD)
def test_defects_of_results_are_named(tmp_path, change, named):
    rng = np.random.default_rng(0)
    annotation = person(rng, 1, 1)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(dataset([1], [annotation])))
    annotations = CocoAnnotations.load(path)
    good = detection(rng, annotation, 0)
    with pytest.raises(AnnotationError) as caught:
        evaluate_keypoints(annotations, [good, good | change])
    assert named in str(caught.value) and "\n" not in str(caught.value)
    with pytest.raises(AnnotationError, match="not a list"):
        evaluate_boxes(annotations, {"results": []})
    with pytest.raises(AnnotationError, match="bbox: missing"):
        evaluate_boxes(annotations, [{"image_id": 1, "score": 1.0}])


def test_real_photos(data_dir, check):
    """All persons of the test photos, with up to four detections each."""
    content = json.loads((data_dir / "coco_photos/test/annotations.json").read_text())
    rng = np.random.default_rng(14)
    results = [
        detection(rng, annotation, rng.choice([0.01, 0.05, 0.1]), scores=100)
        for annotation in content["annotations"]
        for _ in range(rng.integers(0, 5))
    ]
    measures = check(content, results)
    assert 0.05 < measures["keypoints/AP"] < 0.9


def test_mask_iou_sums_over_photos():
    iou = MaskIoU()
    truth = np.array([[1, 1, 0, 2], [0, 0, 0, 2]], np.uint8)
    iou.update(np.array([[0.9, 0.5, 0.7, 1.0], [0.1, 0.49, 0, 0]], np.float32), truth)
    assert iou.result() == {"masks/IoU": 2 / 3}
    iou.update(np.zeros((3, 3), bool), np.ones((3, 3), np.uint8))
    assert iou.result() == {"masks/IoU": 2 / 12}
    iou.update(np.ones((2, 2), bool), np.full((2, 2), 2, np.uint8))  # nothing counts
    assert iou.result() == {"masks/IoU": 2 / 12}


def test_mask_iou_edges():
    iou = MaskIoU()
    assert iou.result() == {"masks/IoU": -1.0}
    iou.update(np.zeros((2, 2)), np.zeros((2, 2), np.uint8))
    assert iou.result() == {"masks/IoU": -1.0}
    iou.update(np.ones((2, 2)), np.zeros((2, 2), np.uint8))
    assert iou.result() == {"masks/IoU": 0.0}
    with pytest.raises(ValueError, match="shape"):
        iou.update(np.ones((2, 3)), np.zeros((2, 2), np.uint8))
    voc = MaskIoU(threshold=0.2, person=15, ignored=(255,))
    voc.update(np.array([[0.3, 0.1, 0.9]]), np.array([[15, 15, 255]], np.uint8))
    assert voc.result() == {"masks/IoU": 0.5}


@pytest.mark.parametrize("kind, theirs", (("keypoints", "keypoints"), ("boxes", "bbox")))
def test_precision_curves(tmp_path, kind, theirs):
    content, results = random_case(np.random.default_rng(5), images=20)
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(content))
    curves = precision_curves(CocoAnnotations.load(path), results, kind)
    if kind == "boxes":
        results = [result | {"score": result["box_score"]} for result in results]
    expected = evaluator(content, results, theirs).eval["precision"]  # (T, R, category, A, limit)
    assert list(curves)[0] == "all" and len(curves) == expected.shape[3]
    for index, curve in enumerate(curves.values()):
        np.testing.assert_allclose(curve, expected[:, :, 0, index, -1], rtol=0, atol=1e-9)


def test_precision_curves_of_unknown_kind(tmp_path):
    with pytest.raises(ValueError, match="kind: unknown name 'masks'"):
        precision_curves(None, [], "masks")
