"""Drawings: colours and places, transparency by score, thickness by size, whole files only."""

import cv2
import numpy as np
import pytest
from PIL import Image

from multiposenet import drawing
from multiposenet.skeleton import LSP_14, Skeleton

STICK = Skeleton.from_dict(
    {
        "keypoints": ["nose", "left_ear", "right_ear"],
        "limbs": [["nose", "left_ear"], ["nose", "right_ear"], ["left_ear", "right_ear"]],
    }
)
GREY = 100


def grey(height=200, width=300):
    return np.full((height, width, 3), GREY, np.uint8)


def draw(image, keypoints, scores=(1, 1, 1), box=(20, 20, 280, 180), **options):
    return drawing.people(
        image, np.array([box], float), np.array([keypoints], float), [scores], STICK, **options
    )


KEYPOINTS = [(150, 50), (250, 150), (50, 150)]


def test_limbs_and_keypoints_have_the_colour_of_their_side():
    drawn = draw(grey(), KEYPOINTS)
    left, right, centre = (drawing.SIDE_COLOURS[side] for side in ("left", "right", "centre"))
    assert tuple(drawn[100, 200]) == left and tuple(drawn[150, 250]) == left
    assert tuple(drawn[100, 100]) == right and tuple(drawn[150, 50]) == right
    assert tuple(drawn[150, 150]) == centre and tuple(drawn[50, 150]) == centre


def test_input_is_not_changed_and_far_pixels_stay():
    image = grey()
    drawn = draw(image, KEYPOINTS)
    assert (image == GREY).all()
    assert (drawn[60:100, 30:60] == GREY).all()


def test_low_scores_fade_and_lowest_vanish():
    strength = [
        np.abs(draw(grey(), KEYPOINTS, (1, score, 1))[100, 200].astype(int) - GREY).sum()
        for score in (0.05, 0.15, 0.3, 0.5, 1.0)
    ]
    assert strength[0] == 0
    assert 0 < strength[1] < strength[2] < strength[3] == strength[4]
    faint = draw(grey(), KEYPOINTS, (1, 0.3, 1))
    assert (draw(grey(), KEYPOINTS, (1, 0.3, 1), min_score=0.4) != faint).any()


def test_missing_keypoints_are_left_out():
    keypoints = [(150, 50), (np.nan, np.nan), (50, 150)]
    assert (draw(grey(), keypoints)[100, 200] == GREY).all()


@pytest.mark.parametrize(("scale", "least", "most"), [(0.25, 2, 6), (1, 5, 8), (5, 25, 30)])
def test_lines_grow_with_the_person(scale, least, most):
    image = grey(int(200 * scale), int(300 * scale))
    keypoints = np.array([(50, 100), (250, 100), (150, 100)]) * scale
    drawn = draw(image, keypoints, (1, 1, 0), box=np.array((20, 20, 280, 180)) * scale)
    across = drawn[int(50 * scale) : int(150 * scale), int(150 * scale)] != GREY
    assert least <= across.any(-1).sum() <= most


def test_disks_are_centred_on_the_keypoint_to_a_tenth_of_a_pixel():
    skeleton = Skeleton.from_dict({"keypoints": ["nose"]})
    rows, columns = np.indices((200, 300)) + 0.5
    for x, y in [(100.0, 80.0), (100.5, 80.5), (100.3, 80.8)]:
        drawn = drawing.people(
            grey(), [[0, 0, 0, 0]], np.array([[[x, y]]]), [[1.0]], skeleton
        ).astype(float)
        mass = np.abs(drawn - GREY).sum(-1)
        mass[:20] = mass[:, :20] = 0  # the degenerate box in the corner
        centre = [(mass * columns).sum() / mass.sum(), (mass * rows).sum() / mass.sum()]
        np.testing.assert_allclose(centre, (x, y), atol=0.1)


