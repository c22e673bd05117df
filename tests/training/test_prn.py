"""The PRN's crops, batches and loss: against loops, and that a small one learns."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import Max, PoseResidualNetwork
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.skeleton import Skeleton
from multiposenet.training import loop, prn, recipes
from multiposenet.training.stages import PRNStage

SKELETON = Skeleton.from_dict(
    {"name": "three", "keypoints": ["nose", "left_hip", "right_hip"], "limbs": []}
)
FLIP = SKELETON.flip_indices


def person(identity, image, box, keypoints, **fields):
    x1, y1, x2, y2 = box
    flat = np.asarray(keypoints, float).ravel().tolist()
    return {
        "id": identity,
        "image_id": image,
        "category_id": 1,
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "keypoints": flat,
    } | fields


def annotations(path, persons, images=2):
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
    """Persons whose joints are mostly visible, some far outside their box."""
    rng = np.random.default_rng(seed)
    persons = []
    for index in range(count):
        corner = rng.uniform(0, 150, 2)
        size = rng.uniform(20, 120, 2)
        joints = corner + rng.uniform(-0.3, 1.3, (3, 2)) * size
        visible = rng.choice([0, 1, 2], (3, 1), p=[0.08, 0.3, 0.62])
        keypoints = np.hstack([joints, visible])
        persons.append(person(100 * image + index, image, (*corner, *(corner + size)), keypoints))
    return persons


@pytest.fixture
def labels(tmp_path):
    return annotations(tmp_path / "a.json", crowd_of(12, 0) + crowd_of(5, 1, image=2))


def test_crops_against_a_loop(labels):
    crops = prn.Crops(labels, reach=0.42)
    row = 0
    for record in labels.images:
        for index in range(len(record)):
            if (record.keypoints[index, :, 2] > 0).sum() <= 2:
                continue
            x1, y1, x2, y2 = record.boxes[index]
            width, height = x2 - x1, y2 - y1
            np.testing.assert_array_equal(crops.boxes[row], record.boxes[index])
            for joint in range(3):
                others = []
                for other in range(len(record)):
                    x, y, v = record.keypoints[other, joint]
                    near = x1 - 0.42 * width <= x <= x2 + 0.42 * width
                    near &= y1 - 0.42 * height <= y <= y2 + 0.42 * height
                    if other != index and v > 0 and near:
                        dx, dy = (x - (x1 + x2) / 2) / width, (y - (y1 + y2) / 2) / height
                        others.append((dx**2 + dy**2, (x, y)))
                expected = [place for _, place in sorted(others)][: prn.MAX_CANDIDATES - 1]
                found = crops.points[row, joint, 1:][crops.present[row, joint, 1:]]
                np.testing.assert_allclose(found, np.reshape(expected, (-1, 2)), atol=1e-4)
                np.testing.assert_array_equal(
                    crops.points[row, joint, 0], record.keypoints[index, joint, :2]
                )
                assert crops.present[row, joint, 0] == (record.keypoints[index, joint, 2] > 0)
            assert crops.crowded[row] == crops.present[row, :, 1:].any()
            row += 1
    assert row == len(crops) > 8
    assert crops.present[:, :, -1].any(), "more neighbours than candidates are tested, too"


def test_a_person_alone_is_not_crowded(tmp_path):
    joints = [(50, 20, 2), (40, 80, 2), (60, 80, 1)]
    far = np.array(joints) + (250, 0, 0)
    persons = [person(1, 1, (30, 10, 70, 90), joints), person(2, 1, (280, 10, 320, 90), far)]
    crops = prn.Crops(annotations(tmp_path / "a.json", persons))
    np.testing.assert_array_equal(crops.crowded, [False, False])
    np.testing.assert_array_equal(crops.present.sum(axis=(1, 2)), [3, 3])


def test_who_is_left_out(tmp_path):
    joints = np.array([(50, 20, 2), (40, 80, 2), (60, 80, 1)])
    two = joints * np.array([(1, 1, 1), (1, 1, 1), (0, 0, 0)])
    persons = [
        person(1, 1, (30, 10, 70, 90), joints, iscrowd=1),
        person(2, 1, (30, 10, 70, 90), two),
        person(3, 1, (35, 10, 75, 90), joints),
    ]
    crops = prn.Crops(annotations(tmp_path / "a.json", persons))
    assert len(crops) == 1
    # Their joints are candidates all the same.
    np.testing.assert_array_equal(crops.present[0].sum(axis=1), [3, 3, 2])


@pytest.mark.parametrize("persons", [[], [person(1, 1, (0, 0, 9, 9), np.zeros((3, 3)))]])
def test_nobody_to_learn_from(tmp_path, persons):
    labels = annotations(tmp_path / "a.json", persons)
    with pytest.raises(AnnotationError, match="a.json: keypoints: .*more than two"):
        prn.Crops(labels)


QUIET = {"box_jitter": 0.0, "point_jitter": 0.0, "missing": 0.0, "faint": 1.0, "alone": 1.0}


def relative(points, boxes):
    """Places of the candidates in their box, 0 to 1."""
    corner = boxes[:, None, :2]
    return (points - corner[:, None]) / (boxes[:, None, 2:] - corner)[:, None]


def test_batches_move_the_own_candidate_with_its_box(labels):
    """Unjittered, a batch shows the persons as they are or mirrored, joints renamed."""
    crops = prn.Crops(labels)
    recipe = recipes.PRNRecipe(batch_size=len(crops), **QUIET)
    inputs, own = prn.Batches(crops, recipe, FLIP)(0)
    boxes, points, scores = inputs["boxes"][:, 0], inputs["points"], inputs["scores"]
    assert inputs["boxes"].shape == (len(crops), 1, 4) and points.dtype == np.float32
    np.testing.assert_array_equal(own[..., 0], 1)
    np.testing.assert_array_equal(own[..., 1:], 0)
    mirrored = 0
    places = relative(crops.points, crops.boxes)
    for row in range(len(crops)):
        flipped = boxes[row, 0] < 0
        mirrored += flipped
        box = np.array([-boxes[row, 2], boxes[row, 1], -boxes[row, 0], boxes[row, 3]])
        box = box if flipped else boxes[row]
        (source,) = np.flatnonzero(np.abs(crops.boxes - box).max(axis=1) < 1e-3)
        order = FLIP if flipped else np.arange(3)
        expected = places[source][order]
        if flipped:
            expected = expected * (-1, 1) + (1, 0)
        found = relative(points[row : row + 1], boxes[row : row + 1])[0]
        present = crops.present[source][order]
        np.testing.assert_allclose(found[present], expected[present], atol=1e-3)
        np.testing.assert_array_equal(scores[row], present)
    assert 0 < mirrored < len(crops)


def test_jitter(labels):
    crops = prn.Crops(labels)
    recipe = recipes.PRNRecipe(
        batch_size=len(crops), **QUIET | {"box_jitter": 0.1, "point_jitter": 0.01}
    )
    changed = prn.Batches(crops, recipe, FLIP)
    inputs, _ = changed(0)
    boxes = inputs["boxes"][:, 0]
    boxes = np.where(boxes[:, :1] < 0, boxes[:, [2, 1, 0, 3]] * (-1, 1, -1, 1), boxes)
    for box in boxes:
        size = np.tile(crops.boxes[:, 2:] - crops.boxes[:, :2], 2)
        shift = np.abs(crops.boxes - box) / size
        assert 0.001 < shift.max(axis=1).min() <= 0.1001
    sharp = prn.Batches(crops, recipes.PRNRecipe(batch_size=len(crops), **QUIET), FLIP)
    assert np.abs(sharp(0)[0]["points"] - inputs["points"]).max() > 0.1


def test_scores_and_missing_candidates(labels):
    crops = prn.Crops(labels)
    recipe = recipes.PRNRecipe(batch_size=len(crops), **QUIET | {"faint": 0.4, "missing": 0.5})
    batches = prn.Batches(crops, recipe, FLIP)
    scores = np.concatenate([batches(step)[0]["scores"].ravel() for step in range(20)])
    present = 20 * crops.present.sum()
    assert np.all((scores == 0) | ((scores >= 0.4) & (scores <= 1)))
    assert np.count_nonzero(scores) == pytest.approx(0.5 * present, rel=0.1)
    assert scores[scores > 0].mean() == pytest.approx(0.7, abs=0.03)


def test_an_epoch_sees_all_crowded_and_some_alone(tmp_path):
    joints = np.array([(50, 20, 2), (40, 80, 2), (60, 80, 1)])
    persons = [  # ten apart, one per photo, and four together in the last
        person(index, min(index, 10) + 1, (30, 10, 70 + index, 90), joints) for index in range(14)
    ]
    crops = prn.Crops(annotations(tmp_path / "a.json", persons, images=11))
    assert crops.crowded.sum() == 4
    recipe = recipes.PRNRecipe(batch_size=2, **QUIET | {"alone": 0.4})
    batches = prn.Batches(crops, recipe, FLIP)
    assert (batches.per_epoch, batches.steps_per_epoch) == (8, 4)

    def widths(epoch):
        boxes = np.concatenate([batches(4 * epoch + step)[0]["boxes"][:, 0] for step in range(4)])
        return np.round(boxes[:, 2] - boxes[:, 0]).astype(int).tolist()

    first, second = widths(0), widths(1)
    for seen in (first, second):
        assert len(set(seen)) == 8 and {50, 51, 52, 53} <= set(seen)
    assert first != second and widths(0) == first


def test_one_seed_one_batch(labels):
    crops = prn.Crops(labels)
    recipe = recipes.PRNRecipe(batch_size=4)
    a, b = prn.Batches(crops, recipe, FLIP), prn.Batches(crops, recipe, FLIP)
    b(7), b(1)
    for name, values in a(3)[0].items():
        np.testing.assert_array_equal(values, b(3)[0][name])


def softplus(x):
    return np.log1p(np.exp(-abs(x))) + max(x, 0)


def test_loss_against_a_loop():
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3, size=(4, 3, 5)).astype("float32")
    present = rng.integers(0, 2, (4, 3, 5)).astype("float32")
    present[0] = 0
    own = np.zeros((4, 3, 5), "float32")
    own[..., 0] = 1
    choice, owners, member = 0.0, 0, 0.0
    for n in range(4):
        for k in range(3):
            there = np.flatnonzero(present[n, k])
            if 0 in there:
                chances = np.exp(logits[n, k, there].astype(float))
                choice -= np.log(chances[0] / chances.sum())
                owners += 1
            member += sum(softplus(float(-logits[n, k, p] if p == 0 else logits[n, k, p]))
                          for p in there)  # fmt: skip
    expected = choice / owners + 0.25 * member / present.sum()
    stage = PRNStage(Max(), membership=0.25)
    loss = stage.compute_loss(
        y=ops.convert_to_tensor(own),
        y_pred={"logits": ops.convert_to_tensor(logits), "present": ops.convert_to_tensor(present)},
    )
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("scale", [0.0, 1.0, 1e4])
def test_loss_without_candidates_is_nothing(scale):
    zeros = ops.zeros((2, 3, 4))
    loss = PRNStage(Max()).compute_loss(
        y=ops.ones((2, 3, 4)), y_pred={"logits": zeros + scale, "present": zeros}
    )
    assert float(ops.convert_to_numpy(loss)) == 0


def test_only_candidates_in_reach_of_the_box_are_present():
    inputs = {
        "boxes": np.array([[[0, 0, 100, 100]]], "float32"),
        "points": np.array([[[(50, 50), (120, 50), (122, 50), (20, 20)]]], "float32"),
        "scores": np.array([[[1.0, 1.0, 1.0, 0.0]]], "float32"),
    }
    outputs = PRNStage(Max())(inputs)
    assert MARGIN == 0.21
    np.testing.assert_array_equal(ops.convert_to_numpy(outputs["present"])[0, 0], [1, 1, 0, 0])


def test_learns_where_joints_belong(tmp_path, monkeypatch):
    """The own joint is in the upper left of the box, the rival in the lower right."""
    monkeypatch.setattr(loop, "use_bfloat16_on_cpu", lambda: None)
    joints = np.array([(30, 30, 2), (30, 40, 2), (20, 30, 1)])
    persons = [
        person(1, 1, (0, 0, 100, 100), joints),
        person(2, 1, (45, 45, 145, 145), joints + (45, 45, 0)),
    ]
    crops = prn.Crops(annotations(tmp_path / "a.json", persons))
    keras.utils.set_random_seed(0)
    net = PoseResidualNetwork(3, nodes=8, dropout=0.0, stride=2)
    recipe = recipes.PRNRecipe(epochs=60, batch_size=2, warmup=1, learning_rate=1e-2, ema=0.5)
    prn.train(net, crops, recipe, np.arange(3), tmp_path)
    records = [json.loads(line) for line in (tmp_path / "prn_stage.jsonl").open()]
    assert records[-1]["step"] == 60
    mine, other = joints[:, :2], joints[:, :2] + 45
    points = np.stack([other, mine], axis=1)[None].astype("float32")
    scores = np.ones((1, 3, 2), "float32")
    keypoints, scores = grouping.group(net, crops.boxes[None], points, scores)
    np.testing.assert_allclose(ops.convert_to_numpy(keypoints)[0], [mine, other], atol=1e-4)
    np.testing.assert_allclose(ops.convert_to_numpy(scores), 1)


def test_ceiling_of_the_margin_on_coco(data_dir):
    """True boxes whose only candidates are the person's own joints: AP 0.967."""
    labels = CocoAnnotations.load(data_dir / "coco_labels" / "person_keypoints_val2017.json")
    persons = labels.persons
    boxes = np.hstack([persons.xywh[:, :2], persons.xywh[:, :2] + persons.xywh[:, 2:]])
    results = []
    for start in range(0, len(persons), 256):
        part = slice(start, start + 256)
        keypoints, scores = grouping.group(
            Max(),
            boxes[part, None].astype("float32"),
            persons.keypoints[part, :, None, :2].astype("float32"),
            (persons.keypoints[part, :, None, 2] > 0).astype("float32"),
        )
        poses = np.concatenate([keypoints, scores[..., None]], axis=-1).reshape(-1, 51)
        results += [
            {"image_id": image, "keypoints": pose.tolist(), "score": 1.0}
            for image, pose in zip(labels.image_ids[persons.image[part]], poses, strict=True)
        ]
    assert evaluate_keypoints(labels, results)["keypoints/AP"] == pytest.approx(0.967, abs=0.01)
