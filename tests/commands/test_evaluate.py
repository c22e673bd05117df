"""evaluate: figures of a model that is known to be right, and defects of labels and photos."""

import json

import numpy as np
import pytest
from command_line import BLUE, RED, assert_one_line, paint
from PIL import Image


@pytest.fixture
def labelled(tmp_path):
    """Three photos of painted people with exact labels and masks; the third shows nobody."""
    annotations, images = [], []
    for image_id, people in enumerate([[RED, BLUE], [RED], []], 1):
        paint(tmp_path / "photos" / f"p{image_id}.png", people)
        mask = np.zeros((128, 128), np.uint8)
        for x1, y1, x2, y2 in people:
            mask[y1:y2, x1:x2] = 1
            middle = [(x1 + x2) / 2, (y1 + y2) / 2, 2]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": (x2 - x1) * (y2 - y1),
                    "iscrowd": 0,
                    "num_keypoints": 3,
                    "keypoints": [*middle, x1, y1, 2, x2, y2, 2],
                }
            )
        (tmp_path / "masks").mkdir(exist_ok=True)
        Image.fromarray(mask).save(tmp_path / "masks" / f"p{image_id}.png")
        name = f"p{image_id}.png"
        images.append(
            {"id": image_id, "file_name": name, "width": 128, "height": 128, "mask": True}
        )
    category = {"id": 1, "name": "person", "keypoints": ["neck", "left_hip", "right_hip"]}
    labels = {"images": images, "annotations": annotations, "categories": [category]}
    (tmp_path / "labels.json").write_text(json.dumps(labels))
    return tmp_path


def evaluate(multiposenet, folder, *more):
    return multiposenet(
        *("evaluate", "--annotations", folder / "labels.json", "--images", folder / "photos", *more)
    )


def test_evaluate_a_perfect_model(multiposenet, fake_model, labelled):
    status, text, errors = evaluate(multiposenet, labelled, "--json", "-")
    assert (status, errors) == (0, [])
    figures = json.loads(text)
    assert figures["model"] == "multiposenet-nano"
    assert (figures["photos"], figures["failed"]) == (3, 0)
    assert figures["keypoints/AP"] == pytest.approx(1, abs=1e-9)
    assert figures["boxes/AP"] == pytest.approx(1, abs=1e-9)
    assert figures["masks/IoU"] > 0.9
    assert fake_model == [("multiposenet-nano", {"score": 0.0})]


def test_evaluate_prints_the_figures_asked_for(multiposenet, fake_model, labelled):
    status, text, _ = evaluate(multiposenet, labelled, "--metrics", "boxes,masks")
    assert status == 0
    assert "boxes/AP50" in text and "masks/IoU" in text and "keypoints" not in text


def test_a_photo_that_cannot_be_read_counts_as_missed(multiposenet, fake_model, labelled):
    (labelled / "photos" / "p2.png").unlink()
    status, text, errors = evaluate(multiposenet, labelled, "--json", "-")
    assert status == 1
    assert_one_line(errors, labelled / "photos" / "p2.png")
    figures = json.loads(text)
    assert figures["failed"] == 1
    assert figures["boxes/AR100"] == pytest.approx(2 / 3)
    # 2 x 2560 + 1024 labelled pixels, of which 2560 are in the missing photo.
    assert figures["masks/IoU"] == pytest.approx((2560 + 1024) / (2 * 2560 + 1024), abs=0.05)


def test_no_photo_at_all_is_a_failure(multiposenet, fake_model, labelled):
    for photo in (labelled / "photos").iterdir():
        photo.unlink()
    status, _, errors = evaluate(multiposenet, labelled)
    assert status == 2 and len(errors) == 3


def test_masks_are_left_out_when_there_are_none(multiposenet, fake_model, labelled):
    (labelled / "masks").rename(labelled / "elsewhere")
    status, text, _ = evaluate(multiposenet, labelled, "--json", "-")
    assert status == 0 and "masks/IoU" not in json.loads(text)
    status, text, _ = evaluate(
        multiposenet, labelled, "--json", "-", "--masks", labelled / "elsewhere"
    )
    assert status == 0 and "masks/IoU" in json.loads(text)
    status, _, errors = evaluate(multiposenet, labelled, "--metrics", "masks")
    assert status == 2
    assert_one_line(errors, labelled / "masks", "--masks")


