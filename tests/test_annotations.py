"""The annotation reader: what it reads, what it forgives, and what it says about the rest."""

import copy
import json

import numpy as np
import pytest
from coco_files import coco_file, write

from multiposenet.annotations import CocoAnnotations, doubtful_areas, photo_path
from multiposenet.errors import AnnotationError
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton


def test_columns_and_records(tmp_path):
    annotations = CocoAnnotations.load(write(tmp_path, coco_file()))
    assert annotations.skeleton is COCO_17
    assert annotations.category_id == 1
    assert annotations.image_ids.tolist() == [9, 7]
    assert annotations.persons.image.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(annotations.persons.areas, [600.5, 30, 150])
    np.testing.assert_array_equal(annotations.persons.num_keypoints, [2, 2, 0])

    nine, seven = annotations.images
    assert (nine.id, nine.file_name, nine.width, nine.height) == (9, "nine.jpg", 64, 48)
    assert nine.extra["mask"] is True
    assert len(annotations) == 2 and len(seven) == 2
    assert seven.ids.tolist() == [1, 3]
    assert seven.boxes.dtype == seven.keypoints.dtype == np.float32
    np.testing.assert_array_equal(seven.boxes, [[1.5, 2, 31.5, 42], [50, 10, 70, 20]])
    np.testing.assert_array_equal(seven.keypoints[0, :2], [[10.5, 20.25, 2], [11, 19, 1]])
    assert seven.crowd.tolist() == [False, True]
    assert seven.segmentations == [[[1.5, 2, 31.5, 2, 31.5, 42]], None]
    assert nine.segmentations == [None]


def test_no_images_and_no_persons(tmp_path):
    content = coco_file() | {"annotations": []}
    annotations = CocoAnnotations.load(write(tmp_path, content))
    assert len(annotations) == 2
    assert annotations.images[0].keypoints.shape == (0, 17, 3)
    assert len(CocoAnnotations.load(write(tmp_path, content | {"images": []}))) == 0


def test_person_is_chosen_among_categories(tmp_path):
    content = coco_file()
    content["categories"].insert(0, {"id": 4, "name": "dog"})
    content["annotations"].append({"id": 9, "image_id": 7, "category_id": 4})
    annotations = CocoAnnotations.load(write(tmp_path, content))
    assert annotations.category_id == 1 and len(annotations.persons) == 3


def test_other_category_by_name_with_its_own_skeleton(tmp_path):
    content = coco_file()
    names = ["nose", "left_paw", "right_paw"]
    dog = {"id": 4, "name": "dog", "keypoints": names, "skeleton": [[1, 2], [1, 3]]}
    content["categories"].append(dog)
    content["annotations"].append(
        {"id": 9, "image_id": 7, "category_id": 4, "bbox": [0, 0, 1, 1], "keypoints": [1, 1, 2] * 3}
    )
    annotations = CocoAnnotations.load(write(tmp_path, content), category="dog")
    skeleton = annotations.skeleton
    assert skeleton.keypoints == tuple(names) and skeleton.limbs == ((0, 1), (0, 2))
    assert skeleton.sigmas[0] == COCO_17.sigmas[0] and 0 < skeleton.sigmas[1] < 0.2
    assert annotations.persons.keypoints.shape == (1, 3, 3)


def test_given_skeleton_wins_where_names_agree_or_are_missing(tmp_path):
    fields = COCO_17.to_dict() | {"name": "mine", "sigmas": [0.05] * 17}
    mine = Skeleton.from_dict(fields)
    assert CocoAnnotations.load(write(tmp_path, coco_file()), skeleton=mine).skeleton is mine
    assert CocoAnnotations.load(write(tmp_path, coco_file()), skeleton=LSP_14).skeleton is COCO_17
    content = coco_file()
    del content["categories"][0]["keypoints"]
    assert CocoAnnotations.load(write(tmp_path, content), skeleton=mine).skeleton is mine


def test_boxes_without_any_keypoints(tmp_path):
    content = coco_file()
    del content["categories"][0]["keypoints"]
    for annotation in content["annotations"]:
        del annotation["keypoints"]
    del content["annotations"][0]["num_keypoints"]
    persons = CocoAnnotations.load(write(tmp_path, content)).persons
    assert persons.keypoints.shape == (3, 17, 3) and not persons.num_keypoints.any()


def test_ids_may_repeat_on_different_photos_only(tmp_path):
    content = coco_file()
    content["annotations"][1]["id"] = 1
    assert len(CocoAnnotations.load(write(tmp_path, content)).persons) == 3


def _edit(content, *path, value=None):
    content = copy.deepcopy(content)
    target = content
    for key in path[:-1]:
        target = target[key]
    if value is None:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return content


