"""Labels in the formats of tools: what both sides hold survives, what one cannot is counted."""

import json

import numpy as np
import pytest
from PIL import Image

from multiposenet import label_formats
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.skeleton import COCO_17, Skeleton

DOLL = Skeleton.from_dict(
    {
        "name": "doll",
        "keypoints": ["Kopf", "R_tip", "L_tip", "links", "rechts"],
        "limbs": [["Kopf", "L_tip"], ["Kopf", "R_tip"]],
        "pairs": [["L_tip", "R_tip"], ["links", "rechts"]],
        "sigmas": [0.01, 0.02, 0.02, 0.03, 0.03],
    }
)
# What each format holds besides boxes, keypoints, names and sizes of photos with somebody on them.
HOLDS = {
    "coco": {"crowds", "polygons", "codes", "areas", "empty"},
    "parquet": {"crowds", "polygons", "codes", "areas", "empty"},
    "cvat": {"crowds", "polygons", "codes", "empty"},
    "labelme": {"crowds", "polygons", "empty"},
    "label-studio": {"crowds", "polygons"},
    "yolo": {"empty"},
}
TARGETS = {"coco": "a.json", "parquet": "a.parquet", "cvat": "a.xml", "label-studio": "t.json"}
MASK = np.zeros((48, 64), bool)
MASK[5:20, 30:41] = True
MASK[9:12, 33:35] = False
RUNS = np.diff(np.flatnonzero(np.diff(np.r_[2, MASK.ravel("F"), 2]))).tolist()


def person(number, image, points, box, **more):
    flags = [0 if point is None else point[2] for point in points]
    flat = [value for point in points for value in (point or (0, 0, 0))]
    own = {"id": number, "image_id": image, "category_id": 1, "bbox": box}
    labelled = sum(flag > 0 for flag in flags)
    return {**own, "iscrowd": 0, "num_keypoints": labelled, "keypoints": flat, **more}


CONTENT = {
    "images": [
        {"id": 1, "file_name": "a.png", "width": 64, "height": 48},
        {"id": 2, "file_name": "b.png", "width": 31, "height": 97},
        {"id": 3, "file_name": "c & <d>.png", "width": 64, "height": 48},
    ],
    "annotations": [
        person(
            *(1, 1, [(10.25, 11.5, 2), None, (3.1, 4.7, 1), (12.0, 8.0, 2), (9.9, 9.9, 2)]),
            [1.5, 2.25, 20.1, 30.3],
            area=444.5,
            segmentation=[[1.5, 2, 20, 2, 20, 30.5], [2, 3, 4, 5, 6, 4]],
        ),
        person(
            *(2, 1, [(12.25, 11.5, 2), (50.5, 40.25, 2), None, None, None]),
            [10.0, 1.0, 50.7, 45.1],
            segmentation={"size": [48, 64], "counts": RUNS},
        ),
        person(3, 1, [None] * 5, [40.0, 2.0, 20.0, 10.0], iscrowd=1),
        person(4, 3, [(1.0, 2.0, 2)] * 5, [0.5, 0.5, 3.0, 3.0]),
    ],
    "categories": [{"id": 1, "name": "doll", "keypoints": list(DOLL.keypoints)}],
}


@pytest.fixture
def original(tmp_path):
    return CocoAnnotations.from_content(CONTENT, tmp_path / "original.json", DOLL)


