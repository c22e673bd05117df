"""inspect: what people's own data sets have, and the copy in which it is mended."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.training.datasets.inspection import KINDS, Inspection, repair


@pytest.fixture
def dataset(clean, tmp_path):
    """A copy of clean data, and a function that changes its annotations."""
    folder = tmp_path / "data"
    shutil.copytree(clean, folder)

    def change(edit=lambda content: None):
        content = json.loads((clean / "annotations.json").read_text())
        edit(content)
        (folder / "annotations.json").write_text(json.dumps(content))
        return folder

    return change


def inspect(multiposenet, dataset, *options):
    status, text, _ = multiposenet("inspect", dataset, "--json", "-", *options)
    result = json.loads(text)
    return status, {kind: entry["items"] for kind, entry in result["findings"].items()}, result


def first(content):
    """A person with labels."""
    return next(entry for entry in content["annotations"] if entry["num_keypoints"] > 3)


def changed(**fields):
    return lambda content: first(content).update(fields)


def keypoint(place, value):
    def change(content):
        points = first(content)["keypoints"]
        labelled = next(i for i in range(0, 51, 3) if points[i + 2])
        points[labelled + place] = value

    return change


def limbs(*pairs):
    return lambda content: content["categories"][0].update(skeleton=list(pairs))


RUNS = {"size": [96, 128], "counts": [10, 5, 96 * 128 - 15]}
# kind, change, and whether the mended copy has nothing wrong any more
DEFECTS = {
    "flat": ("bad_segmentation", changed(segmentation=[1, 2, 9, 2, 9, 9]), True),
    "pairs": ("bad_segmentation", changed(segmentation=[[1, 2], [9, 2], [9, 9]]), True),
    "nested pairs": ("bad_segmentation", changed(segmentation=[[[1, 2], [9, 2], [9, 9]]]), True),
    "numbers as text": ("bad_segmentation", changed(segmentation=[[*"129299"]]), True),
    "text": ("bad_segmentation", changed(segmentation="1 2 9 2 9 9"), True),
    "odd": ("bad_segmentation", changed(segmentation=[[1, 2, 9, 2, 9, 9, 1]]), True),
    "far": ("bad_segmentation", changed(segmentation=[[1, 2, 2**31, 2, 9, 9]]), True),
    "nan": ("bad_segmentation", changed(segmentation=[[1, 2, float("nan"), 2, 9, 9]]), True),
    "other size": ("bad_segmentation", changed(segmentation=RUNS | {"size": [128, 96]}), True),
    "sum": ("bad_segmentation", changed(segmentation=RUNS | {"counts": [10, 5, 70]}), True),
    "no polygon": ("no_outline", changed(segmentation=[[]]), True),
    "two corners": ("no_outline", changed(segmentation=[[1, 2, 3, 4]]), True),
    "one of two": ("no_outline", changed(segmentation=[[1, 2], [1, 2, 9, 2, 9, 9]]), True),
    "areas of 1": ("small_area", changed(area=1), True),
    "tiny areas": ("small_area", lambda c: first(c).update(bbox=[0, 0, 90, 90], area=20), False),
    "huge area": ("wrong_area", changed(area=1e9), True),
    "v -1": ("bad_visibility", keypoint(2, -1), True),
    "v 3": ("bad_visibility", keypoint(2, 3), True),
    "v .97": ("bad_visibility", keypoint(2, 0.97), True),
    "v 0": ("position_without_visibility", keypoint(2, 0), True),
    "keypoint nan": ("bad_field", keypoint(0, float("nan")), True),
    "keypoint text": ("bad_field", keypoint(0, "7"), True),
    "keypoint far": ("bad_field", keypoint(0, 1e9), True),
    "labels lost": ("bad_field", changed(keypoints=[]), True),
    "limbs from 0": ("bad_limb", limbs([0, 1], [1, 16]), True),
    "limb beyond": ("bad_limb", limbs([1, 2], [3, 18]), True),
    "limb no pair": ("bad_limb", limbs([1, 2], "1-2"), True),
    "box lost": ("bad_field", changed(bbox=None), True),
    "iscrowd": ("bad_field", changed(iscrowd="no"), True),
    "id": ("bad_field", changed(id=None), True),
    "image": ("unknown_image", changed(image_id=77), True),
    "category": ("unknown_category", changed(category_id=7), True),
    "image width": ("bad_field", lambda c: c["images"][0].update(width=0), True),
    "image twice": ("repeated_image_id", lambda c: c["images"].append(c["images"][0]), True),
}  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS)
def test_defects_are_found_and_mended(defect, multiposenet, dataset, tmp_path):
    kind, change, mended = DEFECTS[defect]
    folder, copy = dataset(change), tmp_path / "mended.json"
    before = (folder / "annotations.json").read_bytes()
    status, found, result = inspect(multiposenet, folder / "annotations.json", "--repair", copy)
    assert kind in found
    assert (folder / "annotations.json").read_bytes() == before
    assert sum(result["repaired"]["changes"].values()) >= 1
    if mended:
        assert kind not in result["repaired"]["left"]
        CocoAnnotations.load(copy)
    status, again, _ = inspect(multiposenet, copy)
    assert {kind: len(items) for kind, items in again.items()} == result["repaired"]["left"]
    assert status == (1 if again else 0)


def test_clean_data_are_copied_as_they_are(multiposenet, dataset, tmp_path):
    folder, copy = dataset(), tmp_path / "mended.json"
    status, text, _ = multiposenet("inspect", f"coco:{folder}", "--repair", copy)
    assert status == 0
    assert "nothing was changed" in text and "nothing wrong is left in it" in text
    assert json.loads(copy.read_text()) == json.loads((folder / "annotations.json").read_text())


def test_what_is_changed_is_said_and_counted(multiposenet, dataset, tmp_path):
    def spoil(content):
        for entry in content["annotations"]:
            entry["area"] = 1
        content["images"][0]["file_name"] = "sub\\" + content["images"][0]["file_name"]
        content["categories"][0]["skeleton"] = [[0, 1], [0, 2]]

    folder, copy = dataset(spoil), tmp_path / "mended.json"
    entries = json.loads((folder / "annotations.json").read_text())["annotations"]
    count = sum(not entry["iscrowd"] for entry in entries)
    status, text, _ = multiposenet("inspect", folder / "annotations.json", "--repair", copy)
    assert status == 0 and f"written: {copy}" in text
    assert f"area: left out, so that it is the box's: {count}" in text
    assert "file_name: backslashes written as slashes: 1" in text
    assert "categories.skeleton: counted from 1 instead of 0: 1" in text
    mended = json.loads(copy.read_text())
    assert mended["categories"][0]["skeleton"] == [[1, 2], [1, 3]]
    assert len(CocoAnnotations.load(copy)) == 4


def test_truncated_photos(multiposenet, dataset, tmp_path):
    """Only decoding tells: their headers are whole."""
    folder, copy = dataset(), tmp_path / "mended.json"
    photo = sorted((folder / "photos").iterdir())[1]
    photo.write_bytes(photo.read_bytes()[: photo.stat().st_size // 2])
    status, found, _ = inspect(multiposenet, f"coco:{folder}", "--repair", copy)
    assert [item["image"] for item in found["unreadable_photo"]] == [2]
    assert "damaged image" in found["unreadable_photo"][0]["message"]
    assert 2 not in CocoAnnotations.load(copy).image_ids
    assert inspect(multiposenet, f"coco:{folder}", "--no-decode")[:2] == (0, {})


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("labels", ["stored", "upright"])
def test_photos_that_exif_turns(multiposenet, dataset, orientation, labels):
    exif = Image.Exif()
    exif[0x0112] = orientation
    folder = dataset()
    photo = sorted((folder / "photos").iterdir())[0]
    pixels = Image.open(photo).copy()
    if labels == "upright" and orientation >= 5:
        pixels = pixels.transpose(Image.Transpose.ROTATE_90)
    pixels.save(photo, exif=exif)
    status, found, _ = inspect(multiposenet, f"coco:{folder}")
    if labels == "upright" and orientation >= 5:
        assert (status, found) == (0, {})
    else:
        ((item,),) = found.values()
        assert list(found) == ["turned_photo"] and item["image"] == 1
        sure = "are" if orientation >= 5 else "may be"
        assert f"EXIF orientation {orientation}, the labels {sure} for it" in item["message"]


def test_masks_of_255(multiposenet, dataset):
    folder = dataset()
    masks = sorted((folder / "masks").iterdir())
    with Image.open(masks[0]) as image:
        labels = np.array(image)
    Image.fromarray((labels == 1).astype(np.uint8) * 255).save(masks[0])
    Image.fromarray(labels * 100).save(masks[1])
    _, found, _ = inspect(multiposenet, f"coco:{folder}")
    assert found.keys() == {"mask_of_255", "bad_mask"}


def test_backslashes_find_the_photos(multiposenet, dataset):
    def split(content):
        for image in content["images"]:
            image["file_name"] = "sub\\" + image["file_name"]

    folder = dataset(split)
    (folder / "photos" / "sub").mkdir()
    for photo in sorted((folder / "photos").glob("*.*")):
        photo.rename(folder / "photos" / "sub" / photo.name)
    _, found, _ = inspect(multiposenet, f"coco:{folder}")
    assert found.keys() == {"backslash_name"} and len(found["backslash_name"]) == 4


def test_pairs_are_shown(multiposenet, dataset):
    def spell(content):
        names = content["categories"][0]["keypoints"]
        content["categories"][0]["keypoints"] = [
            name.replace("left_", "L_").replace("right_", "R_") for name in names
        ]

    path = dataset(spell) / "annotations.json"
    _, _, result = inspect(multiposenet, path)
    assert ["L_eye", "R_eye"] in result["pairs"] and len(result["pairs"]) == 8
    assert "mirror pairs: L_eye and R_eye, " in multiposenet("inspect", path)[1]

    def alone(content):
        content["categories"][0]["keypoints"][2] = "R_brow"

    path = dataset(lambda content: (spell(content), alone(content))) / "annotations.json"
    status, found, result = inspect(multiposenet, path)
    assert status == 1 and list(found) == ["refused"] and result["pairs"] == []
    assert "has no mirror keypoint; add" in found["refused"][0]["message"]


def test_keypoints_without_names(multiposenet, dataset):
    def reduce(content):
        del content["categories"][0]["keypoints"]
        for entry in content["annotations"]:
            entry["keypoints"] = entry["keypoints"][:42]
            entry.pop("num_keypoints")

    path = dataset(reduce) / "annotations.json"
    status, found, _ = inspect(multiposenet, path)
    assert status == 1 and "bad_field" in found
    _, found, result = inspect(multiposenet, path, "--skeleton", "lsp_14")
    assert not {"bad_field", "refused"} & found.keys() and "head_top" in result["keypoints"]


def test_text_ids(multiposenet, dataset):
    def name(content):
        for entries in (content["images"], content["annotations"]):
            for entry in entries:
                for field in {"id", "image_id"} & entry.keys():
                    entry[field] = f"n{entry[field]}"

    assert inspect(multiposenet, dataset(name) / "annotations.json")[:2] == (0, {})


def test_many_defects_at_once_are_all_mended(clean):
    """What is left can be read, whatever was wrong."""
    rng = np.random.default_rng(0)
    content = json.loads((clean / "annotations.json").read_text())
    for trial in range(40):
        spoiled = json.loads(json.dumps(content))
        for name in rng.choice(list(DEFECTS), 4, replace=False):
            try:
                DEFECTS[name][1](spoiled)
            except (StopIteration, TypeError, KeyError, IndexError):
                continue  # another defect came before
        mended, changes = repair(spoiled, Inspection(spoiled, "a").findings)
        path = clean.parent / f"{clean.name}-{trial}.json"
        path.write_text(json.dumps(mended))
        try:
            CocoAnnotations.load(path)
        except AnnotationError as error:
            pytest.fail(f"{error} after {changes}")
        assert set(Inspection(mended, "a").by_kind()) <= KINDS.keys() - {"bad_field", "refused"}
