"""Synthetic scenes: labels agree with the picture and the views, files with their reader."""

import json
import time

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.training.datasets import coco, figure, synthetic

LEFT, RIGHT = (COCO_17.index(f"{side}_shoulder") for side in ("left", "right"))


@pytest.fixture(scope="module")
def scenes():
    return list(synthetic.scenes(60, seed=3, size=(256, 320), crowd=0.3, unlabelled=0.1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=12, seed=5, size=(192, 256), crowd=0.5, unlabelled=0.2)
    return folder


def test_counts_and_shapes(scenes):
    assert {len(scene) for scene in scenes} == {1, 2, 3, 4}
    for scene in scenes:
        n = len(scene)
        assert scene.image.shape == (256, 320, 3) and scene.image.dtype == np.uint8
        assert scene.masks.shape == (n, 256, 320) and scene.keypoints.shape == (n, 17, 3)
        assert scene.masks.sum(axis=0).max() == 1  # a pixel shows one person
        assert (scene.areas >= 60).all()
        assert not (scene.masks.any(axis=0) & scene.crowd_mask).any()
    assert 5 < sum(scene.crowd_mask.any() for scene in scenes) < 40
    assert 2 < sum((~scene.labelled).sum() for scene in scenes) < 40


@pytest.mark.parametrize("number", [0, 7])
def test_the_number_of_people_is_the_callers(number):
    (scene,) = synthetic.scenes(1, people=(number, number), size=(320, 480))
    assert len(scene) == number and scene.boxes.shape == (number, 4)
    assert scene.keypoints.shape == (number, 17, 3)


def test_visible_keypoints_lie_on_their_person(scenes):
    visible = hidden = outside = 0
    for scene in scenes:
        for person in np.flatnonzero(scene.labelled):
            x, y, v = scene.keypoints[person].T
            on_mask = scene.masks[person][y.astype(int), x.astype(int)]
            assert on_mask[v == 2].all()
            assert not scene.keypoints[person][v == 0].any()
            assert ((x >= 0) & (x < 320) & (y >= 0) & (y < 256)).all()
            visible, hidden, outside = (
                count + (v == value).sum()
                for count, value in ((visible, 2), (hidden, 1), (outside, 0))
            )
        assert not scene.keypoints[~scene.labelled].any()
    # All three kinds are frequent.
    assert min(visible, hidden, outside) > 50 and visible > hidden


def test_boxes_enclose_the_masks_tightly(scenes):
    for scene in scenes:
        for mask, box, area in zip(scene.masks, scene.boxes, scene.areas, strict=True):
            rows, columns = np.nonzero(mask)
            assert box.tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            assert area == len(rows)
        expected = np.zeros((256, 320))
        expected[scene.crowd_mask] = 2
        expected[scene.masks.any(axis=0)] = 1
        np.testing.assert_array_equal(scene.mask, expected)


def test_left_and_right_agree_with_the_view(scenes):
    """Seen from the front, a person's left is on the right of the picture."""
    seen = set()
    for scene in scenes:
        for keypoints, view in zip(scene.keypoints, scene.views, strict=True):
            if keypoints[[LEFT, RIGHT], 2].min() > 0 and view in ("front", "back"):
                order = np.sign(keypoints[LEFT, 0] - keypoints[RIGHT, 0])
                assert order == (1 if view == "front" else -1)
                seen.add(view)
    assert seen == {"front", "back"}


@pytest.mark.parametrize("view, near, far", [("left", "left", "right"), ("right", "right", "left")])
def test_from_the_side_the_near_half_is_in_front(view, near, far):
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = figure.draw(rng, view=view, action="stand")
        for keypoint in ("shoulder", "hip", "ear"):
            depth = {side: drawn.keypoints[f"{side}_{keypoint}"][2] for side in (near, far)}
            if keypoint == "ear":  # the head turns by itself
                continue
            assert depth[near] > depth[far]


def test_faces_are_seen_from_the_front_only(scenes):
    """Eyes and nose are seen from the front, never from behind."""
    front = []
    for scene in scenes:
        for keypoints, view in zip(scene.keypoints, scene.views, strict=True):
            if keypoints[0, 2] and view == "front":
                front.append(keypoints[0, 2] == 2)
    assert np.mean(front) > 0.7
    rng = np.random.default_rng(1)
    for _ in range(20):
        drawn = figure.draw(rng, view="back")
        names = [part.name for part in drawn.parts]
        assert names.index("face") < names.index("hair")
        assert names.index("nose") < names.index("hair")


@pytest.mark.parametrize("action", figure.ACTIONS)
def test_bodies_are_plausible(action):
    rng = np.random.default_rng(2)
    for _ in range(20):
        keypoints = figure.draw(rng, action=action).keypoints
        for side in ("left", "right"):
            for a, b, length in (("shoulder", "elbow", 0.165), ("hip", "knee", 0.245)):
                bone = keypoints[f"{side}_{a}"] - keypoints[f"{side}_{b}"]
                assert np.linalg.norm(bone) == pytest.approx(length)
            assert keypoints[f"{side}_ankle"][1] > keypoints[f"{side}_hip"][1]
        assert keypoints["head_top"][1] < keypoints["pelvis"][1]


def test_the_seed_decides(scenes):
    again = list(synthetic.scenes(2, seed=3, size=(256, 320), crowd=0.3, unlabelled=0.1))
    for a, b in zip(again, scenes, strict=False):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.keypoints, b.keypoints)
    (other,) = synthetic.scenes(1, seed=4, size=(256, 320))
    assert not np.array_equal(other.image, scenes[0].image)


