"""The PRN stage: persons, batches, curriculum and loss against loops; that a small one learns."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from prn_labels import FLIP, person, write
from prn_recipes import present, recipe, unchanged

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.networks import grouping
from multiposenet.networks.pose_residual_network import PoseResidualNetwork
from multiposenet.training.datasets.sample import Sample
from multiposenet.training.grouping.labelled_persons import LabelledPersons
from multiposenet.training.loop.engine import Engine
from multiposenet.training.stages import prn
from multiposenet.training.stages.prn import PRNStage, sparse_logits


def test_people_against_a_loop(labels):
    people, row = LabelledPersons(labels, reach=0.42), 0
    for photo, record in enumerate(labels.images):
        for index in range(len(record)):
            x1, y1, x2, y2 = record.boxes[index]
            np.testing.assert_array_equal(people.boxes[row], record.boxes[index])
            visible = record.keypoints[index, :, 2] > 0
            assert people.photo[row] == photo and people.count[row] == visible.sum()
            assert people.taught[row] == (visible.sum() > 2)
            mine = people.owner == row
            np.testing.assert_array_equal(people.keypoint[mine], np.flatnonzero(visible))
            np.testing.assert_array_equal(people.points[mine], record.keypoints[index, visible, :2])
            crowded = False
            for other in range(len(record)):
                for x, y, v in record.keypoints[other]:
                    near = x1 - 0.42 * (x2 - x1) <= x <= x2 + 0.42 * (x2 - x1)
                    near &= y1 - 0.42 * (y2 - y1) <= y <= y2 + 0.42 * (y2 - y1)
                    crowded |= bool(v > 0 and near and other != index)
            assert people.crowded[row] == crowded
            row += 1
    assert row == len(people) == 17
    np.testing.assert_array_equal(people.box_start, [0, 12, 17])


def test_every_source_gives_the_same_people(labels):
    triples = [(r.boxes, r.keypoints, r.crowd) for r in labels.images]
    samples = [
        Sample(
            path=Path("none.png"),
            image_size=(400, 400),
            boxes=r.boxes,
            keypoints=r.keypoints,
            labelled=np.ones(r.keypoints.shape[:2], bool),
            areas=r.areas,
            crowd_boxes=np.zeros((0, 4), np.float32),
            complete=True,
            single=False,
        )
        for r in labels.images
    ]
    expected = vars(LabelledPersons(labels))
    for source in (triples, samples, iter(samples)):
        found = vars(LabelledPersons(source))
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_who_is_not_taught(tmp_path):
    keypoints = np.array([(50, 20, 2), (40, 80, 2), (60, 80, 1)])
    two = keypoints * np.array([(1, 1, 1), (1, 1, 1), (0, 0, 0)])
    persons = [
        person(1, 1, (30, 10, 70, 90), keypoints, iscrowd=1),
        person(2, 1, (30, 10, 70, 90), two),
        person(3, 1, (35, 10, 75, 90), keypoints),
    ]
    people = LabelledPersons(write(tmp_path / "a.json", persons))
    np.testing.assert_array_equal(people.taught, [False, False, True])
    # A crowd's keypoints are candidates, but nobody's.
    np.testing.assert_array_equal(people.owner, [-1, -1, -1, 1, 1, 2, 2, 2])
    assert LabelledPersons(write(tmp_path / "b.json", persons), more_than=1).taught.sum() == 2


@pytest.mark.parametrize("persons", [[], [person(1, 1, (0, 0, 9, 9), np.zeros((3, 3)))]])
def test_nobody_to_learn_from(tmp_path, persons):
    labels = write(tmp_path / "a.json", persons)
    with pytest.raises(AnnotationError, match="a.json: keypoints: no person has more than 2"):
        LabelledPersons(labels)


def test_entries_against_a_loop(labels):
    people = LabelledPersons(labels)
    x, y = unchanged(people, [1, 0])
    expected = set()
    for row, person_row in enumerate([*range(12, 17), *range(12)]):
        x1, y1, x2, y2 = people.boxes[person_row]
        for candidate, (px, py) in enumerate(people.points):
            same = people.photo[person_row] == (candidate >= people.point_start[1])
            inside = -0.21 <= (px - x1) / (x2 - x1) <= 1.21
            inside &= -0.21 <= (py - y1) / (y2 - y1) <= 1.21
            if same and inside:
                own = people.owner[candidate] == person_row
                expected.add((row, people.keypoint[candidate], candidate, bool(own)))
    some = present(x)
    found = list(zip(*(v[some].tolist() for v in (x["person"], x["keypoint"], x["row"], y["own"])),
                     strict=True))  # fmt: skip
    assert set(found) == expected and len(found) == len(expected)
    assert found == sorted(found, key=lambda entry: entry[:2]), "by person and keypoint"
    # Entries of one candidate in several boxes share its number.
    pairs = set(zip(x["row"][some].tolist(), x["candidate"][some].tolist(), strict=True))
    assert len(pairs) == len({row for row, _ in pairs}) == len({number for _, number in pairs})
    np.testing.assert_array_equal(
        y["taught"][some], people.taught[[*range(12, 17), *range(12)]][x["person"][some]]
    )
    np.testing.assert_allclose(x["weights"][some].sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [{"stride": 1}, {"stride": 2}, {"stride": 4, "residual": False, "hidden": 2}],
)
def test_sparse_equals_dense(labels, options):
    """Logits at the candidates, and the gradients of all weights."""
    people = LabelledPersons(labels)
    net = PoseResidualNetwork(3, nodes=6, dropout=0.0, **options)
    for weight in net.phi.weights:  # biases are 0 at first
        weight.assign_add(0.1 * np.random.default_rng(0).normal(size=weight.shape))
    x, _ = unchanged(people, [0])
    some = present(x)
    counts = np.bincount(people.keypoint[: people.point_start[1]], minlength=3)
    points = np.full((1, 3, counts.max(), 2), -1e4, "float32")
    scores = np.zeros(points.shape[:3], "float32")
    slot = np.zeros(len(people.points), int)
    for keypoint in range(3):
        rows = np.flatnonzero(people.keypoint[: people.point_start[1]] == keypoint)
        points[0, keypoint, : len(rows)], scores[0, keypoint, : len(rows)] = people.points[rows], 1
        slot[rows] = np.arange(len(rows))
    where = (0, x["person"][some], x["keypoint"][some], slot[x["row"][some]])

    def dense():
        logits, _, _ = grouping.assign(net, people.boxes[None, :12], points, scores)
        return logits

    np.testing.assert_allclose(
        ops.convert_to_numpy(sparse_logits(net, x))[some],
        ops.convert_to_numpy(dense())[where],
        rtol=1e-4,
        atol=1e-5,
    )
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    pull = np.random.default_rng(1).normal(size=len(some)).astype("float32") * some
    with tf.GradientTape(persistent=True) as tape:
        sparse = tf.reduce_sum(sparse_logits(net, x) * pull)
        picked = tf.gather_nd(dense(), np.stack(np.broadcast_arrays(*where), axis=-1))
        whole = tf.reduce_sum(picked * pull[some])
    for weight in net.phi.trainable_weights:
        ours, theirs = tape.gradient(sparse, weight.value), tape.gradient(whole, weight.value)
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours), tf.convert_to_tensor(theirs), rtol=1e-3, atol=1e-4
        )


@pytest.mark.parametrize("options", [{"stride": 2}, {"stride": 4, "residual": False, "hidden": 2}])
def test_spread_weights_make_the_same_network(options):
    coarse = PoseResidualNetwork(3, nodes=6, **options)
    for weight in coarse.phi.trainable_weights:
        weight.assign_add(0.1 * np.random.default_rng(0).normal(size=weight.shape))
    fine = PoseResidualNetwork(3, nodes=6, **options | {"stride": 1})
    prn.spread(coarse, fine)
    crops = np.random.default_rng(1).uniform(size=(2, 56, 36, 3)).astype("float32")
    same = [ops.convert_to_numpy(net.logits(crops)) for net in (coarse, fine)]
    np.testing.assert_allclose(*same, rtol=1e-3, atol=1e-4)


def test_sparse_dropout_is_that_of_the_layers(labels):
    net = PoseResidualNetwork(3, nodes=64, dropout=0.5)
    x, _ = unchanged(LabelledPersons(labels), [0])
    still = ops.convert_to_numpy(sparse_logits(net, x, training=False))
    drawn = ops.convert_to_numpy(sparse_logits(net, x, training=True))
    assert np.abs(drawn - still)[present(x)].max() > 0


def test_loss_against_a_loop(labels):
    people, rng = LabelledPersons(labels, more_than=1), np.random.default_rng(0)
    x, y = unchanged(people, [0, 1])
    logits = rng.normal(scale=3, size=len(x["person"]))
    rows = np.flatnonzero(present(x))
    losses = {"choice": [], "rivalry": [], "membership": []}
    for i in rows:
        own = y["own"][i] * y["taught"][i]
        rivals = {
            "choice": (x["person"][rows] == x["person"][i])
            & (x["keypoint"][rows] == x["keypoint"][i]),
            "rivalry": x["row"][rows] == x["row"][i],
        }
        for name, same in rivals.items():
            if own:
                chances = np.exp(logits[rows[same]])
                losses[name].append(-np.log(np.exp(logits[i]) / chances.sum()))
        if y["taught"][i]:
            losses["membership"].append(np.log1p(np.exp(-logits[i] if own else logits[i])))
    weights = {"choice": 1.0, "rivalry": 0.7, "membership": 0.25}
    expected = sum(weight * np.mean(losses[name]) for name, weight in weights.items())
    stage = PRNStage(PoseResidualNetwork(3, nodes=2), recipe(**weights))
    loss = stage.compute_loss(
        x={name: ops.convert_to_tensor(values) for name, values in x.items()},
        y={name: ops.convert_to_tensor(values) for name, values in y.items()},
        y_pred={"logits": ops.convert_to_tensor(logits.astype("float32"))},
    )
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-4)
    for name, metric in stage.parts.items():
        assert float(metric.result()) == pytest.approx(np.mean(losses[name]), rel=1e-4)


@pytest.mark.parametrize("logit", [0.0, 1e4, -1e4])
def test_loss_without_candidates_is_nothing(labels, logit):
    x, y = unchanged(LabelledPersons(labels), [0])
    x["scores"] = 0 * x["scores"]
    stage = PRNStage(PoseResidualNetwork(3, nodes=2), recipe())
    logits = ops.zeros(x["scores"].shape) + logit
    tensors = ({n: ops.convert_to_tensor(v) for n, v in part.items()} for part in (x, y))
    loss = stage.compute_loss(*tensors, y_pred={"logits": logits})
    assert float(ops.convert_to_numpy(loss)) == 0


def test_learns_where_keypoints_belong(tmp_path):
    """The own keypoint is in the upper left of the box, the rival in the lower right."""
    keypoints = np.array([(30, 30, 2), (30, 40, 2), (20, 30, 1)])
    persons = [
        person(1, 1, (0, 0, 100, 100), keypoints),
        person(2, 1, (45, 45, 145, 145), keypoints + (45, 45, 0)),
    ]
    labels = write(tmp_path / "a.json", persons)
    net = PoseResidualNetwork(3, nodes=8, dropout=0.0, stride=2)
    changes = {"epochs": 60, "batch_size": 2, "learning_rate": 1e-2, "ema": 0.5}
    prn.train(net, labels, recipe(**changes, precision="float32"), np.arange(3), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "prn_stage.jsonl").open()]
    assert lines[-1]["step"] == 60 and lines[-1]["rivalry"] < 0.7
    mine, other = keypoints[:, :2], keypoints[:, :2] + 45
    found = net.group(labels.images[0].boxes, np.stack([other, mine], axis=1))
    np.testing.assert_allclose(found.keypoints, [mine, other], atol=1e-4)


def test_a_batch_is_not_cut(labels, tmp_path):
    net = PoseResidualNetwork(3, nodes=2)
    with pytest.raises(InputError, match="prn: a batch .* cannot be cut"):
        prn.train(net, labels, recipe(accumulate=2), FLIP, tmp_path)
    engine = Engine()
    engine.devices = 2
    with pytest.raises(InputError, match="one device"):
        prn.train(net, labels, recipe(), FLIP, tmp_path, engine=engine)


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"uncontested_share": 1.5}, {"missing": 1.0}, {"min_score": 0.0},
     {"rivalry": -1.0}, {"curriculum": 2.0}, {"box_jitter": 0.5}],
)  # fmt: skip
def test_recipe_out_of_range(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        recipe(**change)


def test_ceiling_of_the_margin_on_coco(data_dir):
    """True boxes whose only candidates are the person's own keypoints: AP 0.966."""
    from multiposenet.training.grouping import assignment

    labels = CocoAnnotations.load(data_dir / "coco_labels" / "person_keypoints_val2017.json")
    ceiling = assignment.evaluate(None, labels, rule="each")
    assert ceiling["keypoints/AP"] == pytest.approx(0.966, abs=0.003)
