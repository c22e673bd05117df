"""MPII, VOC and WAF layouts, and datasets by name."""

import json

import numpy as np
import pytest
from grey_photo import photo
from PIL import Image
from scipy.io import savemat

from multiposenet.errors import AnnotationError, InputError
from multiposenet.skeleton import COCO_17, MPII_16, Skeleton
from multiposenet.training import datasets
from multiposenet.training.datasets import mpii, synthetic, voc

FACE = [COCO_17.index(name) for name in COCO_17.keypoints if name.split("_")[-1] in
        ("nose", "eye", "ear")]  # fmt: skip


def mpii_person(image="a.png", first=10.0, **fields):
    keypoints = [[first + j, 2 * first - j] for j in range(16)]
    return {"image": image, "joints": keypoints, "joints_vis": [1] * 16,
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
        keypoints = [0, 5, 9]
        return struct(
            x=[first + j for j in keypoints], y=[30 - j for j in keypoints], id=keypoints,
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
        ([mpii_person(joints=[[0, 0]] * 16, joints_vis=[0] * 16)], "no keypoint"),
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
        (
            "yollo:photos",
            "unknown name 'yollo'; use one of ccp, coco, lsp, mpii, packed, synthetic",
        ),
        ("coco:gone", "gone: folder: there is none for coco"),
        ("synthetic:gone", "or a number of scenes"),
    ],
)
def test_wrong_names(name, message):
    with pytest.raises(InputError, match=message):
        datasets.read(name)


def test_a_skeleton_of_ones_own(tmp_path):
    """Keypoints named in the file, not known to any built-in skeleton."""
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