def paint(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for image in CONTENT["images"]:
        size = image["width"], image["height"]
        Image.new("RGB", size).save(folder / image["file_name"])


def target(kind, tmp_path):
    return f"{kind}:{tmp_path / 'out' / TARGETS.get(kind, '')}".rstrip("/")


@pytest.mark.parametrize("kind", HOLDS)
def test_round_trip(kind, tmp_path, original):
    if kind == "parquet":
        pytest.importorskip("pyarrow")
    holds, name = HOLDS[kind], target(kind, tmp_path)
    paint(tmp_path / "out" / "images" / "train")
    written = label_formats.write(original, name)
    assert all(file.is_file() for file in written.files)
    found = label_formats.read(name, DOLL if kind == "coco" else None)
    again = found.annotations
    assert again.skeleton == DOLL
    records = [r for r in original.images if len(r) or "empty" in holds]
    assert [r.file_name for r in again.images] == [r.file_name for r in records]
    assert [(r.width, r.height) for r in again.images] == [(r.width, r.height) for r in records]
    one, other = original.persons, again.persons
    kept = np.arange(4) if "crowds" in holds else np.flatnonzero(~one.crowd)
    np.testing.assert_array_equal(other.crowd, one.crowd[kept])
    np.testing.assert_allclose(other.xywh, one.xywh[kept], atol=1e-7)
    np.testing.assert_allclose(other.keypoints, one.keypoints[kept], atol=1e-7)
    if "areas" in holds:
        np.testing.assert_allclose(other.areas, one.areas)
    outlines = [again.segmentation(row) for row in range(len(kept))]
    if "polygons" in holds:
        for polygon, wanted in zip(outlines[0], original.segmentation(0), strict=True):
            np.testing.assert_allclose(polygon, wanted, atol=1e-7)
    else:
        assert outlines[0] is None
    if "codes" in holds:
        from multiposenet import segmentations

        np.testing.assert_array_equal(segmentations.draw(outlines[1], (48, 64)), MASK)
    else:
        assert outlines[1] is None
    lost = {what: count for what, count in written.lost.items() if count}
    assert sum("run-length" in what for what in lost) == (kind in ("labelme", "label-studio"))
    assert lost.get("crowds", 0) == ("crowds" not in holds)
    assert lost.get("areas other than the box's", 0) == ("areas" not in holds)
    assert any("photos of nobody" in what for what in lost) == ("empty" not in holds)
    assert sum((+found.lost).values()) == ("empty" not in holds)


def test_every_writer_says_nothing_of_what_it_keeps(tmp_path):
    """COCO's keypoints with plain persons survive everywhere, and nothing is said to be lost."""
    points = np.random.default_rng(0).uniform(1, 47, (17, 2)).round(2)
    flat = [(x, y, 1 + k % 2) for k, (x, y) in enumerate(points.tolist())]
    content = {
        "images": CONTENT["images"][:1],
        "annotations": [person(1, 1, flat, [1.0, 2.0, 40.0, 45.0])],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)}],
    }
    original = CocoAnnotations.from_content(content, tmp_path / "o.json")
    paint(tmp_path / "out" / "images" / "train")
    for kind in ("coco", "cvat", "labelme", "label-studio", "yolo"):
        name = target(kind, tmp_path)
        assert +label_formats.write(original, name).lost == {}
        found = label_formats.read(name)
        photos = [image for image in found.annotations.images if len(image)]
        assert found.annotations.skeleton == COCO_17 and len(photos) == 1
        np.testing.assert_allclose(photos[0].keypoints, original.images[0].keypoints, rtol=1e-6)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


