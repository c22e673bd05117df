"""MPII, VOC and WAF layouts, and datasets by name."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from multiposenet.errors import AnnotationError, InputError
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton
from multiposenet.training import datasets
from multiposenet.training.datasets import mpii, synthetic, voc, waf

FACE = [COCO_17.index(name) for name in COCO_17.keypoints if name.split("_")[-1] in
        ("nose", "eye", "ear")]  # fmt: skip


def photo(path, height=40, width=60):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(path)


def mpii_person(image="a.png", first=10.0, **fields):
    joints = [[first + j, 2 * first - j] for j in range(16)]
    return {"image": image, "joints": joints, "joints_vis": [1] * 16,
            "center": [20, 20], "scale": 0.25} | fields  # fmt: skip


@pytest.fixture
def mpii_folder(tmp_path):
    partly = mpii_person(first=12.0)
    for name in ("left_wrist", "left_hip"):
        partly["joints_vis"][MPII_16.index(name)] = 0
    partly["joints"][MPII_16.index("left_wrist")] = [-1, -1]
    people = [mpii_person("b.png"), partly, mpii_person()]
    (tmp_path / "mpii.json").write_text(json.dumps(people))
    for name in ("a.png", "b.png"):
        photo(tmp_path / "images" / name)
    return tmp_path


def test_mpii_people_by_photo(mpii_folder):
    a, b = mpii.read(mpii_folder)
    assert (a.path.name, len(a), a.image_size) == ("a.png", 2, (40, 60))
    assert not a.complete and not a.single and b.single
    wrist, elbow = COCO_17.index("left_wrist"), COCO_17.index("left_elbow")
    j = MPII_16.index("left_elbow")
    # Counted from 1: the centre of the first pixel is at a half.
    np.testing.assert_allclose(b.keypoints[0, elbow], [10 + j - 0.5, 20 - j - 0.5, 2])
    assert not a.keypoints[0, wrist].any() and a.keypoints[1, wrist, 2] == 2
    assert a.keypoints[:, COCO_17.index("left_hip"), 2].tolist() == [1, 2]  # hidden, visible
    assert a.labelled[:, [wrist, elbow]].all() and not a.labelled[:, FACE].any()
    margin = 0.08 * 200 * 0.25
    np.testing.assert_allclose(
        b.boxes, [[9.5 - margin, 4.5 - margin, 24.5 + margin, 19.5 + margin]]
    )
    np.testing.assert_allclose(b.head_sizes, [np.sqrt(2)])  # from neck to top
    assert b.read_image().shape == (40, 60, 3)


def test_mpii_boxes_end_with_the_photo(tmp_path):
    (tmp_path / "mpii.json").write_text(json.dumps([mpii_person(scale=2)]))
    photo(tmp_path / "a.png")
    (sample,) = mpii.read(tmp_path)
    np.testing.assert_array_equal(sample.boxes, [[0, 0, 24.5 + 32, 40]])
    assert sample.areas == 56.5 * 40


def test_mpii_enlarged_variant(tmp_path):
    (tmp_path / "valid.json").write_text(
        json.dumps([mpii_person(scale=0.25 * 1.25, head_normalize=6.25)])
    )
    photo(tmp_path / "a.png")
    (sample,) = mpii.read(tmp_path)
    assert sample.boxes[0, 0] == pytest.approx(9.5 - 0.08 * 200 * 0.25)
    assert sample.head_sizes.tolist() == [6.25]


def struct(**fields):
    """A Matlab struct array; all fields have one length."""
    length = len(next(iter(fields.values())))
    array = np.empty(length, dtype=[(name, object) for name in fields])
    for name, values in fields.items():
        for index, value in enumerate(values):
            array[name][index] = value
    return array


def test_mpii_official_matlab_file(tmp_path):
    """Of three photos one has two people, one a person without points, one nobody."""

    def points(first):
        joints = [0, 5, 9]
        return struct(
            x=[first + j for j in joints], y=[30 - j for j in joints], id=joints,
            is_visible=["1", 0, []],
        )  # fmt: skip

    full = struct(
        x1=[5, 6], y1=[2, 2], x2=[8, 6], y2=[6, 12], scale=[0.25, 0.1],
        annopoints=[{"point": points(10)}, {"point": points(20)}],
    )  # fmt: skip
    bare = struct(x1=[1], y1=[1], x2=[3], y2=[3], scale=[1.0], annopoints=[[]])
    annolist = struct(
        image=[{"name": name} for name in ("a.png", "b.png", "c.png")], annorect=[full, bare, []]
    )
    release = {"annolist": annolist, "img_train": [1, 1, 0]}
    savemat(tmp_path / "mpii_human_pose_v1_u12_1.mat", {"RELEASE": release})
    photo(tmp_path / "images/a.png")
    (sample,) = mpii.read(tmp_path, MPII_16)
    assert (sample.path.name, len(sample)) == ("a.png", 2)
    np.testing.assert_allclose(sample.keypoints[0, [0, 5, 9]], [
        [9.5, 29.5, 2], [14.5, 24.5, 1], [18.5, 20.5, 2]])  # fmt: skip
    assert (sample.keypoints[:, :, 2] > 0).sum() == 6 and sample.labelled.all()
    np.testing.assert_allclose(sample.head_sizes, [3.0, 6.0])
    np.testing.assert_allclose(sample.boxes[0], [5.5, 16.5, 22.5, 33.5])


def test_mpii_other_matlab_files(tmp_path):
    savemat(tmp_path / "a.mat", {"RELEASE": {"other": 1}})
    with pytest.raises(AnnotationError, match="RELEASE.annolist: not as MPII has it"):
        mpii.read(tmp_path)
    (tmp_path / "a.mat").write_bytes(b"no matlab")
    with pytest.raises(AnnotationError, match="not a Matlab file"):
        mpii.read(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        ("[", "not JSON"),
        ({"a": 1}, "not a list of objects"),
        ([{"joints": []}], "persons.0..image: missing"),
        ([mpii_person(joints=[[1, 2]])], "not 16 values"),
        ([mpii_person(joints=["x"] * 16)], "not pairs of numbers"),
        ([mpii_person(joints=[[0, 0]] * 16, joints_vis=[0] * 16)], "no joint"),
        ([mpii_person("gone.png")], "gone.png: photo: missing"),
    ],
)
def test_mpii_defects(tmp_path, content, message):
    photo(tmp_path / "a.png")
    text = content if isinstance(content, str) else json.dumps(content)
    (tmp_path / "mpii.json").write_text(text)
    with pytest.raises((AnnotationError, InputError), match=message):
        mpii.read(tmp_path)


def test_mpii_wants_one_file(mpii_folder):
    (mpii_folder / "other.json").write_text("[]")
    with pytest.raises(InputError, match="2 of .*mpii.json, other.json"):
        mpii.read(mpii_folder)


def test_real_mpii_samples(data_dir):
    samples = mpii.read(data_dir / "mpii_labels/samples")
    assert len(samples) == 5
    for sample in samples:
        seen = sample.keypoints[:, :, 2] > 0
        assert seen.sum() > 8
        x, y = np.moveaxis(sample.keypoints[seen][:, :2], -1, 0)
        height, width = sample.read_image().shape[:2]
        assert (x >= 0).all() and (x <= width).all() and (y >= 0).all() and (y <= height).all()


def voc_object(name, box, difficult=0):
    sides = "".join(
        f"<{side}>{value}</{side}>"
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
    )
    return (f"<object><name>{name}</name><difficult>{difficult}</difficult>"
            f"<bndbox>{sides}</bndbox></object>")  # fmt: skip


@pytest.fixture
def voc_folder(tmp_path):
    (tmp_path / "Annotations").mkdir()
    objects = voc_object("person", (1, 1, 10, 20)) + voc_object("dog", (5, 5, 9, 9))
    objects += voc_object("person", (30, 10, 60, 40), difficult=1)
    size = "<size><width>60</width><height>40</height></size>"
    for stem, content in (("a", objects), ("b", "")):
        xml = f"<annotation><filename>{stem}.png</filename>{size}{content}</annotation>"
        (tmp_path / f"Annotations/{stem}.xml").write_text(xml)
        photo(tmp_path / f"JPEGImages/{stem}.png")
    labels = np.zeros((40, 60), np.uint8)
    labels[:20, :10], labels[4:9, 4:9], labels[20] = 15, 12, 255
    mask = Image.fromarray(labels, "P")
    mask.putpalette([value for grey in range(256) for value in (grey, 0, 255 - grey)])
    (tmp_path / "SegmentationClass").mkdir()
    mask.save(tmp_path / "SegmentationClass/a.png")
    return tmp_path


def test_voc_boxes_and_masks(voc_folder):
    a, b = voc.read(voc_folder)
    np.testing.assert_array_equal(a.boxes, [[0, 0, 10, 20]])  # pixels 1 to 10, both included
    np.testing.assert_array_equal(a.crowd_boxes, [[29, 9, 60, 40]])
    assert a.areas.tolist() == [200]
    assert a.complete and not a.labelled.any() and a.keypoints.shape == (1, 17, 3)
    expected = np.zeros((40, 60), np.uint8)
    expected[:20, :10], expected[4:9, 4:9], expected[20] = 1, 0, 2
    np.testing.assert_array_equal(a.read_mask(), expected)
    assert len(b) == 0 and not b.has_mask and b.read_image().shape == (40, 60, 3)


def test_voc_split(voc_folder):
    path = voc_folder / "ImageSets/Main/train.txt"
    path.parent.mkdir(parents=True)
    path.write_text("b\n")
    (only,) = voc.read(voc_folder, split="train")
    assert only.path.stem == "b"
    with pytest.raises(InputError, match="val.txt: split"):
        voc.read(voc_folder, split="val")


def test_voc_defects(voc_folder):
    with pytest.raises(InputError, match="no XML file"):
        voc.read(voc_folder / "JPEGImages")
    path = voc_folder / "Annotations/a.xml"
    text = path.read_text()
    path.write_text(text.replace("<xmin>1<", "<xmin>one<"))
    with pytest.raises(AnnotationError, match="a.xml: bndbox/xmin: 'one' is no number"):
        voc.read(voc_folder)
    path.write_text(text[:-20])
    with pytest.raises(AnnotationError, match="a.xml: file: not XML"):
        voc.read(voc_folder)
    path.write_text(text.replace("a.png", "c.png"))
    with pytest.raises(InputError, match="c.png: photo: missing"):
        voc.read(voc_folder)


def test_real_voc(data_dir):
    samples = voc.read(data_dir / "voc2012_sample")
    assert len(samples) == 50 and sum(sample.has_mask for sample in samples) == 44
    assert sum(len(s) + len(s.crowd_boxes) for s in samples) == 41
    persons = 0
    for sample in samples:
        assert sample.read_image().shape[:2] == sample.image_size
        mask = sample.read_mask()
        if mask is not None:
            assert set(np.unique(mask)) <= {0, 1, 2}
            rows, columns = np.nonzero(mask == 1)
            inside = np.zeros(len(rows), bool)
            for x1, y1, x2, y2 in np.concatenate([sample.boxes, sample.crowd_boxes]):
                inside |= (columns >= x1 - 4) & (columns < x2 + 4) & (rows >= y1 - 4) & (
                    rows < y2 + 4
                )  # fmt: skip
            assert len(rows) == 0 or inside.mean() > 0.99
            persons += len(rows) > 0
    assert persons > 10


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
def test_waf_joints(tmp_path, sides, turned):
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


def test_by_name(mpii_folder, tmp_path_factory):
    assert len(datasets.read(f"mpii:{mpii_folder}", MPII_16)) == 2
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=2, seed=1, size=(96, 96))
    for name in (f"coco:{folder}", f"synthetic:{folder}"):
        assert [sample.image_size for sample in datasets.read(name)] == [(96, 96)] * 2
    assert len(datasets.read("synthetic:3")) == 3


@pytest.mark.parametrize(
    "name, message",
    [
        ("photos", "photos: data: not FORMAT:FOLDER; write one of ccp, coco"),
        ("coco:", "not FORMAT:FOLDER"),
        ("yolo:photos", "unknown name 'yolo'; use one of ccp, coco, lsp, mpii, synthetic, voc"),
        ("coco:gone", "gone: folder: there is none for coco"),
        ("synthetic:gone", "or a number of scenes"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(InputError, match=message):
        datasets.read(name)


def test_a_skeleton_of_ones_own(tmp_path):
    """Joints named in the file, not known to any built-in skeleton."""
    keypoints = ["left_hand", "right_hand", "tail"]
    person = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9],
              "keypoints": [3, 3, 2, 5, 5, 1, 0, 0, 0]}  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [person],
        "categories": [{"id": 1, "name": "person", "keypoints": keypoints, "skeleton": [[1, 3]]}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    photo(tmp_path / "photos/a.png")
    skeleton = Skeleton("mine", tuple(keypoints[:2]), ((0, 1),), (0.1, 0.1))
    skeleton.to_yaml(tmp_path / "mine.yaml")
    (sample,) = datasets.read(f"coco:{tmp_path}", Skeleton.from_yaml(tmp_path / "mine.yaml"))
    np.testing.assert_array_equal(sample.keypoints, [[[3, 3, 2], [5, 5, 1]]])
    assert sample.labelled.all()
