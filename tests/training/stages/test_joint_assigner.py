"""The joint assigner's photos, tokens and loss against loops, and that it learns."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.errors import AnnotationError
from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.networks.roi_crop import MARGIN
from multiposenet.training.recipes.joint_assigner import JointAssignerRecipe, NanoJointAssigner
from multiposenet.training.stages import joint_assigner

NUM_KEYPOINTS = 3
FLIP = np.array([0, 2, 1])


def people(rng, count, spread=60.0):
    """Boxes (count, 4) and keypoints (count, 3, 3): a nose on top, two hips below."""
    corner = rng.uniform(0, spread, (count, 2))
    size = rng.uniform(30, 50, (count, 2)) * (1, 2)
    places = np.array([[0.5, 0.1], [0.3, 0.9], [0.7, 0.9]]) + rng.normal(0, 0.05, (count, 3, 2))
    keypoints = corner[:, None] + places * size[:, None]
    visible = rng.choice([0, 1, 2], (count, 3, 1), p=[0.15, 0.25, 0.6])
    boxes = np.hstack([corner, corner + size]).astype("float32")
    return boxes, np.concatenate([keypoints, visible], axis=-1).astype("float32")


def data(seed, photos=30, spread=60.0):
    rng = np.random.default_rng(seed)
    triples = [people(rng, count, spread) for count in rng.integers(1, 5, photos)]
    return [(boxes, keypoints, np.zeros(len(boxes), bool)) for boxes, keypoints in triples]


def inside(box, place, margin):
    x, y = (place[:2] - box[:2]) / (box[2:] - box[:2])
    return -margin <= x <= 1 + margin and -margin <= y <= 1 + margin


def overlap(boxes, keypoints, reach):
    return any(
        inside(boxes[i], place, reach)
        for i in range(len(boxes))
        for j in range(len(boxes))
        for place in keypoints[j]
        if i != j and place[2] > 0
    )


def test_photos_against_a_loop():
    triples = data(0, spread=200.0)
    photos = joint_assigner.Photos(triples, reach=0.35)
    expected = [t for t in triples if overlap(*t[:2], 0.35)]
    assert 0 < len(expected) < len(triples)
    assert len(photos) == len(expected)
    for count, (boxes, keypoints, visible) in zip(
        sorted({len(t[0]) for t in expected}), photos.groups, strict=True
    ):
        same = [t for t in expected if len(t[0]) == count]
        np.testing.assert_array_equal(boxes, np.stack([t[0] for t in same]))
        np.testing.assert_array_equal(keypoints, np.stack([t[1][..., :2] for t in same]))
        np.testing.assert_array_equal(visible, np.stack([t[1][..., 2] > 0 for t in same]))


def test_crowds_are_no_persons():
    boxes, keypoints = people(np.random.default_rng(1), 2, spread=5.0)
    keypoints[..., 2] = 2
    assert len(joint_assigner.Photos([(boxes, keypoints, [False, False])])) == 1
    with pytest.raises(AnnotationError, match="give photos with people who overlap"):
        joint_assigner.Photos([(boxes, keypoints, [False, True])])


def test_tokens_against_a_loop():
    rng = np.random.default_rng(2)
    boxes, keypoints = map(np.stack, zip(*(people(rng, 3) for _ in range(4)), strict=True))
    extra = rng.uniform(0, 120, (4, 2, NUM_KEYPOINTS, 2))
    places = np.concatenate([keypoints[..., :2], extra], axis=1)
    scores = rng.uniform(0.1, 1, places.shape[:3]).astype("float32").astype(float)
    scores[:, :3] *= keypoints[..., 2] > 0
    seen = rng.random((4, 3)) < 0.8
    x, y = joint_assigner.tokens(boxes, places, scores, seen)
    found = {}
    rows = [(i, n) for i in range(4) for n in range(3) if seen[i, n]]
    assert len(rows) == len(x["valid"]) < 12
    for row, (i, n) in enumerate(rows):
        for t in np.flatnonzero(x["valid"][row]):
            place = boxes[i, n, :2] + x["relative"][row, t] * (boxes[i, n, 2:] - boxes[i, n, :2])
            key = (row, x["keypoint"][row, t], round(float(x["scores"][row, t]), 5))  # unique
            found[key] = (place, y["own"][row, t], x["candidate"][row, t])
            np.testing.assert_allclose(x["sizes"][row, t], boxes[i, n, 2:] - boxes[i, n, :2])
    ids = {}
    expected = 0
    for row, (i, n) in enumerate(rows):
        for p in range(5):
            for k in range(NUM_KEYPOINTS):
                if scores[i, p, k] > 0 and inside(boxes[i, n], places[i, p, k], MARGIN):
                    expected += 1
                    place, own, candidate = found[(row, k, round(scores[i, p, k], 5))]
                    np.testing.assert_allclose(place, places[i, p, k], rtol=1e-4, atol=1e-4)
                    assert own == (p == n)
                    assert ids.setdefault(candidate, (i, p, k)) == (i, p, k)
    assert expected == len(found) == x["valid"].sum()
    for row, (i, n) in enumerate(rows):
        for k in range(NUM_KEYPOINTS):
            place = places[i, n, k]
            known = scores[i, n, k] > 0 and inside(boxes[i, n], place, MARGIN)
            assert y["places"][row, k, 2] == known
            relative = (place - boxes[i, n, :2]) / (boxes[i, n, 2:] - boxes[i, n, :2])
            np.testing.assert_allclose(y["places"][row, k, :2], relative, rtol=1e-4, atol=1e-5)


def test_the_surest_tokens_stay():
    rng = np.random.default_rng(3)
    boxes, keypoints = people(rng, 4, spread=2.0)
    boxes += (-20, -20, 20, 20)
    scores = rng.uniform(0.1, 1, (1, 4, NUM_KEYPOINTS))
    x, _ = joint_assigner.tokens(boxes[None], keypoints[None, ..., :2], scores, limit=5)
    np.testing.assert_allclose(x["scores"], [np.sort(scores.ravel())[:-6:-1]] * 4, rtol=1e-6)


def test_training_and_inference_see_the_same():
    """The stage's logits of tokens are those that ``assign`` gives."""
    rng = np.random.default_rng(4)
    boxes, keypoints = map(np.stack, zip(*(people(rng, 3) for _ in range(2)), strict=True))
    scores = (keypoints[..., 2] > 0).astype(float)
    net = JointAssigner(NUM_KEYPOINTS, width=8, rounds=2, heads=2)
    x, y = joint_assigner.tokens(boxes, keypoints[..., :2], scores)
    out = joint_assigner.JointAssignerStage(net)(x)
    ours = ops.convert_to_numpy(out["logits"])[-1]
    points = keypoints[..., :2].transpose(0, 2, 1, 3)
    logits, candidate_scores, expected = net.assign(boxes, points, scores.transpose(0, 2, 1))
    logits, candidate_scores = ops.convert_to_numpy(logits), ops.convert_to_numpy(candidate_scores)
    own = np.einsum("inkn->ink", np.where(candidate_scores > 0, logits, 0))
    np.testing.assert_allclose(
        np.sort(ours[y["own"] > 0]), np.sort(own[own != 0]), rtol=1e-3, atol=1e-4
    )
    places = ops.convert_to_numpy(out["places"]).reshape(2, 3, NUM_KEYPOINTS, 2)
    size = boxes[:, :, None, 2:] - boxes[:, :, None, :2]
    np.testing.assert_allclose(
        boxes[:, :, None, :2] + places * size, ops.convert_to_numpy(expected), rtol=1e-3
    )