GOOD = coco_file()
HUGE = 10**400
BAD = {
    "not json": ("no", "file"),
    "truncated": (json.dumps(GOOD)[:-40], "file"),
    "results": ([], "not results"),
    "no images": (_edit(GOOD, "images"), "images"),
    "no annotations": (_edit(GOOD, "annotations"), "annotations"),
    "no categories": (_edit(GOOD, "categories"), "categories"),
    "images no list": (_edit(GOOD, "images", value={}), "images"),
    "image no object": (_edit(GOOD, "images", 0, value=3), "images"),
    "empty categories": (_edit(GOOD, "categories", value=[]), "categories"),
    "no person": (
        _edit(GOOD, "categories", value=[{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]),
        "person",
    ),
    "image id": (_edit(GOOD, "images", 0, "id"), "images[0].id"),
    "image id text": (_edit(GOOD, "images", 0, "id", value="9"), "images[0].id"),
    "image twice": (_edit(GOOD, "images", 0, "id", value=7), "images[id 7].id"),
    "file name": (_edit(GOOD, "images", 1, "file_name"), "images[id 7].file_name"),
    "file name 3": (_edit(GOOD, "images", 1, "file_name", value=3), "images[id 7].file_name"),
    "width": (_edit(GOOD, "images", 0, "width"), "images[id 9].width"),
    "height": (_edit(GOOD, "images", 0, "height", value=-1), "images[id 9].height"),
    "person id": (_edit(GOOD, "annotations", 2, "id"), "annotations[2].id"),
    "person twice": (_edit(GOOD, "annotations", 2, "id", value=1), "annotations[id 1].id"),
    "image unknown": (_edit(GOOD, "annotations", 0, "image_id", value=8), "[id 1].image_id"),
    "category unknown": (_edit(GOOD, "annotations", 0, "category_id", value=8), "category_id"),
    "no bbox": (_edit(GOOD, "annotations", 1, "bbox"), "annotations[id 2].bbox"),
    "bbox text": (_edit(GOOD, "annotations", 1, "bbox", value="1 2 3 4"), "[id 2].bbox"),
    "bbox of text": (_edit(GOOD, "annotations", 1, "bbox", value=list("1234")), "[id 2].bbox"),
    "bbox three": (_edit(GOOD, "annotations", 1, "bbox", value=[1, 2, 3]), "[id 2].bbox"),
    "bbox corners": (_edit(GOOD, "annotations", 1, "bbox", value=[9, 9, -5, 1]), "[id 2].bbox"),
    "bbox nan": (_edit(GOOD, "annotations", 1, "bbox", 2, value=float("nan")), "[id 2].bbox"),
    "bbox huge": (_edit(GOOD, "annotations", 1, "bbox", 2, value=HUGE), "bbox"),
    "no keypoints": (_edit(GOOD, "annotations", 0, "keypoints"), "[id 1].keypoints"),
    "empty keypoints": (_edit(GOOD, "annotations", 0, "keypoints", value=[]), "num_keypoints"),
    "keypoints 48": (_edit(GOOD, "annotations", 1, "keypoints", value=[0] * 48), "48 numbers"),
    "keypoint null": (_edit(GOOD, "annotations", 1, "keypoints", value=[[]] * 51), "keypoints"),
    "keypoint lists": (_edit(GOOD, "annotations", 1, "keypoints", value=[[1]] * 51), "keypoints"),
    "keypoint inf": (
        _edit(GOOD, "annotations", 1, "keypoints", 0, value=float("inf")),
        "[id 2].keypoints",
    ),
    "area": (_edit(GOOD, "annotations", 0, "area", value=-2), "[id 1].area"),
    "area text": (_edit(GOOD, "annotations", 0, "area", value="big"), "[id 1].area"),
    "names twice": (
        _edit(GOOD, "categories", 0, "keypoints", value=["nose", "nose"]),
        "categories.keypoints",
    ),
}


@pytest.mark.parametrize("content, named", BAD.values(), ids=BAD)
def test_defects_are_named_in_one_line(tmp_path, content, named):
    path = write(tmp_path, content)
    with pytest.raises(AnnotationError) as caught:
        CocoAnnotations.load(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and named in message
    assert "; " in message and "\n" not in message and len(message) < len(str(path)) + 200


@pytest.mark.parametrize("nothing", ["absent", [], None])
def test_persons_without_labels(tmp_path, nothing):
    """As pycocotools reads them: track exports leave the keypoints of such persons out."""
    content = coco_file()
    for annotation in content["annotations"][1:]:
        annotation["keypoints"] = nothing
        annotation["num_keypoints"] = 0
        if nothing == "absent":
            del annotation["keypoints"], annotation["num_keypoints"]
    persons = CocoAnnotations.load(write(tmp_path, content)).persons
    assert persons.num_keypoints.tolist() == [2, 0, 0]
    assert not persons.keypoints[1:].any() and persons.keypoints[0].any()


@pytest.mark.parametrize(
    ("limbs", "read"),
    [
        ([[1, 2], [2, 3]], ((0, 1), (1, 2))),
        ([[0, 1], [1, 2]], ((0, 1),)),
        ([[1, 4], [3, 1], [-1, 2]], ((2, 0),)),
        ([1, 2], ()),
        ("1-2", ()),
        ([[1, 2, 3], [1], [], None, ["a", "b"], [1.0, 2], [True, 2]], ()),
        ({"a": 1}, ()),
        (None, ()),
    ],
)
def test_limbs_that_cannot_be_read_are_left_out(tmp_path, limbs, read):
    content = coco_file()
    names = ["head", "tail", "fin"]
    content["categories"][0] |= {"keypoints": names, "skeleton": limbs}
    for annotation in content["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:9]
    assert CocoAnnotations.load(write(tmp_path, content)).skeleton.limbs == read


def test_text_ids(tmp_path):
    content = coco_file()
    texts = {9: "0000001_02999_d", 7: "b/7"}
    for image in content["images"]:
        image["id"] = texts[image["id"]]
    for annotation in content["annotations"]:
        annotation["image_id"] = texts[annotation["image_id"]]
        annotation["id"] = f"person {annotation['id']}"
    annotations = CocoAnnotations.load(write(tmp_path, content))
    expected = CocoAnnotations.load(write(tmp_path, coco_file()))
    assert annotations.image_numbers == {"0000001_02999_d": 1, "b/7": 2}
    assert annotations.image_ids.tolist() == [1, 2] and annotations.persons.ids.tolist() == [
        1,
        2,
        3,
    ]
    assert annotations.persons.image.tolist() == expected.persons.image.tolist()
    assert [record.id for record in annotations.images] == [1, 2]
    for change, told in [
        (("annotations", 1, "image_id", "gone"), "annotations[id person 2].image_id: 'gone'"),
        (("annotations", 1, "image_id", 9), "image_id: 9 is not text"),
        (("images", 1, "id", 7), "images[0].id: '0000001_02999_d' is not an integer"),
        (("images", 1, "id", texts[9]), "id: occurs more than once"),
        (("annotations", 2, "id", "person 1"), "id: occurs more than once"),
    ]:
        *place, value = change
        with pytest.raises(AnnotationError) as caught:
            CocoAnnotations.load(write(tmp_path, _edit(content, *place, value=value)))
        assert told in str(caught.value)


def test_names_in_another_spelling_have_the_same_sigmas_and_limbs(tmp_path):
    content = coco_file()
    names = [
        name.title().replace("Left_", "L_").replace("Right_", "R_") for name in COCO_17.keypoints
    ]
    content["categories"][0]["keypoints"] = names
    skeleton = CocoAnnotations.load(write(tmp_path, content)).skeleton
    assert skeleton.keypoints == tuple(names) and skeleton.sigmas == COCO_17.sigmas
    assert skeleton.limbs == COCO_17.limbs
    assert (skeleton.flip_indices == COCO_17.flip_indices).all()
    names[1] = "L_brow"
    with pytest.raises(
        AnnotationError, match="categories.keypoints: 'L_brow' has no mirror keypoint"
    ):
        CocoAnnotations.load(write(tmp_path, content))


def test_category_without_names_is_read_with_the_given_skeleton(tmp_path):
    content = coco_file()
    del content["categories"][0]["keypoints"]
    for annotation in content["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][:42]
    path = write(tmp_path, content)
    assert CocoAnnotations.load(path, skeleton=LSP_14).skeleton is LSP_14
    with pytest.raises(
        AnnotationError, match="name the keypoints in categories.keypoints or by --sk"
    ):
        CocoAnnotations.load(path)
    content["annotations"][1]["keypoints"] = [0] * 51
    with pytest.raises(AnnotationError, match="id 2.*51 numbers instead of 42"):
        CocoAnnotations.load(write(tmp_path, content), skeleton=LSP_14)


def test_equal_defects_are_counted(tmp_path):
    content = coco_file()
    for annotation in content["annotations"]:
        annotation["bbox"] = [1, 2, 3]
    with pytest.raises(
        AnnotationError, match=r"id 1\].bbox: 3 numbers instead of 4 \(and 2 more\);"
    ):
        CocoAnnotations.load(write(tmp_path, content))
    for annotation in content["annotations"]:
        annotation["bbox"], annotation["segmentation"] = [1, 2, 3, 4], [[1, 2, "3", 4, 5, 6]]
    with pytest.raises(AnnotationError, match=r"segmentation: .*only numbers \(and 2 more\); give"):
        CocoAnnotations.load(write(tmp_path, content))


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("annotations", 0, "bbox", 0), 1e300),
        (("annotations", 0, "bbox", 2), 10**15),
        (("annotations", 0, "keypoints", 0), -1e20),
        (("annotations", 0, "num_keypoints"), 1e300),
        (("annotations", 0, "area"), 10**400),
        (("annotations", 0, "iscrowd"), "no"),
        (("annotations", 0, "id"), 2**70),
        (("images", 0, "width"), 2**40),
        (("images", 0, "file_name"), "a\0b"),
        (("categories", 0, "id"), 1.5),
        (("categories", 0, "keypoints"), [f"k{i}" for i in range(30_000)]),
        (("categories", 0, "keypoints"), [1, 2]),
        (("categories", 0, "keypoints"), {"a": 1}),
        (("categories", 0, "keypoints"), ["x" * 100_000] * 2),
        (("categories", 0, "name"), "x" * 100_000),
    ],
    ids=lambda value: str(value)[:40],
)
def test_values_out_of_range(tmp_path, place, value):
    content = _edit(GOOD, *place, value=value)
    if place[-1] == "name":
        content["categories"].append({"id": 2, "name": "y"})
    with pytest.raises(AnnotationError) as caught:
        CocoAnnotations.load(write(tmp_path, content))
    message = str(caught.value)
    assert place[0] in message
    assert "\n" not in message and len(message) < len(str(tmp_path)) + 300


def test_ids_of_64_bits_stay_exact(tmp_path):
    content = json.loads(json.dumps(GOOD).replace('"id": 9', f'"id": {2**63 - 1}'))
    content["annotations"][1]["image_id"] = 2**63 - 1
    content["categories"][0]["id"] = 2**53 + 1
    for annotation in content["annotations"]:
        annotation["category_id"] = 2**53 + 1
    annotations = CocoAnnotations.load(write(tmp_path, content))
    assert annotations.category_id == 2**53 + 1 and annotations.image_ids[0] == 2**63 - 1


def test_photo_path(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "a.jpg").touch()
    assert photo_path(tmp_path, "train\\a.jpg") == tmp_path / "train" / "a.jpg"
    assert photo_path(tmp_path, "train/a.jpg") == tmp_path / "train" / "a.jpg"
    assert photo_path(tmp_path, "train\\b.jpg") == tmp_path / "train\\b.jpg"
    (tmp_path / "train\\a.jpg").touch()
    assert photo_path(tmp_path, "train\\a.jpg") == tmp_path / "train\\a.jpg"


def test_doubtful_areas(tmp_path):
    content = coco_file()
    boxes = [[0, 0, 30, 40], [0, 0, 30, 40], [0, 0, 1, 1]]
    for annotation, box, area in zip(content["annotations"], boxes, [1, 11.9, 1], strict=True):
        annotation |= {"bbox": box, "area": area, "iscrowd": 0}
    persons = CocoAnnotations.load(write(tmp_path, content)).persons
    assert doubtful_areas(persons).tolist() == [True, True, False]


def test_real_labels(data_dir):
    annotations = CocoAnnotations.load(data_dir / "coco_labels/person_keypoints_train2017.json.gz")
    persons = annotations.persons
    assert (len(annotations), len(persons)) == (56_599, 149_813)
    assert annotations.skeleton is COCO_17
    assert (persons.num_keypoints == (persons.keypoints[:, :, 2] > 0).sum(axis=1)).all()
    assert sum(map(len, annotations.images)) == len(persons)
    record = annotations.images[100]
    own = annotations.persons.image == 100
    np.testing.assert_array_equal(record.ids, persons.ids[own])
    np.testing.assert_allclose(
        record.boxes[:, 2:] - record.boxes[:, :2], persons.xywh[own, 2:], rtol=1e-5
    )


@pytest.mark.parametrize("photos", ([1], slice(1, 2), np.array([False, True])))
def test_select(tmp_path, photos):
    whole = CocoAnnotations.load(write(tmp_path, coco_file()))
    seven = whole.select(photos)
    assert seven.image_ids.tolist() == [7] and len(seven) == 1
    assert seven.persons.ids.tolist() == [1, 3] and seven.persons.image.tolist() == [0, 0]
    (record,), (_, expected) = seven.images, whole.images
    assert record.file_name == "seven.jpg" and record.segmentations == expected.segmentations
    np.testing.assert_array_equal(record.boxes, expected.boxes)
    assert len(whole.select([1, 0]).images[1]) == 1
