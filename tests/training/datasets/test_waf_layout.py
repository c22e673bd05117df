"""We Are Family in its own layouts."""

import numpy as np
import pytest
from grey_photo import photo
from scipy.io import savemat

from multiposenet.errors import AnnotationError, InputError
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.training.datasets import waf

# Ends of the sticks of one frontal person; left is the person's own, on the right of the picture.
STICKS = {
    "torso": (30, 20, 30, 44),
    "left_upper": (40, 22, 44, 32),
    "right_upper": (20, 22, 16, 32),
    "left_lower": (44, 32, 40, 40),
    "right_lower": (16, 32, 20, 40),
    "head": (30, 8, 30, 19),
}


def write_waf(folder, people, sides=("left", "right"), turned=(), missing=()):
    order = ["torso"] + [f"{side}_{part}" for part in ("upper", "lower") for side in sides]
    columns = []
    for name in order + ["head"]:
        x1, y1, x2, y2 = STICKS[name]
        stick = (x2, y2, x1, y1) if name in turned else (x1, y1, x2, y2)
        columns.append((0, 0, 0, 0) if name in missing else stick)
    coordinates = np.array(columns, float).T + 1  # counted from 1
    coordinates[:, [name in missing for name in order + ["head"]]] = 0
    person = np.empty(people, dtype=[("coor", object)])
    person["coor"] = [coordinates] * people
    frames = np.empty(2, dtype=[("filename", object), ("stickmen", object)])
    frames["filename"], frames["stickmen"] = ["a.png", "b.png"], [person, person[:1]]
    savemat(folder / "waf.mat", {"frames": frames})
    for name in ("a.png", "b.png"):
        photo(folder / "img" / name)


@pytest.mark.parametrize("sides", [("left", "right"), ("right", "left")])
@pytest.mark.parametrize("turned", [(), ("left_upper", "right_lower", "head")])
def test_waf_keypoints(tmp_path, sides, turned):
    write_waf(tmp_path, 2, sides, turned)
    a, b = waf.read(tmp_path, LSP_14)
    assert (len(a), len(b), a.image_size, a.path.name) == (2, 1, (40, 60), "a.png")
    expected = {
        "left_shoulder": (40, 22), "left_elbow": (44, 32), "left_wrist": (40, 40),
        "right_shoulder": (20, 22), "right_elbow": (16, 32), "right_wrist": (20, 40),
        "neck": (30, 19), "head_top": (30, 8),
    }  # fmt: skip
    for j, name in enumerate(LSP_14.keypoints):
        assert b.labelled[0, j] == (name in expected)
        if name in expected:
            np.testing.assert_allclose(b.keypoints[0, j], (*np.add(expected[name], 0.5), 2))
    assert not a.complete and not a.single
    margin = 0.25 * 24
    np.testing.assert_allclose(
        b.boxes, [[16.5 - margin, 8.5 - margin, 44.5 + margin, 44.5 + margin]]
    )


def write_waf_text(folder, people):
    """A photo with `people` and one with nobody; of the last person a lower arm is hidden."""
    lines = [f"family one.png {people} 6"]
    for person in range(people):
        for name in ("torso", "left_upper", "right_upper", "left_lower", "right_lower", "head"):
            hidden = name == "left_lower" and person == people - 1
            ends = ["NaN"] * 4 if hidden else [str(value + 1) for value in STICKS[name]]
            lines.append(" ".join(ends))
    (folder / "data").mkdir()
    (folder / "data/family.txt").write_text("\n".join([*lines, "", "nobody.png 0 6"]) + "\n")
    (folder / "README.txt").write_text("not an annotation")
    for name in ("family one.png", "nobody.png"):
        photo(folder / "images" / name)


def test_waf_text_says_the_same_as_matlab(tmp_path):
    write_waf(tmp_path, 1)
    expected, _ = waf.read(tmp_path, LSP_14)
    folder = tmp_path / "text"
    folder.mkdir()
    write_waf_text(folder, 2)
    one, nobody = waf.read(folder, LSP_14)
    assert one.path == folder / "images/family one.png" and len(one) == 2 and len(nobody) == 0
    np.testing.assert_array_equal(one.keypoints[0], expected.keypoints[0])
    np.testing.assert_array_equal(one.boxes[0], expected.boxes[0])
    left = [LSP_14.index(f"left_{name}") for name in ("shoulder", "elbow", "wrist")]
    assert one.labelled[0, left].all() and not one.labelled[1, left].any()


@pytest.mark.parametrize(
    "text, message",
    [
        ("a.png 1 5\n", "line 1: 'a.png 1 5' is not FILE_NAME PEOPLE 6"),
        ("a.png 1 6\n1 2 3 4\n", "line 1: not 6 lines of 4 numbers"),
        ("a.png 0 6\nb.png 1 6\n" + "1 2 3 four\n" * 6, "line 2: not 6 lines"),
    ],
)
def test_waf_text_defects(tmp_path, text, message):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/family.txt").write_text(text)
    with pytest.raises(AnnotationError, match=message):
        waf.read(tmp_path)


def test_waf_missing_sticks_are_unlabelled(tmp_path):
    write_waf(tmp_path, 1, missing=("left_lower",))
    _, b = waf.read(tmp_path)
    known = [name for k, name in enumerate(COCO_17.keypoints) if b.labelled[0, k]]
    assert known == ["right_shoulder", "right_elbow", "right_wrist"]


def test_waf_defects(tmp_path):
    with pytest.raises(InputError, match="no ..mat"):
        waf.read(tmp_path)
    (tmp_path / "waf.mat").write_bytes(b"no matlab")
    with pytest.raises(AnnotationError, match="not a Matlab file"):
        waf.read(tmp_path)
    savemat(tmp_path / "waf.mat", {"something": np.zeros(3)})
    with pytest.raises(AnnotationError, match="no struct array"):
        waf.read(tmp_path)