# What others wrote


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><job><labels>
<label><name>ant</name><type>skeleton</type><attributes/>
<svg>&lt;line x1="1" data-type="edge" data-node-from="2" data-node-to="1"&gt;&lt;/line&gt;
&lt;circle r="1.5" data-type="element node" data-element-id="1" data-node-id="1"
data-label-name="tail"&gt;&lt;/circle&gt;&lt;circle data-type="element node" data-node-id="2"
data-label-name="head"&gt;&lt;/circle&gt;</svg></label>
<label><name>tail</name><type>points</type><parent>ant</parent></label>
<label><name>head</name><type>points</type><parent>ant</parent></label>
</labels></job></meta>
<image id="0" name="sub/a.jpg" width="100" height="50">
<skeleton label="ant" source="manual" z_order="0">
<points label="head" source="manual" outside="0" occluded="1" points="30.00,20.00"></points>
<points label="tail" source="manual" outside="1" occluded="0" points="0.0,0.0"></points></skeleton>
<box label="ant" source="manual" occluded="0" xtl="10" ytl="10" xbr="40.5" ybr="30" z_order="0"/>
<box label="leaf" source="manual" occluded="0" xtl="1" ytl="1" xbr="2" ybr="2" z_order="0"/>
<polyline label="ant" points="1,1;2,2"/>
</image></annotations>
"""


def test_cvat_as_cvat_writes_it(tmp_path):
    found = label_formats.read(str(write(tmp_path / "annotations.xml", CVAT)))
    (record,) = found.annotations.images
    skeleton = found.annotations.skeleton
    assert skeleton.keypoints == ("tail", "head") and skeleton.limbs == ((1, 0),)
    assert record.file_name == "sub/a.jpg"
    assert record.boxes.tolist() == [[10, 10, 40.5, 30]]  # of the ant that lies in it
    assert record.keypoints.tolist() == [[[0, 0, 0], [30, 20, 1]]]
    assert sorted((+found.lost).values()) == [1, 1]  # the leaf, and the line


YOLO = "path: .\ntrain: images/train\nval: images/val\nkpt_shape: [2, {d}]\nnames: {{0: ant}}\n"


def test_yolo_of_two_numbers_a_keypoint(tmp_path):
    folder = tmp_path / "set"
    paint(folder / "images" / "val")
    write(folder / "data.yaml", YOLO.format(d=2) + "kpt_names:\n  0: [head, tail]\n")
    write(folder / "labels" / "val" / "a.txt", "0 0.5 0.5 0.25 0.5 0.25 0.25 0 0\n")
    found = label_formats.read(f"yolo:{folder}:val")
    assert len(found.annotations.images) == 3 and found.photos == folder / "images" / "val"
    (record,) = [record for record in found.annotations.images if len(record)]
    assert record.boxes.tolist() == [[24, 12, 40, 36]]
    assert record.keypoints.tolist() == [[[16, 12, 2], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("more", "labels", "told"),
    [
        ("", "", "data.yaml: kpt_names: missing; name the keypoints"),
        ("kpt_names: {0: [head]}\n", "", "kpt_shape: 2 keypoints, there are 1 names"),
        ("kpt_names: {0: [left_x, y]}\nflip_idx: [0, 1]\n", "", "has no mirror keypoint"),
        ("kpt_names: {0: [left, right]}\nflip_idx: [0, 1]\n", "", "flip_idx: [0, 1] is not what"),
        ("kpt_names: {0: [a, b]}\n", "0 1 2\n", "a.txt: line 1: 3 numbers instead of 11"),
        ("kpt_names: {0: [a, b]}\n", "\n0 nan" + " 0" * 9, "a.txt: line 2: 'nan' is no number"),
        ("kpt_names: {0: [a, b]}\n", "1" + " 0" * 10, "a.txt: line 1: class 1 is not in names"),
        ("kpt_names: {0: [a, b]}\n", "0 1e300" + " 0" * 9, "a number above 10,000"),
        ("kpt_names: {0: [a, b]}\n", "0 .1 .1 -.1 .1" + " 0" * 6, "a box of negative size"),
        ("kpt_names: 3\n", "", "kpt_names: 3; list the names"),
    ],
)
def test_wrong_yolo(tmp_path, more, labels, told):
    paint(tmp_path / "images" / "train")
    write(tmp_path / "data.yaml", YOLO.format(d=3) + more)
    write(tmp_path / "labels" / "train" / "a.txt", labels)
    with pytest.raises((AnnotationError, InputError)) as caught:
        assert label_formats.read(f"yolo:{tmp_path}").annotations
    assert told in str(caught.value) and "\n" not in str(caught.value)


LABELME = {
    "version": "5.4.1",
    "flags": {},
    "imagePath": "..\\photos\\a.jpg",
    "imageData": None,
    "imageWidth": 64,
    "imageHeight": 48,
    "shapes": [
        {"label": "person", "shape_type": "rectangle", "points": [[30, 40], [2, 4]]},
        {"label": "left_eye", "shape_type": "point", "points": [[10, 11]]},
        {"label": "nose", "shape_type": "point", "points": [[9, 12]], "group_id": None},
        {"label": "right_eye", "shape_type": "point", "points": [[60, 12]]},
        {"label": "person", "shape_type": "circle", "points": [[60, 12], [1, 1]]},
    ],
}


def test_labelme_without_groups(tmp_path):
    write(tmp_path / "a.json", LABELME)
    found = label_formats.read(f"labelme:{tmp_path}")
    (record,) = found.annotations.images
    assert record.file_name == "../photos/a.jpg" and record.boxes.tolist() == [[2, 4, 30, 40]]
    assert found.annotations.skeleton.keypoints == ("nose", "left_eye", "right_eye")  # COCO's order
    assert record.keypoints.tolist() == [[[9, 12, 2], [10, 11, 2], [0, 0, 0]]]  # one is nobody's
    assert sorted((+found.lost).values()) == [1, 1]


def region(number, kind, value, **more):
    size = {"original_width": 200, "original_height": 100}
    return {"id": number, "type": kind, "value": value, **size, **more}


def box(number, x, label="person", **more):
    value = {"x": x, "y": 10, "width": 20, "height": 50, "rectanglelabels": [label]}
    return region(number, "rectanglelabels", value, **more)


def point(number, name, x, **more):
    value = {"x": x, "y": 20, "width": 0.3, "keypointlabels": [name]}
    return region(number, "keypointlabels", value, **more)


TASKS = [
    {
        "id": 7,
        "data": {"image": "/data/upload/3/0a1b2c3d-my-photo.jpg"},
        "annotations": [
            {"was_cancelled": True, "result": []},
            {
                "result": [
                    box("b1", 10),
                    box("b2", 25),
                    point("k1", "nose", 26, parentID="b1"),
                    point("k2", "nose", 27),
                    point("k3", "neck", 11, meta={"text": ["hidden"]}),
                    point("k4", "neck", 29),
                    {"type": "relation", "from_id": "k4", "to_id": "b2", "direction": "right"},
                    region("e", "ellipselabels", {"x": 1}),
                ]
            },
        ],
    },
    {"id": 8, "data": {"image": "/data/local-files/?d=sub%2Fempty.jpg"}, "annotations": []},
]


def test_label_studio_by_parents_relations_and_boxes(tmp_path):
    found = label_formats.read(f"label-studio:{write(tmp_path / 't.json', TASKS)}")
    (record,) = found.annotations.images
    assert record.file_name == "my-photo.jpg" and (record.width, record.height) == (200, 100)
    assert record.boxes.tolist() == [[20, 10, 60, 60], [50, 10, 90, 60]]
    first, second = record.keypoints.tolist()
    assert found.annotations.skeleton.keypoints == ("nose", "neck")
    assert first == [[52, 20, 2], [22, 20, 1]]
    assert second == [[54, 20, 2], [58, 20, 2]]
    assert sorted((+found.lost).values()) == [1, 1]  # the ellipse, and the empty photo


@pytest.mark.parametrize(
    ("kind", "change", "told"),
    [
        ("labelme", {"shapes": 3}, "shapes: 3 is no list"),
        ("labelme", {"imageWidth": 0}, "imageWidth: 0 is no number of pixels"),
        ("labelme", {"imagePath": None}, "imagePath: None is no text"),
        ("labelme", {"shapes": [{"label": 1}]}, "shapes[0].label: 1 is no text"),
        ("label-studio", 5, "no list of tasks"),
        ("label-studio", [5], "[0]: 5 is no object"),
        ("label-studio", [{"data": {}}], "data: no address of a photo"),
        ("cvat", "<a/>", "<a>, not <annotations>"),
        ("cvat", "<annotations><track/></annotations>", "track: a video's; export it as CVAT"),
        ("cvat", "<annotations>", "not XML at line 1"),
        ("cvat", CVAT.replace("30.00,20.00", "30.00"), "is no list of [x, y]"),
        ("cvat", CVAT.replace('xtl="10"', 'xtl="ten"'), "xtl: 'ten' is no number"),
        ("cvat", CVAT.replace('width="100"', 'width="-5"'), "width: -5 is no number of pixels"),
        ("cvat", "<a>" * 50, "nested too deeply"),
        ("cvat", '<!DOCTYPE a [<!ENTITY b "c">]><annotations>&b;</annotations>', "document type"),
        ("cvat", '<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotations/>', "document type"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, kind, change, told):
    content = {**LABELME, **change} if kind == "labelme" else change
    path = write(tmp_path / ("a.xml" if kind == "cvat" else "a.json"), content)
    with pytest.raises(AnnotationError) as caught:
        assert label_formats.read(f"{kind}:{path}").annotations
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_names_that_do_not_fit(tmp_path, original):
    with pytest.raises(InputError, match="a.txt: format: not known by the name"):
        label_formats.read("a.txt")
    path = write(tmp_path / "a.json", LABELME)
    with pytest.raises(AnnotationError, match="'left_eye' is not among those of doll"):
        label_formats.read(f"labelme:{path}", DOLL)
    far = json.loads(json.dumps(CONTENT))
    far["images"][0]["file_name"] = "../a.png"
    outside = CocoAnnotations.from_content(far, tmp_path / "o.json", DOLL)
    for kind, told in (("yolo", "leads out of the folder"), ("labelme", "in one folder")):
        with pytest.raises(InputError, match=told):
            label_formats.write(outside, f"{kind}:{tmp_path / 'out'}")


def test_two_labels(tmp_path):
    two = {**LABELME, "shapes": [dict(LABELME["shapes"][0], label=each) for each in "ab"]}
    path = write(tmp_path / "a.json", two)
    with pytest.raises(AnnotationError, match=r"labels: several \(a, b\), none is person"):
        label_formats.read(f"labelme:{path}")
