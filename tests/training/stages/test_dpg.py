"""The deep generator: its pictures, random boxes, the scheme of hard negatives, and that it
learns."""

import json

import numpy as np
import pytest
from keras import ops

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError, TrainingError, WeightsError
from multiposenet.networks.proposal_network import ProposalNetwork
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training import pipeline
from multiposenet.training.proposals import DPG, dpg, offsets, rendering
from multiposenet.training.proposals.offsets import Pairs
from multiposenet.training.recipes.proposals import DPGRecipe
from multiposenet.training.stages import dpg as dpg_stage

ARM = Skeleton("arm", ("neck", "left_hand", "right_hand"), ((0, 1),), (0.1, 0.1, 0.1))
RECIPE = DPGRecipe(size=16, features=8, patches=6, parts=3, steps=4, batch_size=8, warmup=1)


def persons(count, seed=0):
    """Boxes (count, 4) and poses (count, 3, 3) with the hands to the left or to the right."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 100, (count, 2))
    size = rng.uniform(20, 60, (count, 2))
    hands = np.where(rng.random((count, 1, 1)) < 0.5, 0.2, 0.8)
    hands = hands + rng.normal(0, 0.02, (count, 2, 2))
    places = np.concatenate([np.full((count, 1, 2), 0.5), hands], axis=1)
    keypoints = corner[:, None] + places * size[:, None]
    keypoints = np.concatenate([keypoints, np.full((count, 3, 1), 2.0)], axis=-1)
    return np.hstack([corner, corner + size]), keypoints


def pairs_of(count, drawn, seed=0):
    boxes, keypoints = persons(count, seed)
    rows = np.arange(count)
    return Pairs(rows, rows, boxes, keypoints, offsets.moved(boxes, drawn), 0.5)


def small_network():
    return ProposalNetwork(16, channels=(8, 8), features=8)


# Pictures


def test_box_pictures_against_a_fine_grid():
    rng = np.random.default_rng(0)
    drawn = rng.uniform(-0.3, 0.3, (5, 4))
    drawn[4] = (-0.7, -0.7, 0.9, 0.9)  # all of the picture
    pictures = rendering.box_images(drawn, 8)
    assert pictures.shape == (5, 8, 8, 1) and pictures.dtype == np.float32
    fine = 64  # points per pixel and axis
    place = (np.arange(8 * fine) + 0.5) / (8 * fine) * 2 - 0.5  # in the frame of the true box
    for picture, (left, top, right, bottom) in zip(pictures, drawn, strict=True):
        across = (place > left) & (place < 1 + right)
        down = (place > top) & (place < 1 + bottom)
        inside = (down[:, None] & across).reshape(8, fine, 8, fine).mean(axis=(1, 3))
        np.testing.assert_allclose(picture[..., 0], 1 - inside, atol=0.05)
    assert (pictures[4] == 0).all()


def test_pose_pictures():
    boxes = np.array([[10.0, 20, 50, 100]] * 3)
    keypoints = np.zeros((3, 3, 3))
    # On a picture of 32 pixels the true box spans 8...24; places are centres of pixels.
    places = np.array([[12.5, 8.5], [12.5, 22.5], [19.5, 16.5]])
    keypoints[:, :, :2] = boxes[:, None, :2] + (places / 32 * 2 - 0.5) * (40, 80)
    keypoints[0, :, 2] = 2
    keypoints[1, 0, 2] = 1  # nothing to draw a limb to
    pictures = rendering.pose_images(keypoints, boxes, ARM, 32)
    assert pictures.shape == (3, 32, 32, 3) and pictures.dtype == np.uint8
    colours = rendering.keypoint_colours(3)
    assert len(np.unique(colours, axis=0)) == 3
    for keypoint, (x, y) in enumerate(places.astype(int)):
        np.testing.assert_allclose(pictures[0, y, x], colours[keypoint], atol=1)
    limb = colours[:2].mean(axis=0) / 2
    np.testing.assert_allclose(pictures[0, 16, 12], limb, atol=8)  # a thin line is smoothed
    drawn = pictures.any(axis=-1)
    assert not drawn[0, 16, 14] and drawn[1].sum() <= 16 and not drawn[2].any()
    far = keypoints + (1e7, -1e7, 0)
    assert not rendering.pose_images(far, boxes, ARM, 32)[1].any()
    tiny = rendering.pose_images(keypoints, boxes * 0, ARM, 32)
    assert tiny.shape == pictures.shape


def test_pictures_move_with_the_person():
    boxes, keypoints = persons(4)
    pictures = rendering.pose_images(keypoints, boxes, ARM, 16)
    moved = keypoints * (3, 2, 1) + (7, -9, 0)
    again = rendering.pose_images(moved, boxes * (3, 2, 3, 2) + (7, -9, 7, -9), ARM, 16)
    np.testing.assert_array_equal(pictures, again)


# Random boxes


@pytest.mark.parametrize("iou", (0.5, 0.8))
def test_random_boxes(iou):
    drawn = dpg.random_offsets(np.random.default_rng(0), 2000, iou)
    assert drawn.shape == (2000, 4)
    assert offsets.unit_iou(drawn).min() >= iou and np.abs(drawn).max() <= dpg.REACH
    # Uniform: as many as among boxes from a wider range that overlap enough.
    wide = np.random.default_rng(1).uniform(-0.5, 0.5, (200_000, 4))
    wide = wide[offsets.unit_iou(wide) >= iou]
    quantiles = (0.05, 0.25, 0.5, 0.75, 0.95)
    expected = np.quantile(wide, quantiles, axis=0)
    np.testing.assert_allclose(np.quantile(drawn, quantiles, axis=0), expected, atol=0.04)


def test_accepted_boxes_are_drawn_evenly_then_the_likeliest(monkeypatch):
    shown = []

    def probabilities(self, keypoints, boxes, drawn):
        chance = np.tile(np.linspace(0, 0.4, len(drawn)), (len(boxes), 1))
        chance[0, :100] = 0.5 + np.linspace(0, 0.1, 100)  # enough for the first person alone
        chance[1, 7] = 0.9
        shown.append((drawn, chance))
        return chance

    monkeypatch.setattr(DPG, "probabilities", probabilities)
    boxes, keypoints = persons(2)
    drawn = DPG(None, ARM, 0.5).draw(keypoints, boxes, np.random.default_rng(0), 30)
    candidates, chance = shown[0]
    rows = [[np.flatnonzero((candidates == x).all(axis=1))[0] for x in own] for own in drawn]
    assert max(rows[0]) < 100 and len(set(rows[0])) == 30 and 30 < np.mean(rows[0]) < 70
    assert rows[1] == np.argsort(-chance[1], kind="stable")[:30].tolist()
    many = DPG(None, ARM, 0.5).draw(*(x.repeat(9, 0) for x in (keypoints, boxes)),
                                    np.random.default_rng(0), 2)  # fmt: skip
    assert many.shape == (18, 2, 4)
    assert len(shown) == 3 and not np.array_equal(shown[1][0], shown[2][0])


# Training


def examples_of(count=5, recipe=RECIPE):
    drawn = np.random.default_rng(1).normal(0, 0.02, (count, 4))
    return dpg_stage.Examples(pairs_of(count, drawn), ARM, recipe, recipe.size)


def test_every_random_box_is_in_one_part():
    examples = examples_of(5, DPGRecipe(size=16))
    assert examples.positives == 5 and len(examples.offsets) == 5 + 150
    assert [len(part) for part in examples.parts] == [7] * 6 + [6] * 18
    rows = np.concatenate(examples.parts)
    np.testing.assert_array_equal(np.sort(rows), np.arange(5, 155))
    assert np.bincount(examples.person[5:]).tolist() == [30] * 5
    assert offsets.unit_iou(examples.offsets[5:]).min() >= 0.5


def test_a_person_with_two_detections_is_drawn_once():
    pairs = pairs_of(3, np.zeros((3, 4)))
    twice = pairs.select([0, 1, 1, 2])
    examples = dpg_stage.Examples(twice, ARM, RECIPE, 16)
    assert examples.images.shape == (3, 2, 16, 16, 3)
    assert examples.person[:4].tolist() == [0, 1, 1, 2] and examples.positives == 4


def test_mirrored_pictures():
    examples = examples_of()
    boxes, keypoints = persons(5)
    keypoints[..., 0] *= -1
    boxes = np.stack([-boxes[:, 2], boxes[:, 1], -boxes[:, 0], boxes[:, 3]], axis=1)
    mirrored = rendering.pose_images(keypoints[:, ARM.flip_indices], boxes, ARM, 16)
    difference = np.abs(examples.images[:, 1].astype(int) - mirrored)
    assert difference.max() <= 1
    turned = rendering.box_images(offsets.mirrored(examples.offsets), 16)
    np.testing.assert_allclose(
        turned, rendering.box_images(examples.offsets, 16)[:, :, ::-1], atol=1e-6
    )


def test_batches_are_half_positive_and_of_their_rows():
    examples = examples_of()
    rows = examples.parts[1][:2]
    batches = dpg_stage.ProposalBatches(examples, rows, RECIPE, 2)
    allowed = {}
    for row in [*range(5), *rows]:
        for flip in (0, 1):
            drawn = examples.offsets[row : row + 1]
            box = rendering.box_images(offsets.mirrored(drawn) if flip else drawn, 16)
            pose = examples.images[examples.person[row], flip] / np.float32(255)
            allowed[box.tobytes()] = (pose, row < 5)
    for step in range(5):
        x, y = batches(step)
        assert y["positive"].tolist() == [1] * 4 + [0] * 4
        for pose, box, positive in zip(x["pose"], x["box"], y["positive"], strict=True):
            expected, own = allowed[box.tobytes()]
            np.testing.assert_array_equal(pose, expected)
            assert own == positive
    np.testing.assert_array_equal(batches(3)[0]["pose"], batches(3)[0]["pose"])
    other = dpg_stage.ProposalBatches(examples, rows, RECIPE, 3)
    assert not np.array_equal(batches(3)[0]["box"], other(3)[0]["box"])


def test_loss_is_cross_entropy():
    stage = dpg_stage.DPGStage(small_network())
    energy, positive = np.array([0.1, 0.0, 3.0, 40.0, 0.5]), np.array([1, 1, 1, 0, 0])
    chance = np.exp(-energy)
    expected = np.where(positive, -np.log(chance), -np.log1p(-np.where(positive, 0, chance)))
    y = {"positive": positive.astype("float32")}
    energy = ops.convert_to_tensor(energy.astype("float32"))
    loss = stage.compute_loss(y=y, y_pred={"energy": energy})
    assert float(loss) == pytest.approx(expected.mean(), rel=1e-4)
    assert float(stage.own.result()) == pytest.approx(chance[:3].mean(), rel=1e-4)
    assert float(stage.other.result()) == pytest.approx(chance[3:].mean(), rel=1e-4)
    certain = {"energy": ops.zeros(5)}
    assert 0 < float(stage.compute_loss(y=y, y_pred=certain)) < 20


def test_hardest_against_a_loop():
    network, examples = small_network(), examples_of()
    rows = examples.parts[0]
    scores = {}
    for row in rows:
        x = {
            "pose": examples.images[examples.person[row], :1] / np.float32(255),
            "box": rendering.box_images(examples.offsets[row : row + 1], 16),
        }
        scores[row] = float(ops.convert_to_numpy(network(x))[0])
    found = dpg_stage.hardest(network, examples, rows, 3)
    assert found.tolist() == sorted(scores, key=scores.get, reverse=True)[:3]


def test_all_parts_and_the_hardest_of_those_before(tmp_path, monkeypatch):
    examples, seen = examples_of(), []

    def fit(stage, batches, recipe, **options):
        seen.append((batches.rows, batches.number, options["run"].name, options["steps"]))

    monkeypatch.setattr(dpg_stage.fitting, "fit", fit)
    network = small_network()
    dpg_stage.train(network, examples, RECIPE, tmp_path)
    assert [s[1:] for s in seen] == [(n, f"part-0{n}", 4) for n in (1, 2, 3)]
    hard = np.zeros(0, int)
    for (rows, *_), part in zip(seen, examples.parts, strict=True):
        np.testing.assert_array_equal(rows, np.concatenate([hard, part]))
        hard = dpg_stage.hardest(network, examples, rows, examples.positives)
        assert len(hard) == 5


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Annotations and detections of 40 persons; detections are 20 % too far to the right."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    images, annotations, found = [], [], []
    for number in range(1, 41):
        images.append({"id": number, "file_name": "a.jpg", "width": 200, "height": 200})
        keypoints = np.column_stack([rng.uniform(50, 90, 17), np.linspace(20, 180, 17)])
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [50, 20, 40, 160],
                "keypoints": np.column_stack([keypoints, np.full(17, 2)]).ravel().tolist(),
            }
        )
        box = [50 + 8 + rng.normal(0, 0.4), 20, 40, 160]
        found.append({"image_id": number, "bbox": box, "score": 0.9})
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    paths = folder / "labels.json", folder / "poses.json"
    for path, data in zip(paths, (content, found), strict=True):
        path.write_text(json.dumps(data))
    return paths


CHANGES = {"size": 16, "features": 8, "parts": 2, "steps": 40, "batch_size": 32,
           "learning_rate": 5e-3, "patches": 20, "warmup": 5}  # fmt: skip


def train(files, run, changes, **options):
    labels, detections = files
    recipe = DPGRecipe(**changes)
    annotations = CocoAnnotations.load(labels)
    return pipeline.train("dpg", annotations, run, recipe, detections=detections, **options)


@pytest.mark.slow
def test_it_learns_where_the_detector_draws(files, tmp_path):
    (file,) = train(files, tmp_path, CHANGES)
    generator = DPG.load(file)
    boxes, keypoints = np.array([[0, 0, 10, 40.0]] * 2), np.zeros((2, 17, 3))
    keypoints[0] = np.column_stack([np.full(17, 5), np.linspace(0, 40, 17), np.full(17, 2)])
    drawn = generator.draw(keypoints, boxes, np.random.default_rng(0), 20)
    assert drawn.shape == (2, 20, 4) and offsets.unit_iou(drawn).min() >= 0.5
    everywhere = dpg.random_offsets(np.random.default_rng(0), 500, 0.5)
    # Half of the training was mirrored: detections are 20 % to one side, left or right.
    aside = np.abs(drawn[0, :, [0, 2]].mean(axis=0))
    assert np.abs(drawn[0, :, 1]).mean() < np.abs(everywhere[:, 1]).mean()
    assert np.abs(aside - 0.2).mean() < np.abs(np.abs(everywhere[:, [0, 2]].mean(1)) - 0.2).mean()
    chance = generator.probabilities(
        keypoints[:1], boxes[:1], [[0.2, 0, 0.2, 0], [0, 0.3, 0, -0.2]]
    )
    assert chance[0, 0] > 0.5 > chance[0, 1]
    fitting = generator.sample(keypoints, boxes, np.random.default_rng(1), 5, image_size=(40, 10))
    assert fitting.shape == (2, 5, 4) and (fitting >= 0).all() and fitting.max() <= 40
    none = generator.sample(np.zeros((0, 17, 3)), np.zeros((0, 4)), np.random.default_rng(1), 5)
    assert none.shape == (0, 5, 4)


@pytest.mark.slow
def test_a_stopped_training_goes_on(files, tmp_path, monkeypatch):
    changes = CHANGES | {"steps": 3}
    whole = train(files, tmp_path / "whole", changes)
    with pytest.raises(InputError, match="the dpg stage of this run is finished"):
        train(files, tmp_path / "whole", changes)

    def stop(self, step, make=dpg_stage.ProposalBatches.__call__):
        if self.number == 2 and step == 1:
            raise TrainingError("stopped")
        return make(self, step)

    with monkeypatch.context() as patch:
        patch.setattr(dpg_stage.ProposalBatches, "__call__", stop)
        with pytest.raises(TrainingError):
            train(files, tmp_path / "cut", changes)
    resumed = train(files, tmp_path / "cut", changes, resume=True)
    first, again = (DPG.load(path[0]).network.get_weights() for path in (whole, resumed))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_little_to_learn_from(files, tmp_path):
    with pytest.raises(AnnotationError, match="40 random boxes around 40 persons, for 100 parts"):
        train(files, tmp_path, CHANGES | {"patches": 1, "parts": 100})
    nothing = tmp_path / "nothing.json"
    nothing.write_text("[]")
    with pytest.raises(AnnotationError, match="nothing.json: bbox: no detection overlaps"):
        train((files[0], nothing), tmp_path, CHANGES)


def test_files_that_are_no_generators(tmp_path):
    path = tmp_path / "dpg.weights.h5"
    with pytest.raises(WeightsError, match="missing; train it by `multiposenet train dpg`"):
        DPG.load(path)
    DPG(small_network(), ARM, 0.5).save(path)
    loaded = DPG.load(path)
    assert loaded.skeleton == ARM and loaded.names == ARM.keypoints and loaded.iou == 0.5
    path.write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="no DPG or damaged"):
        DPG.load(path)


def test_recipe():
    recipe = DPGRecipe()
    assert (recipe.patches, recipe.parts, recipe.iou) == (30, 24, 0.5)  # section 4.1.1
    with pytest.raises(ValueError, match="parts: 0 is out of range"):
        DPGRecipe(parts=0)