def bad_mask(folder, image):
    path = folder / "masks" / "p1.png"
    path.unlink() if image is None else image.save(path)
    return path


@pytest.mark.parametrize(
    "image, problem",
    [
        (Image.new("L", (64, 128)), "64x128 pixels, but the labels are for 128x128"),
        (Image.new("RGB", (128, 128)), "3 channels"),
        (Image.new("L", (128, 128), 7), "has the value 7"),
    ],
    ids=["size", "colour", "value"],
)
def test_a_bad_mask_costs_itself(image, problem, multiposenet, fake_model, labelled):
    whole = json.loads(evaluate(multiposenet, labelled, "--json", "-")[1])
    path = bad_mask(labelled, image)
    status, text, errors = evaluate(multiposenet, labelled, "--json", "-")
    found = json.loads(text)
    assert status == 1 and found["failed"] == 1
    assert_one_line(errors, path, problem)
    assert found["masks/IoU"] > 0.9
    same = [name for name in whole if name.startswith(("keypoints", "boxes"))]
    assert same and [found[name] for name in same] == [whole[name] for name in same]


def test_a_missing_mask_is_told_before_the_work(multiposenet, fake_model, labelled):
    path = bad_mask(labelled, None)
    status, text, errors = evaluate(multiposenet, labelled, "--json", labelled / "r.json")
    assert (status, text) == (2, "") and not fake_model
    assert_one_line(errors, path, "no such file")
    assert not (labelled / "r.json").exists()
    assert evaluate(multiposenet, labelled, "--metrics", "boxes")[0] == 0


def edited(change):
    def edit(text):
        labels = json.loads(text)
        change(labels)
        return json.dumps(labels)

    return edit


BAD_LABELS = {
    "not JSON": (lambda text: text[:-9], "JSON"),
    "no images": (edited(lambda labels: labels.pop("images")), "images"),
    "no annotations": (edited(lambda labels: labels.pop("annotations")), "annotations"),
    "no bbox": (edited(lambda labels: labels["annotations"][1].pop("bbox")), "bbox"),
    "no file name": (edited(lambda labels: labels["images"][0].pop("file_name")), "file_name"),
    "keypoint count": (
        edited(lambda labels: labels["annotations"][0]["keypoints"].pop()),
        "keypoints",
    ),
    "unknown image": (
        edited(lambda labels: labels["annotations"][0].update(image_id=77)),
        "image_id",
    ),
}


@pytest.mark.parametrize("kind", BAD_LABELS)
def test_bad_annotations(kind, multiposenet, fake_model, labelled):
    edit, field = BAD_LABELS[kind]
    path = labelled / "labels.json"
    path.write_text(edit(path.read_text()))
    status, text, errors = evaluate(multiposenet, labelled, "--json", labelled / "r.json")
    assert (status, text) == (2, "")
    assert_one_line(errors, path, field)
    assert fake_model == []
    assert not (labelled / "r.json").exists()


def test_labels_of_another_skeleton(multiposenet, fake_model, labelled):
    path = labelled / "labels.json"
    path.write_text(path.read_text().replace('"neck"', '"head_top"'))
    status, _, errors = evaluate(multiposenet, labelled)
    assert status == 2
    assert_one_line(errors, path, "keypoints", "--metrics boxes,masks")
    assert evaluate(multiposenet, labelled, "--metrics", "boxes,masks")[0] == 0


def test_photos_alone_count_people(multiposenet, fake_model, labelled):
    photos = labelled / "photos"
    status, text, _ = multiposenet("evaluate", "--images", photos, "--json", "-")
    figures = json.loads(text)
    assert status == 0
    assert figures["people_per_photo"] == pytest.approx(1)
    assert figures["photos_with_people"] == pytest.approx(2 / 3)
    _, text, _ = multiposenet("evaluate", "--images", photos, "--json", "-", "--score", "0.5")
    assert json.loads(text)["people_per_photo"] == pytest.approx(2 / 3)  # only the red ones