@pytest.mark.parametrize(
    "recipe", [JointAssignerRecipe(batch_size=8), NanoJointAssigner(batch_size=8)]
)
def test_batches(recipe):
    photos = joint_assigner.Photos(data(5))
    batches = joint_assigner.TokenBatches(photos, recipe, FLIP)
    again = joint_assigner.TokenBatches(photos, recipe, FLIP)
    total = 0
    for step in reversed(range(batches.steps_per_epoch)):
        x, y = batches(step)
        for first, second in zip(
            keras.tree.flatten((x, y)), keras.tree.flatten(again(step)), strict=True
        ):
            np.testing.assert_array_equal(first, second)
        assert np.all(y["own"] <= x["valid"])
        assert x["candidate"].max() < x["valid"].size
        # A person has each keypoint once, and nobody's keypoint is two persons'.
        for row in range(len(y["own"])):
            assert len(set(x["keypoint"][row][y["own"][row] > 0])) == y["own"][row].sum()
        taken = x["candidate"][y["own"] > 0]
        assert len(set(taken)) == len(taken)
        total += y["own"].sum()
    assert total > 50


def test_flipping_swaps_sides():
    boxes, keypoints = people(np.random.default_rng(6), 2, spread=5.0)
    keypoints[..., 2] = 2
    photos = joint_assigner.Photos([(boxes, keypoints, [False, False])])
    recipe = JointAssignerRecipe(
        box_jitter=0, point_jitter=0, missing=0, zoom=0, uncontested_share=1
    )
    batches = joint_assigner.TokenBatches(photos, recipe, FLIP)
    seen = set()
    for step in range(12):
        _, y = batches(step)
        left, right = y["places"][:, 1], y["places"][:, 2]
        assert np.all(left[:, 0] < right[:, 0])
        seen.add(round(float(np.abs(y["places"][:, 0, 0]).sum()), 3))
    assert len(seen) == 2


