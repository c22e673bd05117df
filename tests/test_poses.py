"""Poses: selection, and the output formats read back."""

import csv
import io
import json
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from multiposenet.errors import InputError
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14


@pytest.fixture
def poses():
    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 50, (3, 2))
    return Poses(
        boxes=np.concatenate([corner, corner + rng.uniform(5, 40, (3, 2))], axis=-1),
        box_scores=[0.9, 0.8, 0.4],
        keypoints=rng.uniform(0, 90, (3, 17, 2)),
        keypoint_scores=rng.uniform(0, 1, (3, 17)),
        scores=[0.7, 0.30000001, 0.1],
        skeleton=COCO_17,
        image_size=(96, 128),
        mask=np.zeros((96, 128), np.float32),
        source="photos/a, b.jpg",
    )


def test_arrays_become_float32(poses):
    assert poses.boxes.dtype == poses.scores.dtype == np.float32
    assert len(poses) == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("boxes", np.zeros((2, 4))),
        ("boxes", np.zeros((3, 5))),
        ("box_scores", np.zeros(2)),
        ("keypoints", np.zeros((3, 16, 2))),
        ("keypoint_scores", np.zeros((3, 17, 1))),
        ("scores", np.zeros((3, 1))),
        ("mask", np.zeros((128, 96))),
    ],
)
def test_wrong_shapes_are_named(poses, field, value):
    fields = {name: getattr(poses, name) for name in poses.__dataclass_fields__}
    if field == "boxes" and len(value) == 2:
        field = "box_scores"  # the number of boxes says how many people there are
        fields["boxes"] = value
    else:
        fields[field] = value
    with pytest.raises(ValueError, match=f"^{field}: shape"):
        Poses(**fields)


def test_selection(poses):
    assert [person.score for person in poses] == pytest.approx([0.7, 0.3, 0.1])
    np.testing.assert_array_equal(poses[-1].box, poses.boxes[2])
    np.testing.assert_array_equal(poses[1:].keypoints, poses.keypoints[1:])
    np.testing.assert_array_equal(poses[[2, 0]].scores, poses.scores[[2, 0]])
    np.testing.assert_array_equal(poses[poses.scores > 0.2].scores, poses.scores[:2])
    assert len(poses[[]]) == 0 and len(poses[np.zeros(3, bool)]) == 0
    assert poses[:1].mask is poses.mask and poses[:1].source == poses.source
    assert poses[:1].ids is None and poses[0].id is None
    tracked = replace(poses, ids=[7, 5, 9])
    assert tracked[[2, 0]].ids.tolist() == [9, 7] and tracked[1].id == 5
    with pytest.raises(ValueError, match=r"ids: shape \(2,\); give \(3,\)"):
        replace(poses, ids=[1, 2])
    with pytest.raises(IndexError):
        poses[3]


def test_above(poses):
    assert [len(poses.above(score)) for score in (0, 0.1, 0.3, 0.5, 1)] == [3, 3, 2, 1, 0]


def test_empty_is_a_normal_value():
    empty = Poses.empty(LSP_14, (20, 30), source="x.png")
    assert len(empty) == 0 and list(empty) == []
    assert empty.keypoints.shape == (0, 14, 2)
    assert empty.to_coco(image_id=3) == [] and empty.to_jsonl() == ""
    assert empty.to_openpose()["people"] == []
    assert len(empty.to_csv().splitlines()) == 1
    assert len(empty.above(0.5)) == 0
    image = np.full((20, 30, 3), 9, np.uint8)
    np.testing.assert_array_equal(empty.draw(image=image), image)


def test_coco_results_are_plain_json_in_coco_units(poses):
    results = json.loads(json.dumps(poses.to_coco(image_id=7, file_name="a.jpg"), allow_nan=False))
    assert len(results) == 3
    for person, entry in enumerate(results):
        assert entry["image_id"] == 7 and entry["category_id"] == 1
        assert entry["file_name"] == "a.jpg"
        triples = np.reshape(entry["keypoints"], (17, 3))
        np.testing.assert_allclose(triples[:, :2], poses.keypoints[person], atol=6e-4)
        np.testing.assert_allclose(triples[:, 2], poses.keypoint_scores[person], atol=1e-6)
        x, y, width, height = entry["bbox"]
        np.testing.assert_allclose(
            [x, y, x + width, y + height], poses.boxes[person], rtol=0, atol=2e-3
        )
        assert entry["score"] == pytest.approx(float(poses.scores[person]), abs=1e-6)
        assert entry["box_score"] == pytest.approx(float(poses.box_scores[person]), abs=1e-6)
    assert "file_name" not in poses.to_coco(image_id=7, category_id=3)[0]
    assert poses.to_coco(image_id=7, category_id=3)[0]["category_id"] == 3


