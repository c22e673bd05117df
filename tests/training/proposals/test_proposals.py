"""Pairs of detections and persons, and the pose-guided generator on known offsets."""

import json

import numpy as np
import pytest
from scipy.stats import ks_2samp

from multiposenet import plotting
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError, WeightsError
from multiposenet.skeleton import COCO_17
from multiposenet.training import pipeline
from multiposenet.training.figures import offset_comparison
from multiposenet.training.figures import proposals as figure_of
from multiposenet.training.proposals import PGPG, mixtures, offsets, pgpg
from multiposenet.training.proposals.offsets import Pairs
from multiposenet.training.recipes import PGPGRecipe, change

NAMES = COCO_17.keypoints
SHOULDERS, HIPS = (5, 6), (11, 12)


def standing(rng, count, turned=False):
    """Boxes (count, 4) of different sizes and poses (count, 17, 3) in them, upright or lying."""
    place = np.stack([np.where(np.arange(17) % 2, 0.35, 0.65), np.linspace(0.05, 0.95, 17)], 1)
    place = place[:, ::-1] if turned else place
    corner = rng.uniform(0, 300, (count, 2))
    size = rng.uniform(40, 200, (count, 1)) * ((2, 1) if turned else (1, 2))
    boxes = np.hstack([corner, corner + size])
    jitter = rng.normal(0, 0.01, (count, 17, 2))
    places = corner[:, None] + (place + jitter) * size[:, None]
    return boxes, np.concatenate([places, np.full((count, 17, 1), 2.0)], axis=-1)


def pairs_of(boxes, keypoints, drawn, iou=0.5):
    number = np.arange(len(boxes))
    return Pairs(number, number, boxes, keypoints, offsets.moved(boxes, drawn), iou)


def gaussian(rng, count, mean, spread=0.03):
    return rng.normal(mean, spread, (count, 4))


def loop_iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - width * height
    return width * height / both


# Offsets


def test_offsets_of_a_hand_worked_box():
    found = offsets.offsets([[10, 20, 30, 60]], [[5, 22, 34, 50]])
    np.testing.assert_allclose(found, [[-5 / 20, 2 / 40, 4 / 20, -10 / 40]])
    np.testing.assert_allclose(offsets.moved([[10, 20, 30, 60]], found), [[5, 22, 34, 50]])
    # In a mirrored photo 100 wide the true box is 70...90, the found one 66...95.
    np.testing.assert_allclose(
        offsets.mirrored(found), offsets.offsets([[70, 20, 90, 60]], [[66, 22, 95, 50]])
    )


def test_unit_iou_against_a_loop():
    rng = np.random.default_rng(0)
    boxes = np.hstack([rng.uniform(0, 9, (200, 2)), rng.uniform(10, 19, (200, 2))])
    drawn = rng.uniform(-1, 1, (200, 4))  # some are empty or the wrong way round
    moved = offsets.moved(boxes, drawn)
    expected = [loop_iou(a, b) for a, b in zip(boxes, moved, strict=True)]
    np.testing.assert_allclose(offsets.unit_iou(drawn), expected, atol=1e-12)
    assert offsets.unit_iou(np.zeros((2, 3, 4))).shape == (2, 3)


def test_boxes_stay_in_the_photo_with_a_pixel_at_least():
    boxes = np.array([[[-5, -5, 20, 300], [90, 10, 130, 20], [105, 210, 140, 240], [9, 9, 9, 4]]])
    cut = offsets.clipped(boxes.astype(float), (200, 100))
    expected = [[0, 0, 20, 200], [90, 10, 100, 20], [99, 199, 100, 200], [9, 9, 10, 10]]
    np.testing.assert_array_equal(cut[0], expected)
    np.testing.assert_array_equal(offsets.clipped(boxes[:, :1], None), boxes[:, :1])


# Pairs


