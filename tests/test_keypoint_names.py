"""Names of keypoints: sides in every spelling that people use, pairs, and what is no side."""

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest

from multiposenet.keypoint_names import mirrors, plain
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.sources import read_image

ROOT = Path(__file__).resolve().parent.parent
_SPEC = importlib.util.spec_from_file_location("make_flip_pairs", ROOT / "docs/make_flip_pairs.py")
maker = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(maker)

PARTS = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle", "eye", "ear"]
SPELLINGS = {
    "left_": lambda side, part: f"{side}_{part}",
    "LEFT_": lambda side, part: f"{side}_{part}".upper(),
    "Left_X": lambda side, part: f"{side.title()}_{part.title()}",
    "Left X": lambda side, part: f"{side.title()} {part.title()}",
    "left x": lambda side, part: f"{side} {part}",
    "left-x": lambda side, part: f"{side}-{part}",
    "leftX": lambda side, part: f"{side}{part.title()}",
    "LeftX": lambda side, part: f"{side.title()}{part.title()}",
    "leftx": lambda side, part: f"{side}{part}",
    "LEFTX": lambda side, part: f"{side}{part}".upper(),
    "x_left": lambda side, part: f"{part}_{side}",
    "xLeft": lambda side, part: f"{part}{side.title()}",
    "x (left)": lambda side, part: f"{part} ({side})",
    "L_X": lambda side, part: f"{side[0].upper()}_{part.title()}",
    "L X": lambda side, part: f"{side[0].upper()} {part.title()}",
    "l_x": lambda side, part: f"{side[0]}_{part}",
    "l.x": lambda side, part: f"{side[0]}.{part}",
    "LX": lambda side, part: f"{side[0].upper()}{part.title()}",
    "lX": lambda side, part: f"{side[0]}{part.title()}",
    "lx": lambda side, part: f"{side[0]}{part}",
    "Lx": lambda side, part: f"{side[0].upper()}{part}",
    "x_l": lambda side, part: f"{part}_{side[0]}",
    "X_L": lambda side, part: f"{part.title()}_{side[0].upper()}",
    "X.L": lambda side, part: f"{part.title()}.{side[0].upper()}",
    "xL": lambda side, part: f"{part}{side[0].upper()}",
    "lt_x": lambda side, part: f"{side[0]}t_{part}",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_every_spelling_of_a_body(spelling):
    spell = SPELLINGS[spelling]
    names = ["nose"] + [spell(side, part) for part in PARTS for side in ("left", "right")]
    expected = [0] + [i + 1 if i % 2 else i - 1 for i in range(1, len(names))]
    assert list(mirrors(tuple(names))) == expected
    told = ["nose"] + [f"{side}_{part}" for part in PARTS for side in ("left", "right")]
    assert list(plain(tuple(names))) == told
    skeleton = Skeleton.from_dict({"keypoints": names})
    assert skeleton.flip_indices.tolist() == expected
    assert skeleton.sigmas == Skeleton.from_dict({"keypoints": told}).sigmas
    ours = COCO_17.indices_from(skeleton)
    assert [COCO_17.keypoints[i] for i in range(17) if ours[i] >= 0] == list(
        COCO_17.keypoints[:1] + COCO_17.keypoints[1:]
    )


@pytest.mark.parametrize(
    ("left", "right"), list(itertools.product(["left_eye", "L_Eye", "leftEye", "eye_l"], repeat=2))
)
def test_spellings_may_differ_within_a_pair(left, right):
    other = {"left_eye": "right_eye", "L_Eye": "R_Eye", "leftEye": "rightEye", "eye_l": "eye_r"}
    assert mirrors((left, "nose", other[right])) == (2, 1, 0)


@pytest.mark.parametrize(
    "names",
    [
        ("left_front_paw", "right_front_paw"),
        ("front_left_paw", "front_right_paw"),
        ("finger_1_left", "finger_1_right"),
        ("L1", "R1"),
        ("wheel_l", "wheel_r"),
        ("left", "right"),
        ("lsho", "rsho"),
        ("rank", "lank"),
        ("LBigToe", "RBigToe"),
        ("left_tip", "right_tip"),
    ],
)
def test_pairs_of_other_things(names):
    assert mirrors(names) == (1, 0)
    assert mirrors(("nose", *names)) == (0, 2, 1)


@pytest.mark.parametrize(
    "names",
    [
        ("nose", "neck", "tail"),
        ("l", "r"),  # of an alphabet
        ("L1", "L2", "L5", "C7"),  # vertebrae
        ("rear", "front"),
        ("lock", "rock"),
        ("upright", "bright"),
        ("label", "lid", "rim", "ring", "lip"),
        ("left_right_axis", "top"),
        ("a_l", "b"),
        ("7", "_", "éa"),
    ],
)
def test_what_is_no_side(names):
    assert mirrors(names) == tuple(range(len(names)))


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("left_knee", "nose"), "'left_knee' has no mirror keypoint; add 'right_knee'"),
        (("RightKnee",), "add 'LeftKnee'"),
        (("L_Shoulder", "R_Elbow"), "add 'R_Shoulder'"),
        (("L_Shoulder", "L_Elbow"), "add 'R_Shoulder'"),
        (("l_spoke", "r_rim"), "add 'r_spoke'"),
        (("l_eye", "r_eye", "l_spoke"), "add 'r_spoke'"),
        (("shoulder left",), "add 'shoulder right'"),
        (("leftknee", "rightelbow"), "add 'rightknee'"),
        (("left_eye", "right_eye", "Left_Eye"), "have one mirror keypoint"),
    ],
)
def test_sides_without_a_pair_are_errors(names, told):
    with pytest.raises(ValueError, match="keypoints: ") as caught:
        mirrors(names)
    assert told in str(caught.value)


@pytest.mark.parametrize("built_in", [COCO_17, LSP_14, MPII_16], ids=lambda s: s.name)
def test_built_in_names_are_plain(built_in):
    assert plain(built_in.keypoints) == built_in.keypoints


def test_thousands_of_names_take_no_time():
    names = [f"{side}_{number}" for number in range(500) for side in ("left", "right")]
    assert Skeleton.from_dict({"keypoints": names, "sigmas": [0.1] * 1000}).num_keypoints == 1000
    with pytest.raises(ValueError, match="30,000 names; 1,000 are possible"):
        Skeleton.from_dict({"keypoints": [f"k{i}" for i in range(30_000)], "sigmas": [0.1]})


def test_page_of_spellings_is_up_to_date():
    hint = "run `python docs/make_flip_pairs.py`"
    assert maker.PAGE.read_text(encoding="utf-8") == maker.page(), hint


def test_the_drawing_of_the_page_is_of_a_patch_and_its_mirror_image():
    """Mirrored back, the second half shows the first: dots, which have the colours of their sides,
    would not fit if left and right had not been swapped by name."""
    picture = read_image(maker.DRAWING).astype(int)
    np.testing.assert_allclose(picture, maker.drawing().astype(int), atol=2)
    first, second = np.split(picture, 2, axis=1)
    difference = np.abs(first - second[:, ::-1]).max(axis=-1)
    orange = (first[..., 0] > 200) & (first[..., 2] < 60) & (first[..., 1] < 140)
    assert orange.sum() > 100
    # A mirrored person has the other sides: where the first has a left dot, the second has a right.
    blue = second[:, ::-1][orange]
    assert (blue[:, 2] > blue[:, 0]).mean() > 0.8
    assert (difference > 60).mean() < 0.05