def test_loss_against_a_loop():
    rng = np.random.default_rng(7)
    boxes, keypoints = map(np.stack, zip(*(people(rng, 3) for _ in range(2)), strict=True))
    x, y = joint_assigner.tokens(boxes, keypoints[..., :2], (keypoints[..., 2] > 0).astype(float))
    logits = rng.normal(0, 2, (2, *x["valid"].shape)).astype("float32")
    places = y["places"][..., :2] + 0.25
    stage = joint_assigner.JointAssignerStage(
        SimpleNamespace(num_keypoints=NUM_KEYPOINTS), membership=0.7
    )
    prediction = {"logits": ops.convert_to_tensor(logits), "places": places, **x}
    loss = float(ops.convert_to_numpy(stage.compute_loss(y=y, y_pred=prediction)))
    tokens = [
        (row, x["keypoint"][row, t], x["candidate"][row, t], t)
        for row, t in np.argwhere(x["valid"])
    ]
    expected = 0.1 * 0.25 * 2
    for values, weight in zip(logits, (0.3, 1.0), strict=True):
        box, rival, member = [], [], []
        for row, k, candidate, t in tokens:
            own, z = y["own"][row, t], values[row, t]
            member.append(np.log1p(np.exp(-z if own else z)))
            if own:
                alike = [values[r, u] for r, j, _, u in tokens if (r, j) == (row, k)]
                others = [values[r, u] for r, _, c, u in tokens if c == candidate]
                box.append(np.log(np.exp(alike).sum()) - z)
                rival.append(np.log(np.exp(others).sum()) - z)
        expected += weight * (np.mean(box) + np.mean(rival) + 0.7 * np.mean(member))
    assert loss == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_it_learns_who_is_who(tmp_path):
    """Two persons who overlap: most keypoints are in both boxes."""

    def pairs(seed, count):
        rng = np.random.default_rng(seed)
        found = []
        for _ in range(count):
            boxes, keypoints = people(rng, 2, spread=25.0)
            keypoints[..., 2] = 2
            found.append((boxes, keypoints, [False, False]))
        return found

    keras.utils.set_random_seed(0)
    net = JointAssigner(NUM_KEYPOINTS, width=16, rounds=2, heads=2)
    photos = joint_assigner.Photos(pairs(8, 128))
    recipe = JointAssignerRecipe(
        epochs=16,
        batch_size=128,
        learning_rate=1e-2,
        warmup=5,
        ema=0.8,
        uncontested_share=1,
        box_jitter=0.02,
        missing=0,
        precision="float32",
    )
    joint_assigner.train(net, photos, recipe, FLIP, tmp_path)
    right = []
    for boxes, keypoints, _ in pairs(9, 30):
        found = net.group(boxes, keypoints[..., :2].transpose(1, 0, 2))
        right.append(found.index == np.arange(2)[:, None])
    assert np.mean(right) > 0.93


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 0), ("max_tokens", 0), ("missing", 2.0), ("absent", 1.0), ("box_jitter", 0.5)],
)
def test_recipes_are_checked(field, value):
    with pytest.raises(ValueError, match=field):
        JointAssignerRecipe(**{field: value})
