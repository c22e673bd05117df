"""Image, keypoints, boxes and masks stay together: random draws on synthetic and real photos.

The oracle paints marks into the photo itself: what has been moved is then read off the pixels.
"""

import builtins
import dataclasses
import sys

import albumentations
import cv2
import numpy as np
import pytest

from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.training.datasets import ccp, coco, lsp, synthetic, voc
from multiposenet.training.datasets.sample import Sample
from multiposenet.training.patches import patch, targets
from multiposenet.training.patches import sampler as samplers
from multiposenet.training.patches.albumentations_bridge import Transforms
from multiposenet.training.patches.sampler import PatchSampler, PhotoSampler

FLIP = COCO_17.flip_indices
PEOPLE = PatchSampler(
    256, FLIP, scale=(0.8, 1.2), centre="people", rotation_chance=1.0, flip=0.3, jitter=0.0,
    color=None,
)  # fmt: skip
SAMPLERS = {
    "person": PatchSampler(192, FLIP, person_size=(60.0, 160.0), color=None),
    "people": PEOPLE,
    "photo": PhotoSampler(FLIP, shortest=256, longest=400, color=None),
    "user": dataclasses.replace(
        PEOPLE,
        augment=Transforms(
            [albumentations.HorizontalFlip(p=0.5), albumentations.Affine(
                scale=(0.8, 1.2), rotate=(-30, 30), translate_px=(-20, 20), p=1.0)], FLIP
        ),
    ),
}  # fmt: skip
DRAWS = 8


@dataclasses.dataclass(frozen=True, eq=False)
class Painted(Sample):
    """A sample whose pixels are given."""

    pixels: np.ndarray | None = None

    def read_image(self):
        return self.pixels


def painted(sample, pixels, **fields):
    """The sample with other pixels, and without what its class may keep elsewhere."""
    names = [field.name for field in dataclasses.fields(Sample)]
    return Painted(**{name: getattr(sample, name) for name in names} | fields, pixels=pixels)


@pytest.fixture(scope="module")
def scenes():
    return synthetic.samples(DRAWS, seed=11, size=(240, 320), crowd=0.3, unlabelled=0.2)