def test_coco_results_load_in_pycocotools(poses):
    coco = pytest.importorskip("pycocotools.coco").COCO()
    coco.dataset = {
        "images": [{"id": 7}],
        "annotations": [],
        "categories": [{"id": 1, "name": "person"}],
        "info": {},
    }
    coco.createIndex()
    assert len(coco.loadRes(poses.to_coco(image_id=7)).getAnnIds()) == 3


def test_json_lines(poses):
    lines = [json.loads(line) for line in poses.to_jsonl().splitlines()]
    assert [line["person"] for line in lines] == [0, 1, 2]
    assert lines[1]["source"] == "photos/a, b.jpg"
    np.testing.assert_allclose(lines[2]["box"], poses.boxes[2], atol=6e-4)
    assert list(lines[0]["keypoints"]) == list(COCO_17.keypoints)
    x, y, score = lines[0]["keypoints"]["left_wrist"]
    np.testing.assert_allclose([x, y], poses.keypoints[0, 9], atol=6e-4)
    assert score == pytest.approx(float(poses.keypoint_scores[0, 9]), abs=1e-6)


def test_csv(poses):
    rows = list(csv.DictReader(io.StringIO(poses.to_csv())))
    assert len(rows) == 3 and rows[0]["source"] == "photos/a, b.jpg"
    assert float(rows[2]["right_ankle_y"]) == pytest.approx(poses.keypoints[2, 16, 1], abs=6e-4)
    assert float(rows[1]["nose_score"]) == pytest.approx(poses.keypoint_scores[1, 0], abs=1e-6)
    assert float(rows[1]["x2"]) == pytest.approx(poses.boxes[1, 2], abs=6e-4)
    assert float(rows[1]["score"]) == pytest.approx(0.3) and rows[2]["person"] == "2"


def test_openpose(poses):
    people = poses.to_openpose()["people"]
    flat = np.reshape(people[1]["pose_keypoints_2d"], (17, 3))
    np.testing.assert_allclose(flat[:, :2], poses.keypoints[1], atol=6e-4)
    json.dumps(people)


@pytest.fixture
def unsure(poses):
    """The left wrist of the second person was not found."""
    scores = poses.keypoint_scores.copy()
    scores[1, 9] = 0
    return replace(poses, keypoint_scores=scores)


def test_what_was_not_found_has_no_place(unsure):
    """Somebody who plots what is in a file would else draw a limb to a guess."""
    wrist = slice(3 * 9, 3 * 10)
    assert unsure.to_coco(1)[1]["keypoints"][wrist] == [0, 0, 0]
    assert unsure.to_coco(1)[0]["keypoints"][wrist][2] > 0
    guess = unsure.to_coco(1, guesses=True)[1]["keypoints"][wrist]
    np.testing.assert_allclose(guess[:2], unsure.keypoints[1, 9], atol=6e-4)
    assert guess[2] == 0
    assert json.loads(unsure.to_jsonl().splitlines()[1])["keypoints"]["left_wrist"] is None
    row = list(csv.DictReader(io.StringIO(unsure.to_csv())))[1]
    assert row["left_wrist_x"] == row["left_wrist_y"] == "" and row["left_wrist_score"] == "0.0"
    assert unsure.to_openpose()["people"][1]["pose_keypoints_2d"][wrist] == [0, 0, 0]
    labels = [s["label"] for s in unsure.to_labelme()["shapes"] if s["group_id"] == 1]
    assert "left_wrist" not in labels and "right_wrist" in labels