@pytest.mark.parametrize("scale", [-1, 40, 1e7])
def test_what_lies_outside_is_cut_off(scale):
    drawn = draw(grey(), np.array(KEYPOINTS) * scale, box=(-1e9, -500, 1e9, 90))
    assert drawn.shape == (200, 300, 3)


def test_nothing_to_draw():
    drawn = drawing.people(grey(), np.zeros((0, 4)), np.zeros((0, 3, 2)), np.zeros((0, 3)), STICK)
    np.testing.assert_array_equal(drawn, grey())


def test_surest_person_is_on_top():
    boxes, keypoints = (
        np.zeros((2, 4)),
        np.array([KEYPOINTS, np.array(KEYPOINTS)[[0, 2, 1]]], float),
    )
    left, right = drawing.SIDE_COLOURS["left"], drawing.SIDE_COLOURS["right"]
    ones = np.ones((2, 3))
    first = drawing.people(grey(), boxes, keypoints, ones, STICK, scores=[0.9, 0.2])
    second = drawing.people(grey(), boxes, keypoints, ones, STICK, scores=[0.2, 0.9])
    assert tuple(first[100, 200]) == left and tuple(second[100, 200]) == right


def test_built_in_skeletons_have_both_sides_and_a_centre():
    colours = {drawing._side_colour(LSP_14, limb) for limb in LSP_14.limbs}
    assert colours == set(drawing.SIDE_COLOURS.values())


def test_mask_tints_inside_only():
    mask = np.zeros((200, 300), np.float32)
    mask[50:150, 100:200] = 1
    drawn = drawing.person_mask(grey(), mask)
    assert (drawn[:48] == GREY).all() and (drawn[:, 203:] == GREY).all()
    expected = GREY + drawing.MASK_OPACITY * (np.array(drawing.MASK_COLOUR) - GREY)
    np.testing.assert_allclose(drawn[100, 150], expected, atol=1)
    assert np.abs(drawn[100, 100].astype(int) - drawing.MASK_COLOUR).max() < 60  # the outline


def test_the_photo_stays_visible_under_a_mask():
    photo = np.random.default_rng(0).integers(0, 256, (200, 300, 3), np.uint8)
    drawn = drawing.person_mask(photo, np.ones((200, 300), np.float32))
    inside = np.s_[5:-5, 5:-5]  # the outline apart
    before, after = (image[inside].astype(float).ravel() for image in (photo, drawn))
    assert np.corrcoef(before, after)[0, 1] > 0.99 and np.abs(after - before).mean() < 20
    np.testing.assert_array_equal(drawing.person_mask(photo, np.zeros((200, 300))), photo)


