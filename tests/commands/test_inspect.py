"""inspect: every defect is found, named by its ids, and nothing else is."""

import json
import random

import numpy as np
import pytest
from command_line import assert_one_line, names
from PIL import Image

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.training.datasets.inspection import KINDS

LEFT_WRIST = 3 * COCO_17.index("left_wrist")


@pytest.fixture
def dataset(clean, tmp_path):
    """A copy of clean data, and a function that changes its annotations."""
    folder = tmp_path / "data"
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True)
        for path in (clean / name).iterdir():
            (folder / name / path.name).write_bytes(path.read_bytes())

    def change(edit=lambda content: None):
        content = json.loads((clean / "annotations.json").read_text())
        edit(content)
        (folder / "annotations.json").write_text(json.dumps(content))
        return folder

    change()
    return change


def inspect(multiposenet, folder, *options):
    """Status, and the (image, annotation) of the findings of each kind."""
    status, text, _ = multiposenet("inspect", f"coco:{folder}", "--json", "-", *options)
    result = json.loads(text)
    found = {
        kind: [(item["image"], item["annotation"]) for item in entry["items"]]
        for kind, entry in result["findings"].items()
    }
    return status, found, result


def person(content, place=0):
    """An annotated person with a wrist on the photo."""
    chosen = [a for a in content["annotations"] if a["keypoints"][LEFT_WRIST + 2]]
    return chosen[place]


def test_clean_data(multiposenet, dataset, clean):
    status, found, result = inspect(multiposenet, dataset())
    assert (status, found) == (0, {})
    content = json.loads((clean / "annotations.json").read_text())
    crowds = sum(a["iscrowd"] for a in content["annotations"])
    assert (result["photos"], result["crowds"]) == (4, crowds)
    assert result["persons"] == len(content["annotations"]) - crowds
    flags = np.array([a["keypoints"][LEFT_WRIST + 2] for a in content["annotations"]])
    counted = {"labelled": (flags > 0).sum(), "visible": (flags == 2).sum()}
    assert result["keypoints"]["left_wrist"] == counted
    status, text, _ = multiposenet("inspect", f"coco:{dataset()}")
    assert status == 0 and "nothing wrong" in text and "left_wrist" in text


def several(content):
    """Defects of six kinds in one file."""
    one, other = person(content), person(content, 1)
    one["bbox"] = [1, 2, 3]
    other["num_keypoints"] += 1
    other["area"] = 1e6
    content["annotations"][-1]["image_id"] = 99
    content["images"][3]["width"] = 0
    content["images"][2]["file_name"] = content["images"][1]["file_name"]
    return one, other


def test_all_defects_are_listed(multiposenet, dataset):
    chosen = []
    folder = dataset(lambda content: chosen.extend(several(content)))
    with pytest.raises(AnnotationError):
        CocoAnnotations.load(folder / "annotations.json")
    status, found, _ = inspect(multiposenet, folder)
    assert status == 1
    one, other = [(a["image_id"], a["id"]) for a in chosen]
    assert one in found["bad_field"] and (4, None) in found["bad_field"]
    assert found["wrong_num_keypoints"] == [other] and found["wrong_area"] == [other]
    assert [image for image, _ in found["unknown_image"]] == [None]
    assert (3, None) in found["repeated_file_name"]
    assert (4, None) in found["wrong_size"]
    status, text, _ = multiposenet("inspect", f"coco:{folder}", "--examples", "1")
    assert status == 1
    for kind in found:
        assert f"{kind}: {len(found[kind])}. " in text
    assert f"image {other[0]}, annotation {other[1]}" in text


def field(**values):
    return lambda entry: entry.update(values)


def moved(x, y, v=2):
    def change(entry):
        entry["keypoints"][LEFT_WRIST : LEFT_WRIST + 3] = [x, y, v]

    return change


def far(entry):
    """A wrist on the photo, 30 % of the box's width to the side of a box made narrow."""
    x = entry["keypoints"][LEFT_WRIST]
    entry["bbox"][0] = x - 13 if x > 20 else x + 3
    entry["bbox"][2] = 10
    entry["keypoints"] = [v if i // 3 == LEFT_WRIST // 3 else 0
                          for i, v in enumerate(entry["keypoints"])]  # fmt: skip
    entry["num_keypoints"], entry["area"] = 1, 9


PERSON_DEFECTS = {
    "point_outside_photo": moved(-0.5, 3),
    "bad_visibility": lambda entry: entry["keypoints"].__setitem__(LEFT_WRIST + 2, 3),
    "point_outside_box": far,
    "box_outside_photo": lambda entry: entry["bbox"].__setitem__(2, 300),
    "empty_box": field(bbox=[5, 5, 0, 10], keypoints=[0] * 51, num_keypoints=0, area=1),
    "wrong_num_keypoints": field(num_keypoints=0),
    "wrong_area": field(area=0),
    "unknown_category": field(category_id=7),
    "unknown_image": field(image_id=99),
}


