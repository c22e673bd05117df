"""evaluate: labels that do not fit the photos, the model or each other are named, never scored."""

import json

import numpy as np
import pytest
from command_line import BLUE, RED, assert_one_line, paint
from PIL import Image

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.evaluation import coco

SIZE = (96, 128)  # width and height: turning shows


@pytest.fixture
def labelled(tmp_path):
    """Four photos with a painted person each, and a function that changes the labels."""
    images, annotations = [], []
    for number in range(1, 5):
        paint(tmp_path / "photos" / f"p{number}.png", [RED if number % 2 else BLUE])
        path = tmp_path / "photos" / f"p{number}.png"
        with Image.open(path) as image:
            image.crop((0, 0, *SIZE)).save(path)
        x1, y1, x2, y2 = RED if number % 2 else BLUE
        middle = [(x1 + x2) / 2, (y1 + y2) / 2, 2]
        images.append({"id": number, "file_name": path.name, "width": 96, "height": 128})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1,
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "keypoints": [*middle, x1, y1, 2, x2, y2, 2],
            }
        )
    category = {"id": 1, "name": "person", "keypoints": ["neck", "left_hip", "right_hip"]}
    labels = {"images": images, "annotations": annotations, "categories": [category]}

    def write(change=lambda labels: None):
        content = json.loads(json.dumps(labels))
        change(content)
        (tmp_path / "labels.json").write_text(json.dumps(content))
        return tmp_path

    write()
    return write


def evaluate(multiposenet, folder, *more):
    status, text, errors = multiposenet(
        *("evaluate", "--annotations", folder / "labels.json", "--images", folder / "photos"),
        *("--json", "-", *more),
    )
    return status, json.loads(text) if text else None, errors


def test_what_fits(multiposenet, fake_model, labelled):
    status, figures, errors = evaluate(multiposenet, labelled())
    assert (status, errors, figures["failed"]) == (0, [], 0)
    assert figures["keypoints/AP50"] > 0.99


@pytest.mark.parametrize("wrong", [1, 4])
def test_photos_of_another_size(multiposenet, fake_model, labelled, wrong):
    folder = labelled()
    for number in range(1, wrong + 1):
        path = folder / "photos" / f"p{number}.png"
        with Image.open(path) as image:
            image.resize((192, 256)).save(path)
    status, figures, errors = evaluate(multiposenet, folder)
    assert status == (2 if wrong == 4 else 1) and figures["failed"] == wrong
    assert len(errors) == wrong
    assert_one_line(errors[:1], "p1.png", "192x256 pixels, but the labels are for 96x128")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_photo_that_exif_turns(multiposenet, fake_model, labelled, orientation):
    folder = labelled()
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(folder / "photos" / "p2.png") as image:
        image.copy().save(folder / "photos" / "p2.png", exif=exif)
    status, figures, errors = evaluate(multiposenet, folder)
    assert status == 1 and figures["failed"] == 1
    assert_one_line(errors, "p2.png", f"its EXIF orientation {orientation} turns it")


def test_labels_of_other_photos(multiposenet, fake_model, labelled):
    def swap(labels):
        for image in labels["images"]:
            image["file_name"] = f"p{image['id'] % 4 + 1}.png"

    status, figures, errors = evaluate(multiposenet, labelled(swap))
    assert status == 1 and figures["keypoints/AP50"] == 0
    assert_one_line(errors, "nothing that was found matches a label", "boxes/AP50")


@pytest.mark.parametrize("area", [1, 3.0])
def test_areas_that_cannot_be(multiposenet, fake_model, labelled, area):
    def change(labels):
        for entry in labels["annotations"][:3]:
            entry["area"] = area

    status, figures, errors = evaluate(multiposenet, labelled(change))
    assert len(errors) == 1  # once, with the count
    assert_one_line(errors, "annotations.area: of 3 of 4 persons", "inspect --repair")


def test_nobody_to_be_found(multiposenet, fake_model, labelled):
    folder = labelled(lambda labels: labels["annotations"].clear())
    status, figures, errors = evaluate(multiposenet, folder)
    assert status == 2 and figures["keypoints/AP"] is None
    assert_one_line(errors, "labels.json", "nobody to be found")


def test_sizes_that_nobody_has_are_no_figures(multiposenet, fake_model, labelled):
    folder = labelled()
    _, figures, _ = evaluate(multiposenet, folder)
    assert figures["boxes/APL"] is None
    status, text, _ = multiposenet(
        *("evaluate", "--annotations", folder / "labels.json", "--images", folder / "photos")
    )
    assert status == 0 and "-1.0" not in text


