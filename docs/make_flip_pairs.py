"""Makes `docs/flip-pairs.md`: spellings of left and right, and what is recognised in them.

    python docs/make_flip_pairs.py              the page
    python docs/make_flip_pairs.py --drawing    the picture in it, too

The page is what `multiposenet.keypoint_names` makes of the names; a test keeps it so.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from multiposenet import keypoint_names

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "flip-pairs.md"
DRAWING = ROOT / "docs" / "flip-pairs.png"

# Of one pair each, as data sets have them.
PAIRS = (
    ("left_knee", "right_knee"),
    ("LEFT_KNEE", "RIGHT_KNEE"),
    ("Left_Knee", "Right_Knee"),
    ("Left knee", "Right knee"),
    ("left-knee", "right-knee"),
    ("leftKnee", "rightKnee"),
    ("LeftKnee", "RightKnee"),
    ("leftknee", "rightknee"),
    ("knee_left", "knee_right"),
    ("kneeLeft", "kneeRight"),
    ("knee (left)", "knee (right)"),
    ("L_Knee", "R_Knee"),
    ("L Knee", "R Knee"),
    ("l.knee", "r.knee"),
    ("LKnee", "RKnee"),
    ("lKnee", "rKnee"),
    ("lknee", "rknee"),
    ("knee_l", "knee_r"),
    ("Knee.L", "Knee.R"),
    ("kneeL", "kneeR"),
    ("lt_knee", "rt_knee"),
    ("left_knee", "R_Knee"),
    ("front_left_paw", "front_right_paw"),
    ("LBigToe", "RBigToe"),
    ("lsho", "rsho"),
    ("wheel_l", "wheel_r"),
)
# Keypoints of one thing each.
OTHERS = (
    ("rear", "front"),
    ("label", "lip", "rim"),
    ("L1", "L2", "C7"),
    ("l", "r"),
    ("lock", "rock"),
    ("left_knee", "nose"),
    ("L_Shoulder", "R_Elbow"),
    ("wheel_l", "wheel_r", "l_spoke"),
    ("left_eye", "right_eye", "Left_Eye"),
)

INTRODUCTION = """# Left and right in the names of keypoints

Mirroring a photo swaps the left keypoints with the right ones. Which these are, the names tell, as
long as the [skeleton's file](data.md#a-skeleton-of-ones-own) does not. Made from what the code
recognises by `python docs/make_flip_pairs.py`; a test keeps it so.

![A person seen from the front, and mirrored; in both, left is on the right](flip-pairs.png)

A patch of training and the same mirrored; left keypoints are drawn orange and right ones blue, by
their names. (`python docs/make_flip_pairs.py --drawing`; `multiposenet inspect` draws one's own.)
"""


def rows_of_pairs() -> Iterator[tuple[str, str, str]]:
    """The two names of each pair and what they are called within the library."""
    for left, right in PAIRS:
        if keypoint_names.mirrors((left, right)) != (1, 0):
            raise AssertionError(f"{left}, {right}: are not recognised")
        yield left, right, keypoint_names.plain((left, right))[0]


def rows_of_others() -> Iterator[tuple[str, str]]:
    """The names of a thing without pairs, and what is made of them."""
    for names in OTHERS:
        try:
            if keypoint_names.mirrors(names) != tuple(range(len(names))):
                raise AssertionError(f"{names}: a pair is recognised; list it among PAIRS")
            told = "no sides: nothing is swapped"
        except ValueError as error:
            told = f"error: {str(error).removeprefix('keypoints: ')}"
        yield ", ".join(names), told


def page() -> str:
    """The page."""
    lines = [INTRODUCTION, "## Recognised", "", "| left | right | known as |", "|---|---|---|"]
    lines += [f"| `{a}` | `{b}` | `{known}` |" for a, b, known in rows_of_pairs()]
    lines += ["", "## No sides, and errors", "", "| keypoints | |", "|---|---|"]
    lines += [f"| `{names}` | {told} |" for names, told in rows_of_others()]
    return "\n".join(lines) + "\n"


def drawing():
    """A patch and the same mirrored, side by side, `(256, 512, 3)` uint8 RGB."""
    import cv2
    import numpy as np

    from multiposenet.skeleton import COCO_17
    from multiposenet.training.datasets import synthetic
    from multiposenet.training.patches.sampler import PatchSampler

    (sample,) = synthetic.samples(1, seed=4, people=(1, 1))
    pictures = []
    for flip in (0.0, 1.0):
        sampler = PatchSampler(
            256, COCO_17.flip_indices, scale=(0.5, 0.5), centre="people", rotation_chance=0.0,
            flip=flip, jitter=0.0, color=None,
        )  # fmt: skip
        patch = sampler(sample, np.random.default_rng(0))
        picture = np.ascontiguousarray(patch.image)
        for name, (x, y, seen) in zip(COCO_17.keypoints, patch.keypoints[0], strict=True):
            side = (230, 120, 0) if name.startswith("left") else (0, 90, 220)
            colour = side if "_" in name else (255, 255, 255)
            if seen:
                place = (round(float(x - 0.5)), round(float(y - 0.5)))
                cv2.circle(picture, place, 6, (255, 255, 255), -1, cv2.LINE_AA)
                cv2.circle(picture, place, 5, colour, -1, cv2.LINE_AA)
        pictures.append(picture)
    return np.concatenate(pictures, axis=1)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    if "--drawing" in sys.argv[1:]:
        from multiposenet import drawing as drawings

        drawings.save(drawing(), DRAWING)