def test_written_scenes_are_read_back(folder):
    samples = coco.read(folder)
    drawn = list(synthetic.scenes(12, seed=5, size=(192, 256), crowd=0.5, unlabelled=0.2))
    assert len(samples) == 12 and any(len(sample.crowd_boxes) for sample in samples)
    for sample, scene in zip(samples, drawn, strict=True):
        np.testing.assert_array_equal(sample.boxes, scene.boxes)
        np.testing.assert_array_equal(sample.crowd_boxes, scene.crowd_boxes)
        np.testing.assert_array_equal(sample.areas, scene.areas)
        np.testing.assert_allclose(sample.keypoints, scene.keypoints, atol=0.006)
        np.testing.assert_array_equal(sample.read_mask(), scene.mask)
        difference = sample.read_image().astype(int) - scene.image
        assert np.abs(difference).mean() < 6  # JPEG
        # A person none of whose keypoints is in the picture counts as unlabelled as well.
        assert (scene.labelled | ~sample.labelled.any(axis=1)).all()


def test_the_annotation_file(folder):
    annotations = CocoAnnotations.load(folder / "annotations.json")
    assert annotations.skeleton == COCO_17
    content = json.loads((folder / "annotations.json").read_text())
    for entry in content["annotations"]:
        left, top, width, height = coco_mask.toBbox(entry["segmentation"])
        assert entry["bbox"] == [left, top, width, height]
        assert entry["area"] == coco_mask.area(entry["segmentation"])
        assert entry["num_keypoints"] == sum(v > 0 for v in entry["keypoints"][2::3])
        if entry["iscrowd"]:
            assert not any(entry["keypoints"])


def test_writing_twice_gives_the_same_files(folder, tmp_path, capfd):
    synthetic.write(tmp_path, photos=3, seed=5, size=(192, 256), crowd=0.5, unlabelled=0.2)
    for path in tmp_path.rglob("*.*g"):
        assert path.read_bytes() == (folder / path.relative_to(tmp_path)).read_bytes()
    assert not any(capfd.readouterr())  # OpenCV warns about options it does not know


def test_samples_in_memory(scenes):
    made = synthetic.samples(2, seed=3, size=(256, 320), crowd=0.3, unlabelled=0.1)
    for sample, scene in zip(made, scenes, strict=False):
        assert sample.has_mask and sample.complete and not sample.single
        np.testing.assert_array_equal(sample.read_image(), scene.image)
        np.testing.assert_array_equal(sample.read_mask(), scene.mask)
        np.testing.assert_array_equal(sample.boxes, scene.boxes)


@pytest.mark.parametrize("skeleton", [LSP_14, MPII_16])
def test_other_skeletons(skeleton):
    for sample in synthetic.samples(3, seed=2, skeleton=skeleton):
        assert sample.keypoints.shape[1] == skeleton.num_keypoints
        assert sample.labelled.all() and (sample.keypoints[:, :, 2] > 0).mean() > 0.5


def test_keypoints_that_figures_do_not_have_are_unlabelled():
    skeleton = Skeleton("tail", ("nose", "tail"), ((0, 1),), (0.026, 0.1))
    (sample,) = synthetic.samples(1, seed=1, people=(2, 2), skeleton=skeleton)
    assert not sample.labelled[:, 1].any() and not sample.keypoints[:, 1].any()


@pytest.mark.parametrize("options", [{"size": (32, 320)}, {"people": (3, 2)}, {"people": (0, 99)}])
def test_wrong_options(options):
    with pytest.raises(InputError, match="synthetic: "):
        list(synthetic.scenes(1, **options))


def test_scenes_are_made_quickly():
    """About 10 ms each; the bound leaves room for a busy machine."""
    start = time.process_time()
    list(synthetic.scenes(20, size=(320, 320)))
    assert time.process_time() - start < 20 * 0.1
