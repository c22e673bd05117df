"""The batches of the photo stages: which photos they show, and that a step is always the same."""

import dataclasses

import numpy as np
import pytest
from painted import FLIP, sample

from multiposenet.errors import AnnotationError
from multiposenet.systems.architecture import NANO
from multiposenet.training import recipes
from multiposenet.training.loop.fingerprint import fingerprint
from multiposenet.training.loop.loader import prefetch
from multiposenet.training.stages import keypoints, person

POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]
BOX = (70, 40, 134, 112)
ANCHORS = NANO.anchors((8, 16, 32, 64, 128))
RECIPE = recipes.NanoKeypoints(
    steps=10, batch_size=4, mosaics=1, masked_singles=1, patch_sizes=((0.0, 64), (0.8, 96))
)


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path / "several", POINTS, [BOX])


@pytest.fixture
def single(tmp_path):
    return sample(tmp_path / "single", POINTS, [BOX], single=True, complete=False, mask=False)


@pytest.fixture
def masked(tmp_path):
    unlabelled = np.zeros((1, 3), bool)
    return sample(
        tmp_path / "masked", POINTS, [BOX], single=True, complete=False, labelled=unlabelled
    )


def kinds(batches, step=0):
    """How many mosaics, and of what the other patches are."""
    drawn = batches._draw(step)
    alone = [group[0] for group in drawn if len(group) == 1]
    mosaics = [group for group in drawn if len(group) == 4]
    assert len(alone) + len(mosaics) == len(drawn)
    return len(mosaics), alone


def test_batches_of_the_keypoint_stage(photo, single, masked):
    """Mosaics, then masked photos, then photos; small patches first; one seed, one training."""
    batches = keypoints.KeypointBatches([photo, single, masked], RECIPE, FLIP)
    shapes = [batches(step)[0].shape for step in (0, 7, 8, 9)]
    assert shapes == [(4, 64, 64, 3)] * 2 + [(4, 96, 96, 3)] * 2
    assert kinds(batches) == (1, [masked, photo, photo])
    images, labels = batches(3)
    assert labels["target"].shape == labels["weight"].shape == (4, 16, 16, 4)
    again, other = batches(3), batches(4)
    np.testing.assert_array_equal(images, again[0])
    np.testing.assert_array_equal(labels["target"], again[1]["target"])
    assert (images != other[0]).any()


def test_what_is_missing_is_replaced(photo, single, masked):
    assert kinds(keypoints.KeypointBatches([photo], RECIPE, FLIP)) == (0, [photo] * 4)
    assert kinds(keypoints.KeypointBatches([single], RECIPE, FLIP)) == (4, [])
    assert kinds(keypoints.KeypointBatches([single, masked], RECIPE, FLIP)) == (3, [masked])
    assert kinds(keypoints.KeypointBatches([photo, single], RECIPE, FLIP)) == (1, [photo] * 3)


def test_photos_without_people_take_no_part_in_the_papers_recipe(photo):
    empty = dataclasses.replace(photo, boxes=photo.boxes[:0], keypoints=photo.keypoints[:0],
                                labelled=photo.labelled[:0], areas=photo.areas[:0])  # fmt: skip
    papers = recipes.PaperKeypoints(batch_size=4, patch_sizes=((0.0, 64),))
    batches = keypoints.KeypointBatches([photo, empty], papers, FLIP)
    assert all(kinds(batches, step) == (0, [photo] * 4) for step in range(5))
    nano = recipes.change(papers, {"empty_photos": True})
    batches = keypoints.KeypointBatches([photo, empty], nano, FLIP)
    assert any(empty in kinds(batches, step)[1] for step in range(5))


@pytest.mark.parametrize("recolour", [False, True])
def test_colours_change_if_the_recipe_says_so(photo, recolour):
    papers = recipes.PaperKeypoints(
        batch_size=2, patch_sizes=((0.0, 64),), rotation_chance=0.0, recolour=recolour
    )
    sampler = keypoints.KeypointBatches([photo], papers, FLIP)._sampler(0)
    assert (sampler.color is not None) == recolour
    papers = recipes.PaperPerson(recolour=recolour)
    sampler = person.PersonBatches([photo], papers, ANCHORS, FLIP)._sampler()
    assert (sampler.color is not None) == recolour


def test_the_person_stage_uses_photos_with_everybody_boxed(photo, single):
    recipe = recipes.NanoPerson(batch_size=3, patch_size=128)
    batches = person.PersonBatches([single, photo], recipe, ANCHORS, FLIP)
    assert batches.photos == [photo]
    images, labels = batches(0)
    anchors = labels["labels"].shape[1]
    assert images.shape == (3, 128, 128, 3) and labels["boxes"].shape == (3, anchors, 4)
    with pytest.raises(AnnotationError, match="every person boxed"):
        person.PersonBatches([single], recipe, ANCHORS, FLIP)


def test_the_keypoint_stage_needs_keypoints(masked):
    with pytest.raises(AnnotationError, match="labelled keypoint"):
        keypoints.KeypointBatches([masked], RECIPE, FLIP)


def test_batches_do_not_depend_on_threads(photo):
    recipe = recipes.NanoPerson(batch_size=3, patch_size=128)
    batches = person.PersonBatches([photo], recipe, ANCHORS, FLIP)
    expected = [batches(step)[0] for step in range(6)]
    for made, images in zip(prefetch(batches, range(6), workers=4), expected, strict=True):
        np.testing.assert_array_equal(made[0], images)


def test_processes_make_their_rows_of_the_batch(photo, single, masked):
    every = [photo, single, masked]
    patches = recipes.NanoPerson(batch_size=4, patch_size=128)
    whole = recipes.NanoPerson(batch_size=4, patch_size=0, shorter_edge=64)
    for batches in (
        keypoints.KeypointBatches(every, RECIPE, FLIP),
        person.PersonBatches([photo], patches, ANCHORS, FLIP),
        person.PersonBatches([photo], whole, ANCHORS, FLIP),
    ):
        images, labels = batches(3)
        shares = [batches.share(3, process, 2) for process in range(2)]
        np.testing.assert_array_equal(np.concatenate([x for x, _ in shares]), images)
        for name, values in labels.items():
            np.testing.assert_array_equal(np.concatenate([y[name] for _, y in shares]), values)


def test_a_batch_names_its_photos(photo, single, masked):
    text = keypoints.KeypointBatches([photo, single, masked], RECIPE, FLIP).describe(0)
    assert text.count("photo.png") == 4 + 1 + 2  # a mosaic shows four
    recipe = recipes.NanoPerson(batch_size=2, patch_size=128)
    text = person.PersonBatches([photo], recipe, ANCHORS, FLIP).describe(0)
    assert text == "photo.png, photo.png"


def test_fingerprint_follows_the_labels(photo, single):
    first = fingerprint([photo, single])
    assert first == fingerprint([photo, single]) and len(first) == 16
    moved = dataclasses.replace(photo, keypoints=photo.keypoints + 1)
    assert len({first, fingerprint([single, photo]), fingerprint([moved, single])}) == 3


def test_augmentation_of_ones_own_reaches_every_patch(photo, single):
    def black(patch, rng):
        patch.image = np.zeros_like(patch.image)
        return patch

    patches = recipes.NanoPerson(batch_size=2, patch_size=128)
    whole = recipes.PaperPerson(batch_size=1)
    for batches in (
        keypoints.KeypointBatches([photo, single], RECIPE, FLIP, black),
        person.PersonBatches([photo], patches, ANCHORS, FLIP, black),
        person.PersonBatches([photo], whole, ANCHORS, FLIP, black),
    ):
        assert not batches(0)[0].any()
