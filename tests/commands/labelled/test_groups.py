"""evaluate --data: MPII and We Are Family by their own protocols."""

import json

import pytest
from command_line import BLUE, RED, assert_one_line, paint

from multiposenet.skeleton import MPII_16

HEAD = 10  # pixels from neck to top


def centre(person):
    x1, y1, x2, y2 = person
    return (x1 + x2) / 2, (y1 + y2) / 2


@pytest.fixture
def waf(tmp_path):
    """Two photos; on the second the red person's neck is labelled far from where it is found. Of
    the sticks only torso and head are there."""
    lines = []
    for name, people, off in (("a.png", [RED, BLUE], 0), ("b.png", [RED], 3 * HEAD)):
        paint(tmp_path / "images" / name, people)
        lines.append(f"{name} {len(people)} 6")
        for person in people:
            x, y = (side + 0.5 for side in centre(person))  # counted from 1
            y -= off
            arms = ["0 0 0 0"] * 4
            lines += [f"{x} {y} {x} {y + 20}", *arms, f"{x} {y - HEAD} {x} {y}"]
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "waf.txt").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
def mpii(tmp_path):
    """A photo of two persons and one of the red one; neck and hips are where they are found."""
    rows = []
    for name, people in (("a.png", [RED, BLUE]), ("b.png", [RED])):
        paint(tmp_path / "images" / name, people)
        for person in people:
            x, y = centre(person)
            places = {
                "upper_neck": (x, y),
                "head_top": (x, y - HEAD),
                "left_hip": person[:2],
                "right_hip": person[2:],
            }
            keypoints = [[-1, -1] for _ in MPII_16.keypoints]
            seen = [0] * len(keypoints)
            for keypoint, (u, v) in places.items():
                keypoints[MPII_16.index(keypoint)], seen[MPII_16.index(keypoint)] = (
                    [u + 0.5, v + 0.5],
                    1,
                )
            rows.append({"image": name, "joints": keypoints, "joints_vis": seen, "scale": 0.4})
    (tmp_path / "mpii.json").write_text(json.dumps(rows))
    return tmp_path


def test_waf(multiposenet, fake_model, waf):
    status, text, _ = multiposenet("evaluate", "--data", f"waf:{waf}", "--json", "-")
    figures = json.loads(text)
    # Necks by score: right, wrong (both .9), right (.5), of three; no head top is ever found.
    neck = (1 + 2 / 3) / 3
    assert figures["waf/head"] == pytest.approx(neck / 2)
    assert figures["waf/total"] == pytest.approx(neck / 2)
    assert figures["waf/wrist"] is None
    assert status == 0 and figures["photos"] == 2 and figures["failed"] == 0


def test_mpii(multiposenet, fake_model, mpii):
    status, text, _ = multiposenet(
        "evaluate", "--data", f"mpii:{mpii}", "--metrics", "mpii", "--json", "-"
    )
    figures = json.loads(text)
    assert status == 0
    for measure in ("mpii", "pckh"):
        assert figures[f"{measure}/hip"] == 1
        assert figures[f"{measure}/head"] == pytest.approx(1 / 2)
        assert figures[f"{measure}/total"] == pytest.approx(3 / 4)
        assert figures[f"{measure}/elbow"] is None


def test_a_photo_that_cannot_be_read_has_nobody(multiposenet, fake_model, waf):
    photo = waf / "images" / "a.png"
    photo.write_bytes(photo.read_bytes()[:120])  # the size is still there
    status, text, errors = multiposenet("evaluate", "--data", f"waf:{waf}", "--json", "-")
    figures = json.loads(text)
    assert status == 1 and figures["failed"] == 1 and figures["waf/total"] == 0
    assert str(photo) in errors[0]


@pytest.mark.parametrize(
    "options, field",
    [
        (("--data", "coco:{}"), "--data"),
        (("--data", "waf:{}", "--metrics", "pck"), "--metrics"),
        (("--data", "waf:{}", "--annotations", "a.json"), "--annotations"),
        (("--images", "{}", "--metrics", "waf"), "--metrics"),
    ],
)
def test_wrong_use(multiposenet, fake_model, waf, options, field):
    status, _, errors = multiposenet("evaluate", *(word.format(waf) for word in options))
    assert status == 2
    assert_one_line(errors, field)