def test_ids_are_in_all_formats(poses):
    tracked = replace(poses, ids=[7, 5, 9])
    assert [row["track_id"] for row in tracked.to_coco(1)] == [7, 5, 9]
    assert [json.loads(line)["id"] for line in tracked.to_jsonl().splitlines()] == [7, 5, 9]
    assert [row["id"] for row in csv.DictReader(io.StringIO(tracked.to_csv()))] == list("759")
    assert tracked.to_openpose()["people"][2]["person_id"] == [9]
    assert {shape["group_id"] for shape in tracked.to_labelme()["shapes"]} == {5, 7, 9}


def test_labelme(poses):
    """The fields that LabelMe 5 reads: https://github.com/wkentaro/labelme."""
    content = json.loads(json.dumps(poses.to_labelme(), allow_nan=False))
    assert (content["imagePath"], content["imageHeight"], content["imageWidth"]) == (
        "a, b.jpg",
        96,
        128,
    )
    boxes = [shape for shape in content["shapes"] if shape["shape_type"] == "rectangle"]
    assert [shape["label"] for shape in boxes] == ["person"] * 3
    np.testing.assert_allclose(np.reshape(boxes[1]["points"], 4), poses.boxes[1], atol=6e-4)
    points = [shape for shape in content["shapes"] if shape["shape_type"] == "point"]
    assert len(points) == 51 and points[17]["label"] == "nose" and points[17]["group_id"] == 1
    np.testing.assert_allclose(points[17]["points"], poses.keypoints[1, :1], atol=6e-4)


def test_pandas(unsure):
    pandas = pytest.importorskip("pandas")
    table = unsure.to_pandas()
    expected = pandas.read_csv(io.StringIO(unsure.to_csv()))
    pandas.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert table["left_wrist_x"].isna().tolist() == [False, True, False]


def test_supervision(unsure):
    pytest.importorskip("supervision", reason="supervision is not installed; it brings OpenCV")
    found = unsure.to_supervision()
    np.testing.assert_array_equal(found.xy, unsure.keypoints)
    np.testing.assert_array_equal(found.keypoint_confidence, unsure.keypoint_scores)
    assert not found.visible[1, 9] and found.visible.sum() == 50


def test_a_library_that_is_missing_is_named(poses, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(InputError, match="to_pandas: pandas: not installed; pip install pandas"):
        poses.to_pandas()


def test_draw_writes_what_it_returns(poses, tmp_path):
    image = np.full((96, 128, 3), 90, np.uint8)
    drawn = poses.draw(tmp_path / "out.png", image)
    assert (image == 90).all() and (drawn != 90).any()
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out.png")), drawn)
    with pytest.raises(ValueError, match="image: shape"):
        poses.draw(image=image[:50])


def test_draw_reads_the_source_again(poses, tmp_path):
    image = np.full((96, 128, 3), 90, np.uint8)
    Image.fromarray(image).save(tmp_path / "photo.png")
    again = replace(poses, source=str(tmp_path / "photo.png"))
    np.testing.assert_array_equal(again.draw(), poses.draw(image=image))
    with pytest.raises(InputError, match="these poses come from no file"):
        replace(poses, source=None).draw()


def test_draw_takes_the_image_that_was_kept(poses, tmp_path):
    image = np.full((96, 128, 3), 90, np.uint8)
    kept = replace(poses, source=None, image=image)
    np.testing.assert_array_equal(kept.draw(), poses.draw(image=image))
    assert "image" not in repr(kept) and kept[:1].image is image
    only = kept.draw(layers=["boxes"])
    assert (only != kept.draw()).any() and (only != image).any()


def test_a_notebook_shows_the_drawing(poses):
    kept = replace(poses, image=np.full((96, 128, 3), 90, np.uint8))
    with Image.open(io.BytesIO(kept._repr_png_())) as picture:
        np.testing.assert_array_equal(np.asarray(picture), kept.draw())
    wide = Poses.empty(COCO_17, (40, 3000), image=np.zeros((40, 3000, 3), np.uint8))
    with Image.open(io.BytesIO(wide._repr_png_())) as picture:
        assert picture.size == (1024, 14)
    assert replace(poses, source="gone.jpg")._repr_png_() is None


def test_repr_is_short(poses):
    assert repr(poses) == "<Poses: 3 people in photos/a, b.jpg (128x96, coco_17)>"