@pytest.mark.parametrize(
    "names", [["Neck", "L_Hip", "R_Hip"], ["neck", "leftHip", "rightHip"], ["neck", "lhip", "rhip"]]
)
def test_keypoints_in_another_spelling(multiposenet, fake_model, labelled, names):
    folder = labelled(lambda labels: labels["categories"][0].update(keypoints=names))
    status, figures, errors = evaluate(multiposenet, folder)
    assert (status, errors) == (0, []) and figures["keypoints/AP50"] > 0.99


def test_keypoints_without_names(multiposenet, fake_model, labelled, tmp_path):
    folder = labelled(lambda labels: labels["categories"][0].pop("keypoints"))
    status, _, errors = evaluate(multiposenet, folder)
    assert status == 2
    assert_one_line(errors, "name the keypoints in categories.keypoints or by --skeleton")
    (tmp_path / "own.yaml").write_text("keypoints: [neck, left_hip, right_hip]\n")
    status, figures, _ = evaluate(multiposenet, folder, "--skeleton", tmp_path / "own.yaml")
    assert status == 0 and figures["keypoints/AP50"] > 0.99


def test_backslashes_in_names(multiposenet, fake_model, labelled):
    def move(labels):
        for image in labels["images"]:
            image["file_name"] = "sub\\" + image["file_name"]

    folder = labelled(move)
    (folder / "photos" / "sub").mkdir()
    for path in (folder / "photos").glob("*.png"):
        path.rename(folder / "photos" / "sub" / path.name)
    status, figures, errors = evaluate(multiposenet, folder)
    assert (status, errors, figures["failed"]) == (0, [], 0)


# Results against annotations


def result(image, category=1, **fields):
    return {
        "image_id": image,
        "category_id": category,
        "keypoints": [32.0, 32.0, 1.0] * 3,
        "bbox": [10, 10, 40, 40],
        "score": 0.5,
        **fields,
    }


@pytest.mark.parametrize("measure", [coco.evaluate_keypoints, coco.evaluate_boxes])
@pytest.mark.parametrize(("truth", "found"), [(1, 0), (1, 2), (2**53 + 1, 2**53), (0, 1)])
def test_results_of_another_category(labelled, measure, truth, found):
    def change(labels):
        labels["categories"][0]["id"] = truth
        for entry in labels["annotations"]:
            entry["category_id"] = truth

    annotations = CocoAnnotations.load(labelled(change) / "labels.json")
    results = [result(1, found), result(2, found)]
    told = f"all 2 results are of category {found}; the annotations' is {truth}"
    with pytest.raises(AnnotationError) as caught:
        measure(annotations, results)
    assert told in str(caught.value).replace(", use", "; use")
    one = measure(annotations, [*results, result(3, truth)])
    assert one == measure(annotations, [result(3, truth)])  # as pycocotools has it
    assert measure(annotations, [result(1, np.int64(truth))])


def test_results_without_a_category_and_none_at_all(labelled):
    annotations = CocoAnnotations.load(labelled() / "labels.json")
    results = [{k: v for k, v in result(1).items() if k != "category_id"}]
    assert coco.evaluate_boxes(annotations, results)["boxes/AP"] >= 0
    assert coco.evaluate_boxes(annotations, [])["boxes/AP"] == 0


def test_results_by_text_ids(labelled):
    plain = CocoAnnotations.load(labelled() / "labels.json")
    expected = coco.evaluate_boxes(plain, [result(2), result(1)])

    def name(labels):
        for entry in labels["images"]:
            entry["id"] = f"photo {entry['id']}"
        for entry in labels["annotations"]:
            entry["image_id"] = f"photo {entry['image_id']}"

    named = CocoAnnotations.load(labelled(name) / "labels.json")
    results = [result("photo 2"), result(1)]  # the text, or the number that stands for it
    assert coco.evaluate_boxes(named, results) == expected
    for wrong in ("photo 9", [], None, 1.5):
        with pytest.raises(AnnotationError, match="image_id"):
            coco.evaluate_boxes(named, [result(wrong)])


@pytest.mark.parametrize(
    "fields",
    [
        {"image_id": None},
        {"image_id": []},
        {"image_id": 1.5},
        {"category_id": "person"},
        {"category_id": []},
        {"category_id": 10**400},
        {"keypoints": [float("nan")] * 9},
        {"keypoints": [10**400] * 9},
        {"keypoints": [1e308] * 9},
        {"keypoints": "text"},
        {"keypoints": [1] * 8},
        {"score": None},
        {"score": float("inf")},
        {"score": "1"},
    ],
    ids=str,
)
def test_malformed_results_are_one_line(labelled, fields):
    annotations = CocoAnnotations.load(labelled() / "labels.json")
    field = next(iter(fields))
    with pytest.raises(AnnotationError, match=f"COCO results: result.*{field}: .*; ") as caught:
        coco.evaluate_keypoints(annotations, [result(1), result(2, **{}) | fields])
    assert "\n" not in str(caught.value)