@pytest.mark.parametrize("kind", PERSON_DEFECTS)
def test_one_defect_of_a_person(kind, multiposenet, dataset):
    chosen = []

    def change(content):
        chosen.append(person(content))
        PERSON_DEFECTS[kind](chosen[0])

    status, found, _ = inspect(multiposenet, dataset(change))
    assert status == 1
    where = (None if kind == "unknown_image" else chosen[0]["image_id"], chosen[0]["id"])
    assert found == {kind: [where]}


@pytest.mark.parametrize(
    "value",
    [
        {"bbox": [1, 2, -3, 4]},
        {"bbox": [1, 2, "3", 4]},
        {"bbox": [1, 2, float("nan"), 4]},
        {"bbox": [1, 2, 10**400, 4]},
        {"keypoints": None},
        {"keypoints": [1, 2, 2]},
        {"area": "large"},
        {"iscrowd": "no"},
        {"id": "seven"},
    ],
    ids=str,
)
def test_bad_fields(value, multiposenet, dataset):
    folder = dataset(lambda content: person(content).update(value))
    status, found, _ = inspect(multiposenet, folder)
    assert status == 1 and len(found["bad_field"]) == 1
    assert "refused" not in found
    with pytest.raises(AnnotationError):
        CocoAnnotations.load(folder / "annotations.json")


def test_what_only_the_reader_refuses(multiposenet, dataset, tmp_path):
    def change(content):
        content["categories"][0]["keypoints"][1] = "left_I"

    out = tmp_path / "out"
    _, found, result = inspect(multiposenet, dataset(change), "--draw", "1", "--out", out)
    assert list(found) == ["refused"] and found["refused"] == [(None, None)]
    assert "left_I" in result["findings"]["refused"]["items"][0]["message"]
    assert len(result["drawn"]) == 1


def copied(content, **changes):
    entry = json.loads(json.dumps(person(content))) | {"id": 1000} | changes
    content["annotations"].append(entry)
    return entry


def test_repeated_ids_and_persons(multiposenet, dataset):
    def across(content):
        entry = copied(content, id=content["annotations"][0]["id"])
        other = next(i["id"] for i in content["images"] if i["id"] != entry["image_id"])
        entry["image_id"] = other

    status, found, _ = inspect(multiposenet, dataset(across))
    assert status == 1 and list(found) == ["repeated_id_across_photos"]

    def within(content):
        first = person(content)
        copied(content, id=first["id"])

    _, found, _ = inspect(multiposenet, dataset(within))
    assert set(found) == {"repeated_id", "repeated_person"}

    def without_keypoints(content):
        entry = copied(content, keypoints=[0] * 51, num_keypoints=0)
        entry["bbox"][2] *= 1.01

    _, found, _ = inspect(multiposenet, dataset(without_keypoints))
    assert found == {"repeated_person": [(found["repeated_person"][0][0], 1000)]}

    def another_pose(content):
        moved(40, 40)(copied(content))

    _, found, _ = inspect(multiposenet, dataset(another_pose))
    assert "repeated_person" not in found

    def two_images(content):
        content["images"].append(content["images"][0])

    _, found, _ = inspect(multiposenet, dataset(two_images))
    assert found == {"repeated_image_id": [(1, None)]}


def test_photos_and_masks(multiposenet, dataset):
    folder = dataset()
    photos = sorted((folder / "photos").iterdir())
    photos[0].unlink()
    photos[1].write_bytes(b"no image")
    Image.new("RGB", (50, 60)).save(photos[2])
    Image.new("L", (128, 96), 7).save(folder / "masks" / f"{photos[3].stem}.png")
    status, found, _ = inspect(multiposenet, folder)
    assert status == 1
    assert found == {
        "missing_photo": [(1, None)],
        "unreadable_photo": [(2, None)],
        "wrong_size": [(3, None)],
        "bad_mask": [(4, None)],
    }
    # Without the photos' folder they are not asked for.
    assert multiposenet("inspect", folder / "annotations.json")[0] == 0
    command = ("inspect", folder / "annotations.json", "--images", folder / "photos")
    assert multiposenet(*command)[0] == 1


def test_drawings(multiposenet, dataset, tmp_path):
    """Photos with findings come first; what is drawn has the photo's size."""
    folder = dataset(lambda content: moved(-1, 5)(person(content)))
    out = tmp_path / "out"
    _, found, result = inspect(multiposenet, folder, "--draw", "2", "--out", out)
    assert len(names(out)) == 2 and len(result["drawn"]) == 2
    (image, _), *_ = found["point_outside_photo"]
    drawn = next(path for path in result["drawn"] if f"{image}_" in path)
    name = next((folder / "photos").glob(f"*{image - 1}.jpg"))
    picture, photo = np.asarray(Image.open(drawn)), np.asarray(Image.open(name))
    assert picture.shape == photo.shape and (picture != photo).any()
    before = {path: path.read_bytes() for path in out.iterdir()}
    _, _, again = inspect(multiposenet, folder, "--draw", "2", "--out", out)
    assert len(names(out)) == 4 and not set(again["drawn"]) & set(result["drawn"])
    assert {path: path.read_bytes() for path in before} == before