@pytest.mark.parametrize("more", [["--metrics", "boxes"], ["--masks", "."]])
def test_photos_alone_have_no_labels(more, multiposenet, fake_model, labelled):
    status, _, errors = multiposenet("evaluate", "--images", labelled / "photos", *more)
    assert status == 2
    assert_one_line(errors, "--annotations")


def test_evaluate_needs_a_folder(multiposenet, fake_model, tmp_path):
    status, _, errors = multiposenet("evaluate", "--images", tmp_path / "none")
    assert status == 2
    assert_one_line(errors, tmp_path / "none", "not a folder")


def outlined(folder, outlines, crowd=()):
    """The labels with these segmentations, without a folder of masks."""
    import shutil

    shutil.rmtree(folder / "masks")
    labels = json.loads((folder / "labels.json").read_text())
    for annotation, outline in zip(labels["annotations"], outlines, strict=True):
        annotation["segmentation"] = outline
        annotation["iscrowd"] = int(annotation["id"] in crowd)
    (folder / "labels.json").write_text(json.dumps(labels))


def rectangle(box, x=0):
    x1, y1, x2, y2 = box
    return [[x1 + x, y1, x2 + x, y1, x2 + x, y2, x1 + x, y2]]


def runs(box):
    """A run-length code, column by column."""
    x1, y1, x2, y2 = box
    mask = np.zeros((128, 128), bool)
    mask[y1:y2, x1:x2] = True
    ends = np.flatnonzero(np.diff(np.r_[0, mask.ravel("F"), 0])).tolist()
    counts = np.diff([0, *ends, mask.size]).tolist()
    return {"size": [128, 128], "counts": counts}


def masks(multiposenet, folder):
    status, text, errors = evaluate(multiposenet, folder, "--metrics", "masks", "--json", "-")
    return status, json.loads(text)["masks/IoU"], errors


def test_masks_are_the_outlines_of_the_annotations(multiposenet, fake_model, labelled):
    wanted = masks(multiposenet, labelled)
    outlined(labelled, [rectangle(RED), runs(BLUE), rectangle(RED)])
    assert masks(multiposenet, labelled) == wanted
    status, text, _ = evaluate(multiposenet, labelled, "--json", "-")
    assert json.loads(text)["masks/IoU"] == wanted[1]


def test_outlines_beside_the_persons_are_seen(multiposenet, fake_model, labelled):
    outlined(labelled, [rectangle(RED, 32), runs(BLUE), rectangle(RED, 32)])
    assert masks(multiposenet, labelled)[1] < 0.5


def test_crowds_and_persons_without_an_outline_do_not_count(multiposenet, fake_model, labelled):
    """The blue one is a crowd, and of one of the red ones nobody knows the outline."""
    wanted = masks(multiposenet, labelled)[1]
    outlined(labelled, [None, rectangle(BLUE), rectangle(RED)], crowd=[2])
    status, found, errors = masks(multiposenet, labelled)
    assert status == 0 and found > 0.9 and abs(found - wanted) < 0.05
    assert_one_line(errors, "segmentation: 1 persons have none; their boxes do not count")


def test_annotations_without_masks_and_outlines(multiposenet, fake_model, labelled):
    outlined(labelled, [None] * 3)
    status, _, errors = evaluate(multiposenet, labelled, "--metrics", "masks")
    assert status == 2
    assert_one_line(errors, "masks: none for these annotations, which have no segmentations either")


def test_annotations_in_the_format_of_a_tool(multiposenet, fake_model, labelled):
    target = f"cvat:{labelled / 'labels.xml'}"
    assert multiposenet("convert", labelled / "labels.json", target)[0] == 0
    arguments = ("--annotations", target, "--images", labelled / "photos", "--json", "-")
    status, text, _ = multiposenet("evaluate", *arguments, "--metrics", "keypoints")
    assert status == 0 and json.loads(text)["keypoints/AP"] == pytest.approx(1, abs=1e-9)