# Dichromats' colours, severity 1.0: Machado, Oliveira, Fernandes, "A physiologically-based model
# for simulation of color vision deficiency", IEEE TVCG 15(6), 2009, on linear RGB.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
               [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
               [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def lab(colour, seen_by=None):
    """CIE L*a*b* of an sRGB colour, as OpenCV computes it."""
    value = np.array(colour) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    if seen_by:
        linear = np.clip(np.array(DICHROMATS[seen_by]) @ linear, 0, 1)
    value = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return cv2.cvtColor(np.float32(value)[None, None], cv2.COLOR_RGB2LAB)[0, 0]


@pytest.mark.parametrize("seen_by", [None, *DICHROMATS])
def test_left_and_right_differ_for_everybody(seen_by):
    """A difference of 2.3 can just be seen (CIE76)."""
    left, right = (lab(drawing.SIDE_COLOURS[side], seen_by) for side in ("left", "right"))
    assert np.linalg.norm(left - right) > 40


def test_layers():
    mask = np.zeros((200, 300), np.float32)
    mask[30:170, 30:270] = 1
    options = {"mask": mask, "ids": [12]}
    point, edge, inside = (100, 200), (20, 150), (160, 100)  # of a limb, a box, the mask

    def changed(layers):
        drawn = draw(grey(), KEYPOINTS, layers=layers, **options)
        places = {"limb": point, "box": edge, "mask": inside}
        return {name for name, place in places.items() if (drawn[place] != GREY).any()}

    assert changed(["skeleton"]) == {"limb"} and changed(["boxes"]) == {"box"}
    assert changed(["mask"]) == {"mask", "limb"} and changed([]) == set()
    assert changed(drawing.DEFAULT_LAYERS) == {"limb", "box", "mask"}
    for wrong in (["skeletons"], "skeleton"):
        with pytest.raises(ValueError, match="layers: '.*'; give a list of some of mask, boxes"):
            draw(grey(), KEYPOINTS, layers=wrong)


def tagged(image, box, **options):
    """Rows and columns of what labels alone change."""
    plain = drawing.people(image, [box], np.zeros((1, 3, 2)), [[0, 0, 0]], STICK, layers=[])
    drawn = drawing.people(image, [box], np.zeros((1, 3, 2)), [[0, 0, 0]], STICK, **options)
    return np.nonzero((drawn != plain).any(-1))


def test_labels_stand_on_the_box_and_grow_with_the_person():
    rows, columns = tagged(grey(400, 600), (100, 150, 200, 390), ids=[7], layers=["ids"])
    assert abs(rows.max() - 149) <= 1 and abs(columns.min() - 100) <= 1
    small = np.ptp(rows)
    rows, columns = tagged(grey(400, 600), (100, 100, 500, 390), ids=[7], layers=["ids"])
    assert small >= 8 and np.ptp(rows) > small
    wide = np.ptp(columns)
    options = {"ids": [7], "scores": [0.5], "layers": ["ids", "scores"]}
    assert np.ptp(tagged(grey(400, 600), (100, 100, 500, 390), **options)[1]) > 2 * wide
    rows, columns = tagged(grey(), (-50, -80, 900, 700), ids=[7], layers=["ids"])
    assert rows.min() == 0 and columns.min() == 0  # kept within the picture
    assert not len(tagged(grey(), (np.nan, 0, 9, 9), ids=[7], layers=["ids"])[0])
    assert not len(tagged(grey(), (10, 10, 90, 90), layers=["ids"])[0])


def test_everybody_keeps_a_colour():
    boxes = np.array([[20, 20, 120, 180], [160, 20, 280, 180]], float)

    def colours(ids):
        nothing = np.zeros((2, 3, 2)), np.zeros((2, 3))
        drawn = drawing.people(grey(), boxes, *nothing, STICK, ids=ids, layers=["boxes"])
        return [drawn[100, 20].tolist(), drawn[100, 160].tolist()]

    assert colours([4, 9]) == colours([9, 4])[::-1] and len(set(map(str, colours([4, 9])))) == 2


def test_heatmap_brightens_where_the_map_is_high():
    values = np.zeros((50, 75, 2), np.float32)
    values[10, 20, 0], values[40, 60, 1] = 1, np.nan
    drawn = drawing.heatmap(grey(), values)
    changed = np.abs(drawn.astype(int) - GREY).sum(-1)
    row, column = np.unravel_index(changed.argmax(), changed.shape)
    assert abs(row + 0.5 - 42) <= 2 and abs(column + 0.5 - 82) <= 2
    assert (drawn[:30] == GREY).all()
    np.testing.assert_array_equal(drawing.heatmap(grey(), np.zeros((7, 9), np.float32)), grey())


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_save(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"old")
    drawing.save(draw(grey(), KEYPOINTS), path)
    with Image.open(path) as image:
        assert image.size == (300, 200)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_failed_save_leaves_nothing_behind(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"old")

    def fail(self, file, **_):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        drawing.save(grey(), tmp_path / "a.png")
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_save_names_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="a.xyz: suffix: "):
        drawing.save(grey(), tmp_path / "a.xyz")
    with pytest.raises(FileNotFoundError, match="folder: does not exist"):
        drawing.save(grey(), tmp_path / "none" / "a.png")