def test_drawings_stay_in_their_folder(multiposenet, dataset, tmp_path):
    """Whatever the ids of the photos are."""

    def edit(content):
        for image in content["images"]:
            image["id"] = f"../../{image['id']}/\0x" + "y" * 300
        for each in content["annotations"]:
            each["image_id"] = f"../../{each['image_id']}/\0x" + "y" * 300

    out = tmp_path / "deep" / "drawn"
    before = names(tmp_path)
    multiposenet("inspect", f"coco:{dataset(edit)}", "--draw", "2", "--out", out)
    assert len(names(out)) == 2 and all(name.startswith(".._.._") for name in names(out))
    assert names(tmp_path) == sorted([*before, "deep"]) and names(tmp_path / "deep") == ["drawn"]


def test_defects_of_the_command(multiposenet, dataset, tmp_path):
    folder = dataset()
    for arguments, problem in [
        (["nowhere.json"], "not FORMAT:FOLDER"),
        (["bvh:there"], "'bvh'"),
        ([f"coco:{tmp_path}"], "annotations.json"),
        (["voc:nowhere"], "nowhere"),
        ([folder / "annotations.json", "--draw", "1"], "--images"),
        ([f"coco:{folder}", "--images", folder], "--images"),
        ([folder / "annotations.json", "--images", "nowhere"], "nowhere"),
        ([folder / "photos" / "000000.jpg"], "not JSON"),
    ]:
        status, text, errors = multiposenet("inspect", *arguments)
        assert (status, text) == (2, ""), arguments
        assert_one_line(errors, problem)


def test_the_skeleton_of_a_file(multiposenet, dataset, tmp_path):
    """Names of its own, the limbs of its category, and COCO's sigmas where a name is known."""

    def edit(content):
        (category,) = content["categories"]
        category["keypoints"][0], category["skeleton"] = "snout", [[1, 2], [6, 7]]

    target, folder = tmp_path / "own.yaml", dataset(edit)
    assert inspect(multiposenet, folder, "--write-skeleton", target)[0] == 0
    written = Skeleton.from_yaml(target)
    assert written.keypoints == ("snout", *COCO_17.keypoints[1:])
    assert written.limbs == ((0, 1), (5, 6)) and written.sigmas[1:] == COCO_17.sigmas[1:]
    assert CocoAnnotations.load(folder / "annotations.json").skeleton == written
    broken = dataset(lambda content: content.pop("images"))
    status, _, errors = multiposenet(
        "inspect", f"coco:{broken}", "--write-skeleton", tmp_path / "none.yaml"
    )
    assert status and errors and not (tmp_path / "none.yaml").exists()


@pytest.mark.parametrize("content", [[], {"images": []}, {"images": {}}])
def test_no_coco_file(content, multiposenet, tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    status, _, errors = multiposenet("inspect", path)
    assert status == 2
    assert_one_line(errors, path)


def spoil(node, rng):
    """Removes, repeats or replaces something at a random place."""
    values = [None, 0, -1, 1.5, 2.0, "x", [], {}, True, [1, 2], 10**400, 1e300, float("nan")]
    for _ in range(rng.randrange(1, 6)):
        places = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not places:
            return
        place = rng.choice(places)
        if isinstance(node[place], (dict, list)) and rng.random() < 0.8:
            node = node[place]
            continue
        chance = rng.random()
        if chance < 0.25:
            del node[place]
        elif chance < 0.35 and isinstance(node, list):
            node.append(node[place])
        else:
            node[place] = rng.choice(values)
        return


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
def test_what_the_reader_refuses_is_reported_whatever_it_is(multiposenet, dataset, tmp_path):
    rng, refused = random.Random(0), 0
    for _ in range(250):
        path = dataset(lambda content: spoil(content, rng)) / "annotations.json"
        status, text, _ = multiposenet("inspect", path, "--json", "-")
        try:
            CocoAnnotations.load(path)
        except AnnotationError:
            refused += 1
            assert status in (1, 2)
        if status != 2:
            assert status == (1 if json.loads(text)["findings"] else 0)
    assert refused > 50


def test_every_kind_has_a_rule():
    assert all(rule and rule[0].islower() and not rule.endswith(".") for rule in KINDS.values())


@pytest.mark.parametrize("folder", ["test", "no_keypoints", "no_person"])
def test_real_photos(folder, multiposenet, data_dir):
    """They have no defects; few labels look doubtful."""
    _, found, result = inspect(multiposenet, data_dir / "coco_photos" / folder)
    assert len(found.pop("sides_swapped", [])) <= 0.005 * result["persons"]
    assert len(found.pop("point_outside_box", [])) <= 0.05 * result["persons"]
    assert found == {}


def test_known_defects_of_real_labels(multiposenet, data_dir):
    path = data_dir / "coco_photos/train/annotations.json"
    status, text, _ = multiposenet("inspect", path, "--json", "-")
    assert status == 1
    counts = {kind: entry["count"] for kind, entry in json.loads(text)["findings"].items()}
    assert counts.keys() == {"repeated_id_across_photos", "point_outside_box", "sides_swapped"}
    assert counts["repeated_id_across_photos"] == 74