def labels(tmp_path, persons, photos=2):
    """An annotation file; persons are (image, xywh, labelled keypoints, crowd)."""
    annotations = []
    for number, (image, box, count, crowd) in enumerate(persons, start=1):
        keypoints = np.zeros((17, 3))
        keypoints[:count] = (box[0] + 1, box[1] + 1, 2)
        annotations.append(
            {
                "id": number,
                "image_id": image,
                "category_id": 1,
                "bbox": box,
                "iscrowd": crowd,
                "keypoints": keypoints.ravel().tolist(),
            }
        )
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480}
        for i in range(photos, 0, -1)
    ]
    category = {"id": 1, "name": "person", "keypoints": list(NAMES)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    return path


def result(image, box, score=0.9):
    return {"image_id": image, "category_id": 1, "bbox": box, "score": score}


PERSONS = (
    (1, [0, 0, 100, 100], 3, 0),
    (1, [20, 0, 100, 100], 3, 0),
    (1, [300, 0, 50, 100], 3, 1),  # a crowd
    (2, [0, 0, 50, 100], 0, 0),  # without keypoints
    (2, [20, 0, 50, 100], 3, 0),
    (2, [200, 0, 50, 0], 3, 0),  # without area
)


def test_pairs_are_one_to_one(tmp_path):
    annotations = CocoAnnotations.load(labels(tmp_path, PERSONS))
    results = [
        result(1, [10, 0, 100, 100]),  # IoU 0.82 with both persons
        result(1, [2, 0, 100, 100]),  # 0.96 with the first
        result(1, [300, 0, 50, 100]),  # the crowd's
        result(2, [2, 0, 50, 100]),  # of the person without keypoints
        result(2, [200, 0, 50, 1]),
    ]
    pairs = offsets.collect(annotations, results)
    np.testing.assert_array_equal(pairs.person, [1, 0][::-1])
    np.testing.assert_array_equal(pairs.image, [1, 1])  # its row, not its id
    np.testing.assert_allclose(pairs.offsets, [[0.02, 0, 0.02, 0], [-0.1, 0, -0.1, 0]], atol=1e-12)
    every = offsets.collect(annotations, [*results, results[1]], exclusive=False)
    np.testing.assert_array_equal(every.person, [0, 0, 0])


def test_pairs_by_score_and_iou(tmp_path):
    annotations = CocoAnnotations.load(labels(tmp_path, PERSONS))
    sure, faint = result(1, [0, 0, 60, 100], 0.5), result(2, [20, 0, 50, 90], 0.1)
    assert len(offsets.collect(annotations, [sure, faint])) == 2
    assert offsets.collect(annotations, [sure, faint], min_score=0.2).person.tolist() == [0]
    assert offsets.collect(annotations, [sure, faint], iou=0.7).person.tolist() == [4]
    boxed = sure | {"box_score": 0.05}  # that of the box, not of the pose, decides
    assert offsets.collect(annotations, [boxed, faint], min_score=0.08).person.tolist() == [4]
    pair = offsets.collect(annotations, [sure, faint]).select([1])
    assert pair.person.tolist() == [4] and pair.iou == 0.5


@pytest.mark.parametrize(
    "results, problem",
    (
        ([], "bbox: no detection overlaps a person with keypoints by IoU 0.5; give detections of"),
        ([result(2, [0, 0, 50, 100])], "bbox: no detection overlaps a person with keypoints"),
        ([result(7, [0, 0, 9, 9])], "image_id: 7 is not annotated"),
        ([result(1, [0, 0, 9])], "bbox: 3 numbers instead of 4"),
        ([{"image_id": 1, "bbox": [0, 0, 9, 9]}], "score: missing"),
        ({}, "not a list of objects"),
    ),
)
def test_bad_detections_are_named(tmp_path, results, problem):
    annotations = CocoAnnotations.load(labels(tmp_path, PERSONS))
    with pytest.raises(AnnotationError, match=problem) as error:
        offsets.collect(annotations, results, path="found.json")
    assert str(error.value).startswith("found.json: ")
    with pytest.raises(ValueError, match="iou: 0 is out of range"):
        offsets.collect(annotations, [], iou=0)


def test_mirrored_pairs(tmp_path):
    """In a photo 100 wide, x becomes 100 - x; here the photo's place does not matter."""
    boxes, keypoints = standing(np.random.default_rng(0), 4)
    pairs = pairs_of(boxes, keypoints, gaussian(np.random.default_rng(1), 4, (0, 0.1, 0.2, 0.3)))
    turned = pairs.mirrored(COCO_17.flip_indices)
    left, right = NAMES.index("left_wrist"), NAMES.index("right_wrist")
    np.testing.assert_allclose(turned.keypoints[:, left] * (-1, 1, 1), keypoints[:, right])
    np.testing.assert_allclose(turned.offsets, offsets.mirrored(pairs.offsets))
    assert (turned.boxes[:, 2:] > turned.boxes[:, :2]).all()
    again = turned.mirrored(COCO_17.flip_indices)
    np.testing.assert_array_equal(again.found, pairs.found)
    both = pairs + turned
    assert len(both) == 8 and both.iou == 0.5
    np.testing.assert_array_equal(both.select(slice(4, 8)).keypoints, turned.keypoints)


# Alignment and atomic poses


def test_alignment_takes_away_place_and_size_alone():
    boxes, keypoints = standing(np.random.default_rng(0), 5)
    keypoints[:, 3, 2] = 0
    poses, upright = pgpg.align(keypoints, boxes, NAMES)
    assert upright.all() and np.isnan(poses[:, 3]).all() and not np.isnan(poses[:, 4:]).any()
    shoulders, hips = (poses[:, rows].mean(axis=1) for rows in (SHOULDERS, HIPS))
    np.testing.assert_allclose(np.linalg.norm(hips - shoulders, axis=1), 1)
    np.testing.assert_allclose(hips + shoulders, 0, atol=1e-12)
    elsewhere = keypoints * (3, 3, 1) + (50, -20, 0)
    again, _ = pgpg.align(elsewhere, boxes * 3 + np.tile((50, -20), 2), NAMES)
    np.testing.assert_allclose(again, poses, atol=1e-12)
    # Lying persons stay apart from standing ones.
    turned, _ = pgpg.align(keypoints[..., [1, 0, 2]], boxes[:, [1, 0, 3, 2]], NAMES)
    np.testing.assert_allclose(turned, poses[..., ::-1], atol=1e-12)


def test_a_torso_takes_a_shoulder_and_a_hip():
    boxes, keypoints = standing(np.random.default_rng(1), 6)
    keypoints[0, SHOULDERS, 2] = 0
    keypoints[1, HIPS, 2] = 0
    keypoints[2, (5, 12), 2] = 0  # one of each is left
    keypoints[3, HIPS, :2] = keypoints[3, SHOULDERS, :2] + 0.01  # seen from its end
    keypoints[4, :, 2] = 0
    poses, upright = pgpg.align(keypoints, boxes, NAMES)
    assert upright.tolist() == [False, False, True, False, False, True]
    assert np.isnan(poses[~upright]).all()
    assert np.linalg.norm(poses[2, 6] - poses[2, 11]) == pytest.approx(1)
    with pytest.raises(ValueError, match="skeleton: no left_shoulder"):
        pgpg.align(keypoints[:, :3], boxes, NAMES[:3])


def two_kinds(seed=0, count=150):
    """Pairs of standing and lying persons whose detections are off to different sides."""
    rng = np.random.default_rng(seed)
    parts = [standing(rng, count), standing(rng, count, turned=True)]
    boxes, keypoints = (np.concatenate(column) for column in zip(*parts, strict=True))
    means = ((-0.1, 0.05, 0.1, 0), (0.1, 0, -0.05, 0.12))
    drawn = np.concatenate([gaussian(rng, count, mean) for mean in means])
    return pairs_of(boxes, keypoints, drawn), np.repeat([0, 1], count)


def test_atoms_with_different_offsets_are_told_apart():
    pairs, kind = two_kinds()
    generator = pgpg.fit(pairs, NAMES, atoms=2, strength=5.0)
    groups = generator.lookup(pairs.keypoints, pairs.boxes)
    assert len(np.unique(groups[kind == 0])) == len(np.unique(groups[kind == 1])) == 1
    assert groups[0] != groups[-1]
    fresh, kind = two_kinds(seed=1)
    drawn = generator.draw(fresh.keypoints, fresh.boxes, np.random.default_rng(0), 5)
    for number in (0, 1):
        real, made = fresh.offsets[kind == number], drawn[kind == number].reshape(-1, 4)
        for side in range(4):
            assert ks_2samp(real[:, side], made[:, side]).statistic < 0.12
    alike = pgpg.fit(pairs, NAMES, atoms=0)
    drawn = alike.draw(fresh.keypoints, fresh.boxes, np.random.default_rng(0), 5)
    own = drawn[kind == 0].reshape(-1, 4)
    assert ks_2samp(fresh.offsets[kind == 0][:, 0], own[:, 0]).statistic > 0.4
    assert ks_2samp(fresh.offsets[:, 0], drawn[..., 0].ravel()).statistic < 0.12


def test_persons_without_torso_have_a_mixture_of_their_own():
    pairs, _ = two_kinds(count=60)
    rng = np.random.default_rng(5)
    boxes, keypoints = standing(rng, 60)
    keypoints[:, 5:, 2] = 0
    cut = pairs_of(boxes, keypoints, gaussian(rng, 60, (0, 0, 0, -0.3)))
    generator = pgpg.fit(pairs + cut, NAMES, atoms=2, strength=2.0)
    assert (generator.lookup(keypoints, boxes) == 2).all()
    drawn = generator.draw(keypoints, boxes, rng, 10)
    np.testing.assert_allclose(drawn.mean(axis=(0, 1)), (0, 0, 0, -0.3), atol=0.03)
    keypoints[..., 2] = 0  # not a keypoint
    assert (generator.lookup(keypoints, boxes) == 2).all()


def test_few_pairs_stay_close_to_all():
    pairs, _ = two_kinds()
    few = pairs.select(np.r_[0:150, 150:153])
    everybody = mixtures.select(few.offsets)
    generator = pgpg.fit(few, NAMES, atoms=2, strength=1000.0)
    rare = generator.mixtures[generator.lookup(pairs.keypoints, pairs.boxes)[-1]]
    np.testing.assert_allclose(rare.means, everybody.means, atol=0.01)
    alone = pgpg.fit(pairs.select([0]), NAMES, atoms=8)
    assert len(alone.atoms) == 1 and len(alone.mixtures) == 2


# Sampling


def test_boxes_are_in_the_photo_and_overlap_the_true_ones():
    pairs, _ = two_kinds(count=50)
    wide = pairs_of(pairs.boxes, pairs.keypoints, gaussian(np.random.default_rng(0), 100, 0, 0.4))
    generator = pgpg.fit(wide, NAMES, atoms=2)
    rng = np.random.default_rng(1)
    free = generator.sample(pairs.keypoints, pairs.boxes, rng, 7)
    assert free.shape == (100, 7, 4) and free.dtype == np.float32
    overlap = [loop_iou(a, b) for a, own in zip(pairs.boxes, free, strict=True) for b in own]
    assert min(overlap) > 0.5 - 1e-4
    loose = generator.draw(pairs.keypoints, pairs.boxes, rng, 7, min_iou=0)
    assert 0 < offsets.unit_iou(loose).min() < 0.4
    cut = generator.sample(pairs.keypoints, pairs.boxes, rng, 7, image_size=(200, 300))
    assert (cut >= 0).all() and (cut <= (300, 200, 300, 200)).all()
    assert (cut[..., 2:] - cut[..., :2] >= 1).all()
    tight = generator.draw(pairs.keypoints, pairs.boxes, rng, 2, min_iou=0.9999)
    assert (offsets.unit_iou(tight) >= 0.9999).all()


def test_tiny_and_no_persons():
    pairs, _ = two_kinds(count=20)
    generator = pgpg.fit(pairs, NAMES, atoms=2)
    rng = np.random.default_rng(0)
    boxes = np.array([[5, 5, 5.2, 5.1], [9, 9, 9, 9]])
    drawn = generator.sample(pairs.keypoints[:2], boxes, rng, 3, image_size=(20, 20))
    assert (drawn[..., 2:] - drawn[..., :2] >= 0.999).all() and np.isfinite(drawn).all()
    assert generator.sample(np.zeros((0, 17, 3)), np.zeros((0, 4)), rng, 3).shape == (0, 3, 4)
    with pytest.raises(ValueError, match=r"keypoints: shape \(1, 3, 3\); give \(N, 17, 3\)"):
        generator.sample(np.zeros((1, 3, 3)), boxes[:1], rng)


def test_one_seed_decides(tmp_path):
    pairs, _ = two_kinds(count=60)
    path = tmp_path / "pgpg.npz"
    first, again = (pgpg.fit(pairs, NAMES, atoms=3, seed=4) for _ in range(2))
    first.save(path)
    drawn = [
        generator.sample(pairs.keypoints, pairs.boxes, np.random.default_rng(3), 4)
        for generator in (first, again, PGPG.load(path))
    ]
    np.testing.assert_array_equal(drawn[0], drawn[1])
    np.testing.assert_array_equal(drawn[0], drawn[2])
    other = first.sample(pairs.keypoints, pairs.boxes, np.random.default_rng(4), 4)
    assert not np.array_equal(drawn[0], other)


def test_files_that_are_no_generators(tmp_path):
    with pytest.raises(WeightsError, match="missing; fit it by `multiposenet train pgpg`"):
        PGPG.load(tmp_path / "none.npz")
    path = tmp_path / "pgpg.npz"
    path.write_bytes(b"PK nothing")
    with pytest.raises(WeightsError, match="no PGPG or damaged"):
        PGPG.load(path)
    np.savez(path, atoms=np.array([{}], dtype=object))  # would need pickle
    with pytest.raises(WeightsError, match="no PGPG or damaged"):
        PGPG.load(path)


# The stage


def test_stage(tmp_path):
    persons = [(1 + i % 2, [60 * i, 10, 50, 100], 17, 0) for i in range(8)]
    path = labels(tmp_path, persons)
    found = [result(p[0], [p[1][0], 15, 50, 100]) for p in persons]
    detections = tmp_path / "poses.json"
    detections.write_text(json.dumps(found))
    annotations = CocoAnnotations.load(path)
    recipe, options = PGPGRecipe(atoms=2, strength=3), {"detections": detections}
    (file,) = pipeline.train("pgpg", annotations, tmp_path / "run", recipe, **options)
    generator = PGPG.load(file)
    assert generator.names == NAMES and generator.iou == 0.5
    photo = annotations.images[0]
    drawn = generator.draw(photo.keypoints, photo.boxes, np.random.default_rng(0), 3)
    np.testing.assert_allclose(drawn, np.broadcast_to([0, 0.05, 0, 0.05], drawn.shape), atol=0.01)
    with pytest.raises(InputError, match="the pgpg stage of this run is finished"):
        pipeline.train("pgpg", annotations, tmp_path / "run", recipe, **options)
    pipeline.train("pgpg", annotations, tmp_path / "run", recipe, **options, resume=True)
    with pytest.raises(InputError, match="--set: atoms: -1 is out of range"):
        change(recipe, {"atoms": -1})


# Figure


def test_densities_and_distances():
    drawn = np.array([[-0.49, 0, 0, 0.9], [0.01, 0.01, 0, 0], [0.01, 0, 0, 0], [0.49, 0, 0, 0]])
    found = figure_of.densities(drawn)
    width = figure_of.EDGES[1] - figure_of.EDGES[0]
    assert found[0, 0] * width == pytest.approx(0.25) == found[0, -1] * width
    np.testing.assert_allclose(found.sum(axis=1) * width, [1, 1, 1, 0.75])  # 0.9 is not drawn
    distances = offset_comparison.distances(drawn, drawn + (0, 9, 0, 0))
    assert distances["left"] == distances["right"] == 0 and distances["top"] == 1
    assert distances["mean"] == 0.25
    figure = figure_of.draw(drawn, {"PGPG": drawn, "random": drawn + 0.1})
    assert [axis.get_title(loc="left") for axis in figure.axes] == list(offsets.SIDES)
    assert [text.get_text() for text in figure.axes[0].texts] == ["KS", "0.00", "0.50"]
    assert plotting.image(figure).std() > 5
