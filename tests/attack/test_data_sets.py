"""Damaged annotations of data sets that are not COCO's: MPII, WAF, PASCAL VOC."""

import io
import json

import numpy as np
import pytest
from attacked import answer, is_error
from damage import damaged_bytes, damaged_values
from hypothesis import given
from PIL import Image
from scipy.io import savemat

from multiposenet.errors import AnnotationError
from multiposenet.training import datasets
from multiposenet.training.datasets import files

PERSON = {
    "image": "a.png",
    "joints": [[10 + j, 20 - j] for j in range(16)],
    "joints_vis": [1] * 15 + [0],
    "center": [20, 20],
    "scale": 0.25,
    "head_box": [5, 2, 8, 6],
}
MPII = [PERSON, PERSON | {"image": "b.png", "head_normalize": 6.25, "scale": 0.3}]
STICKS = np.arange(1, 25).reshape(6, 4)
WAF = "\n".join(["a.png 1 6", *(" ".join(map(str, row)) for row in STICKS), "b.png 0 6", ""])
VOC = """<annotation><filename>a.png</filename><size><width>60</width><height>40</height></size>
<object><name>person</name><difficult>0</difficult><bndbox><xmin>2</xmin><ymin>3</ymin>
<xmax>20</xmax><ymax>30.5</ymax></bndbox></object><object><name>dog</name></object></annotation>"""


def matlab(compressed, **variables):
    stream = io.BytesIO()
    savemat(stream, variables, do_compression=compressed)
    return stream.getvalue()


def struct(**fields):
    array = np.empty(1, dtype=[(name, object) for name in fields])
    for name, value in fields.items():
        array[name][0] = value
    return array


def mpii_matlab(compressed):
    points = struct(x=10, y=30, id=0, is_visible="1")
    person = struct(x1=5, y1=2, x2=8, y2=6, scale=0.25, annopoints={"point": points})
    photo = struct(image={"name": "a.png"}, annorect=person)
    return matlab(compressed, RELEASE={"annolist": photo})


def waf_matlab(compressed):
    people = struct(coor=STICKS.T.astype(float))
    return matlab(compressed, annotations=struct(filename="a.png", stickmen=people))


MATLAB = {
    "mpii": [mpii_matlab(compressed) for compressed in (False, True)],
    "waf": [waf_matlab(compressed) for compressed in (False, True)],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_photos(tmp_path_factory.mktemp("sets"))


def write_photos(folder):
    for name in ("images", "JPEGImages"):
        (folder / name).mkdir()
        for photo in ("a.png", "b.png"):
            Image.new("RGB", (60, 40)).save(folder / name / photo)
    return folder


def check(folder, kind, name, content):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    try:
        found = answer(datasets.read, f"{kind}:{folder}")
        if is_error(found):
            assert str(folder) in str(found)
            return found
        for sample in found:
            assert min(sample.image_size) > 0
            for values in (sample.boxes, sample.keypoints, sample.areas, sample.head_sizes):
                assert values is None or np.isfinite(values).all()
            assert (sample.boxes[:, 2:] >= sample.boxes[:, :2]).all()
        return found
    finally:
        path.unlink()


@given(damaged_values([MPII]))
def test_mpii_that_says_something_else(folder, content):
    check(folder, "mpii", "mpii.json", json.dumps(content).encode())


@pytest.mark.parametrize("kind", MATLAB)
def test_matlab_files(folder, kind):
    @given(damaged_bytes(MATLAB[kind]))
    def attack(content):
        check(folder, kind, "labels.mat", content)

    attack()


@given(damaged_bytes([WAF.encode()]))
def test_waf_whose_text_is_damaged(folder, content):
    check(folder, "waf", "labels.txt", content)


@given(damaged_bytes([VOC.encode(), VOC.encode("utf-16")]))
def test_voc_whose_text_is_damaged(folder, content):
    check(folder, "voc", "Annotations/a.xml", content)


def test_matlab_files_that_would_fill_the_memory(folder):
    """A hundred packed kilobytes of nothing are a hundred megabytes."""
    content = matlab(True, zeros=np.zeros((1 << 12, 1 << 12)))
    assert len(content) < 1 << 18
    found = check(folder, "waf", "labels.mat", content)
    assert isinstance(found, AnnotationError)
    with pytest.raises(ValueError, match="too much"):
        files._check_unpacked(content)


@pytest.mark.parametrize(
    "kind, name, contents",
    [
        ("mpii", "mpii.json", [json.dumps(MPII).encode()]),
        ("mpii", "labels.mat", MATLAB["mpii"]),
        ("waf", "labels.txt", [WAF.encode()]),
        ("waf", "labels.mat", MATLAB["waf"]),
        ("voc", "Annotations/a.xml", [VOC.encode(), VOC.encode("utf-16")]),
    ],
)
def test_what_is_not_attacked_is_right(folder, kind, name, contents):
    for content in contents:
        first = check(folder, kind, name, content)[0]
        assert first.image_size == (40, 60) and len(first) == 1