@pytest.fixture(scope="module")
def photos(data_dir):
    """Real photos with people, two of each kind of labels."""
    found = []
    for reader, folder in (
        (coco, "coco_photos/test"), (lsp, "lsp_extended/test"), (ccp, "ccp_person_masks"),
        (voc, "voc2012_sample"),
    ):  # fmt: skip
        samples = [s for s in reader.read(data_dir / folder) if len(s)]
        found += samples[:: max(1, len(samples) // 2)][:2]
    return found


def draw(sampler, sample, seed):
    return sampler(sample, np.random.default_rng(seed))


def mark(shape, point, sigma=3.0):
    """(H, W, 3) uint8 with a blob on a black photo."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    blob = np.exp(-((x - point[0]) ** 2 + (y - point[1]) ** 2) / (2 * sigma**2))
    return np.repeat(np.rint(255 * blob)[..., None].astype(np.uint8), 3, axis=-1)


def ramp(shape):
    """A photo whose colours tell the place: red grows with x, green with y, blue is full."""
    height, width = shape
    y, x = np.mgrid[:height, :width] + 0.5
    channels = [20 + 200 * x / width, 20 + 200 * y / height, np.full(shape, 255.0)]
    return np.rint(np.stack(channels, axis=-1)).astype(np.uint8)


def in_photo(image):
    """(H, W) bool, true where a moved ramp shows nothing but the photo."""
    return cv2.erode((image[..., 2] == 255).astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0


def read_off(image, shape):
    """The (2, 3) map from patch to photo pixels, fitted to the colours of a moved ramp."""
    known = in_photo(image)
    assert known.sum() > 500
    v, u = np.nonzero(known)
    places = np.column_stack([u + 0.5, v + 0.5, np.ones(len(u))])
    told = (image[known][:, :2].astype(float) - 20) / 200 * (shape[1], shape[0])
    return np.linalg.lstsq(places, told, rcond=None)[0].T


def check(sampler, sample, seed):
    """All labels of a draw against the map that its pixels tell; returns the keypoints compared."""
    shown = draw(sampler, painted(sample, ramp(sample.image_size)), seed)
    back = read_off(shown.image, sample.image_size)
    linear, shift = back[:, :2], back[:, 2]
    scale = 1 / np.sqrt(abs(np.linalg.det(linear)))
    mirrored = np.linalg.det(linear) < 0
    tolerance = 0.2 / min(scale, 1.0)  # a level of the ramp is up to 2.5 pixels

    # Keypoints: at their places, under their mirrored names if the patch is mirrored.
    labelled = sample.labelled.any(axis=1)
    order = FLIP if mirrored else np.arange(17)
    expected = sample.keypoints[labelled][:, order]
    seen = shown.keypoints[..., 2] > 0
    found = shown.keypoints[seen][:, :2] @ linear.T + shift
    np.testing.assert_allclose(found, expected[seen][:, :2], atol=tolerance)
    np.testing.assert_array_equal(shown.keypoints[seen][:, 2], expected[seen][:, 2])
    np.testing.assert_array_equal(shown.labelled, sample.labelled[labelled][:, order])
    if sampler.augment is None:  # which may bring back what lay outside before
        gone = ~seen & (expected[..., 2] > 0)
        places = (expected[gone][:, :2] - shift) @ np.linalg.inv(linear).T
        limits = np.array(shown.image.shape[1::-1])
        assert not ((places > 0.5) & (places < limits - 0.5)).all(axis=1).any()

    # Boxes enclose the moved corners.
    unlabelled = np.concatenate([sample.boxes[~labelled], sample.crowd_boxes])
    groups = ((sample.boxes[labelled], shown.boxes), (unlabelled, shown.unlabelled_boxes))
    for boxes, moved in groups:
        corners = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
        corners = (corners - shift) @ np.linalg.inv(linear).T
        wanted = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
        if sampler.augment is None:
            np.testing.assert_allclose(moved, wanted, atol=0.8, rtol=0.02)
        else:  # enclosed twice
            slack = 0.8 + 0.02 * np.abs(wanted)
            assert (moved[:, :2] <= (wanted + slack)[:, :2]).all()
            assert (moved[:, 2:] >= (wanted - slack)[:, 2:]).all()
    extents = sample.boxes[labelled, 2:] - sample.boxes[labelled, :2]
    np.testing.assert_allclose(shown.sizes, scale * np.sqrt(extents.prod(axis=1)), rtol=0.01)

    if sample.has_mask:
        mask = draw(sampler, sample, seed).mask
        assert mask.dtype == np.uint8 and not mask[np.isin(shown.image[..., 2], (0, 114))].any()
        check_mask(mask, sample.read_mask(), linear, shift, in_photo(shown.image))
    return seen.sum(), mirrored


def check_mask(mask, source, linear, shift, known):
    """Each pixel shows the label at its place in the photo, but for two pixels along outlines."""
    kernel = np.ones((5, 5))
    constant = cv2.erode(source, kernel) == cv2.dilate(source, kernel)
    v, u = np.mgrid[: mask.shape[0], : mask.shape[1]] + 0.5
    x, y = np.floor(np.stack([u, v], axis=-1) @ linear.T + shift).astype(int).transpose(2, 0, 1)
    x, y = np.clip(x, 0, source.shape[1] - 1), np.clip(y, 0, source.shape[0] - 1)
    compared = known & constant[y, x]
    assert compared.sum() > 300
    np.testing.assert_array_equal(mask[compared], source[y, x][compared])


@pytest.mark.parametrize("name", SAMPLERS)
def test_scenes_stay_together(scenes, name):
    found = [check(SAMPLERS[name], sample, seed) for seed, sample in enumerate(scenes)]
    assert sum(keypoints for keypoints, _ in found) > 60
    assert 0 < sum(mirrored for _, mirrored in found) < len(found)


@pytest.mark.parametrize("name", SAMPLERS)
def test_photos_stay_together(photos, name):
    found = [check(SAMPLERS[name], sample, seed) for seed, sample in enumerate(photos)]
    assert sum(keypoints for keypoints, _ in found) > 20


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_mark_at_a_keypoint_lands_at_the_keypoint(scenes, name):
    near = 0
    for seed, sample in enumerate(scenes):
        rows, keypoints = np.nonzero(sample.keypoints[:, :, 2])
        if not len(rows):
            continue
        at = np.random.default_rng(seed).integers(len(rows))
        x, y, _ = sample.keypoints[rows[at], keypoints[at]]
        made = draw(SAMPLERS[name], painted(sample, mark(sample.image_size, (x, y))), seed)
        bright = np.clip(made.image[..., 0].astype(float) - 140, 0, None)
        if bright.max() < 100:
            continue
        v, u = np.mgrid[: bright.shape[0], : bright.shape[1]] + 0.5
        place = np.array([(bright * u).sum(), (bright * v).sum()]) / bright.sum()
        row = np.flatnonzero(sample.labelled.any(axis=1)).tolist().index(rows[at])
        candidates = made.keypoints[row, [keypoints[at], FLIP[keypoints[at]]]]
        if min(*place, bright.shape[1] - place[0], bright.shape[0] - place[1]) > 12:
            assert np.hypot(*(candidates[:, :2] - place).T).min() < 1.0
            near += 1
    assert near > 2


@pytest.mark.parametrize("name", SAMPLERS)
def test_masks_stay_in_their_boxes(scenes, name):
    compared = 0
    for seed, sample in enumerate(scenes):
        made = draw(SAMPLERS[name], sample, seed)
        allowed = np.zeros(made.mask.shape, bool)
        for x1, y1, x2, y2 in np.concatenate([made.boxes, made.unlabelled_boxes]):
            rows = slice(max(int(y1) - 1, 0), max(int(np.ceil(y2)) + 1, 0))
            allowed[rows, max(int(x1) - 1, 0) : max(int(np.ceil(x2)) + 1, 0)] = True
        assert not (made.mask > 0)[~allowed].any()
        compared += (made.mask > 0).any()
    assert compared > 4


def test_the_inverse_map_returns(scenes):
    """A patch cut back gives the photo where it was inside, and the labels everywhere."""
    sampler = dataclasses.replace(PEOPLE, size=384)
    for seed, sample in enumerate(scenes[:6]):
        rng = np.random.default_rng(seed)
        move, mirrored = sampler._draw_map(sample, sample.image_size, rng)
        flip = FLIP if mirrored else None
        made = patch.cut(sample, move, (384, 384), flip)
        labelled = sample.labelled.any(axis=1)
        again = painted(
            sample, made.image, keypoints=made.keypoints, boxes=made.boxes,
            labelled=made.labelled, image_size=(384, 384), mask_path=None, segmentations=None,
            crowd_boxes=sample.crowd_boxes[:0],
        )  # fmt: skip
        back = patch.cut(again, move.inverse(), sample.image_size, flip)
        kept = made.keypoints[..., 2] > 0
        if flip is not None:
            kept = kept[:, flip]
        np.testing.assert_allclose(
            back.keypoints[kept][:, :2], sample.keypoints[labelled][kept][:, :2], atol=1e-2
        )
        inside = patch.cut(painted(sample, np.full_like(sample.read_image(), 255)), move,
                           (384, 384))  # fmt: skip
        known = move.inverse().warp(inside.image, sample.image_size)[..., 0] == 255
        known = cv2.erode(known.astype(np.uint8), np.ones((5, 5)), borderValue=0) > 0
        difference = np.abs(back.image.astype(int) - sample.read_image()).mean(axis=-1)
        assert known.sum() > 1000 and difference[known].mean() < 16


def test_patches_of_the_paper(scenes):
    """Factors of the photo, in the middle the main person or all of them, no jitter."""
    for seed, sample in enumerate(scenes):
        everybody = np.concatenate([sample.boxes, sample.crowd_boxes])
        areas = (everybody[:, 2:] - everybody[:, :2]).prod(axis=1)
        largest = int(np.argmax(areas))
        if areas[largest] > 0.5 * areas.sum() and largest < len(sample):
            middle = (everybody[largest, :2] + everybody[largest, 2:]) / 2
        else:
            middle = (everybody[:, :2].min(axis=0) + everybody[:, 2:].max(axis=0)) / 2
        move, _ = PEOPLE._draw_map(sample, sample.image_size, np.random.default_rng(seed))
        np.testing.assert_allclose(move(middle), (128, 128), atol=1e-3)
        factor = np.sqrt(abs(np.linalg.det(move.matrix[:, :2])))
        assert 0.8 <= factor * 320 / 640 <= 1.2
        angle = np.degrees(np.arctan2(move.matrix[1, 0], move.matrix[1, 1]))
        assert -40 <= angle <= 40
    natural = dataclasses.replace(PEOPLE, longest=0)
    move, _ = natural._draw_map(scenes[0], scenes[0].image_size, np.random.default_rng(0))
    assert 0.8 <= np.sqrt(abs(np.linalg.det(move.matrix[:, :2]))) <= 1.2


@pytest.mark.parametrize(
    "size, expected",
    [((240, 320), (256, 341.33)), ((100, 400), (100, 400)), ((640, 480), (341.33, 256))],
)
def test_whole_photos(scenes, size, expected):
    """The shorter edge is 256 unless the longer one would pass 400; sides are padded to 32."""
    sample = painted(scenes[0], np.zeros((*size, 3), np.uint8), image_size=size, keypoints=np.zeros(
        (1, 17, 3), np.float32), labelled=np.ones((1, 17), bool), boxes=np.float32([[
            0, 0, size[1], size[0]]]), mask_path=None, segmentations=None)  # fmt: skip
    made = draw(SAMPLERS["photo"], sample, 0)
    np.testing.assert_allclose(made.boxes[0], (0, 0, expected[1], expected[0]), atol=0.7)
    height, width = made.image.shape[:2]
    assert height % 32 == width % 32 == 0
    assert 0 <= height - expected[0] < 33 and 0 <= width - expected[1] < 33
    shown = made.image[..., 0] == 0
    assert (made.image[~shown] == 114).all() and shown[0, 0]


def test_padding_of_a_batch(scenes):
    samples = [*scenes[:2], *synthetic.samples(1, size=(320, 240))]
    made = patch.pad([draw(SAMPLERS["photo"], sample, 1) for sample in samples])
    assert {p.image.shape for p in made} == {(352, 352, 3)}
    for p in made:
        assert p.mask.shape == (352, 352) and p.labelled_area.shape == (88, 88)
        target, weight = targets.keypoint_targets(p)
        assert target.shape == weight.shape == (88, 88, 18)
    assert (made[0].image[300:] == 114).all() and made[0].mask[300:].max() == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_unlabelled_keypoints_never_become_targets(scenes, photos, name):
    """Of no data set: what it does not tell has weight 0 where its persons are."""
    rng = np.random.default_rng(0)
    lacking = COCO_17.indices_from(LSP_14) < 0
    for seed, sample in enumerate([*scenes, *photos]):
        # Some keypoints of some persons are unknown, whatever the data set.
        keep = rng.random(sample.labelled.shape) < 0.8
        sample = painted(
            sample,
            sample.read_image(),
            labelled=sample.labelled & keep,
            keypoints=sample.keypoints * keep[..., None],
        )
        made = draw(SAMPLERS[name], sample, seed)
        target, weight = targets.keypoint_targets(made)
        assert not (made.keypoints[~made.labelled][:, 2] > 0).any()
        for person, keypoint in np.argwhere(~made.labelled):
            x1, y1, x2, y2 = np.clip(made.boxes[person] / 4, 0, None).astype(int)
            inside = weight[y1:y2, x1:x2, keypoint]
            taught = target[y1:y2, x1:x2, keypoint] > 0.1  # somebody else's keypoint
            assert not inside[~taught].any()
        if sample.single and not sample.labelled[:, lacking].any() and sample.labelled.any():
            assert not weight[..., :17][..., lacking].any()
        if not sample.labelled.any() and not sample.complete:
            assert not (weight[..., :17] * (made.labelled_area == 0)[..., None]).any()


def test_users_transforms_can_be_anything_that_keeps_the_size(scenes):
    rng = np.random.default_rng(0)
    made = PEOPLE(scenes[0], rng)
    plain = Transforms([albumentations.NoOp()], FLIP)(made, rng)
    for name in ("image", "boxes", "keypoints", "labelled_area", "mask", "sizes"):
        np.testing.assert_allclose(getattr(plain, name), getattr(made, name), atol=1e-3)
    turned = Transforms([albumentations.VerticalFlip(p=1)], FLIP)(made, rng)
    assert turned.sizes == pytest.approx(made.sizes)  # a mirror image, so the sides are swapped
    seen = turned.keypoints[..., 2] > 0
    np.testing.assert_allclose(
        turned.keypoints[seen][:, 1], 256 - made.keypoints[:, FLIP][seen][:, 1], atol=1e-3
    )
    with pytest.raises(ValueError, match="changes the size"):
        Transforms([albumentations.RandomCrop(64, 64)], FLIP)(made, rng)


def test_one_seed_one_users_transform(scenes):
    a, b, c = (draw(SAMPLERS["user"], scenes[0], seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.image, b.image)
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    assert (a.image != c.image).any()


def test_without_albumentations(scenes, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **options):
        if name == "albumentations":
            raise ImportError(name)
        return real(name, *args, **options)

    monkeypatch.delitem(sys.modules, "albumentations")
    monkeypatch.setattr(builtins, "__import__", refuse)
    samplers._warn_of_missing_colours.cache_clear()
    with pytest.warns(UserWarning, match="colours of training photos stay"):
        sampler = PatchSampler(128, FLIP)
    assert sampler.color is None and draw(sampler, scenes[0], 0).image.shape == (128, 128, 3)


@pytest.mark.parametrize("options", [{"centre": "crowd"}, {"scale": (1.0,)}])
def test_wrong_options(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        PatchSampler(64, FLIP, **options)
