"""Label Studio's JSON: a list of tasks with their results, places in percent of the photo.

    [{"data": {"image": ".../a.jpg"}, "annotations": [{"result": [
        {"id": "b1", "type": "rectanglelabels", "original_width": 640, "original_height": 480,
         "value": {"x": 1, "y": 2, "width": 30, "height": 40, "rectanglelabels": ["person"]}},
        {"id": "k1", "type": "keypointlabels", "parentID": "b1", ...,
         "value": {"x": 3, "y": 4, "width": 0.5, "keypointlabels": ["left_eye"]}}, ...]}]}]

A point belongs to the region that `parentID` names, or a relation, or else to the only rectangle
around it. Written are tasks with results as annotations, for import, and the labelling interface
`NAME.config.xml` (https://labelstud.io/guide/export).
"""

from collections import Counter
from pathlib import Path
from urllib.parse import unquote
from xml.sax.saxutils import quoteattr

from multiposenet.annotations import CocoAnnotations
from multiposenet.files.writing import write_json, write_text
from multiposenet.json_table import fail, parse, read_bytes
from multiposenet.label_formats import fields, shapes
from multiposenet.label_formats.found import Found, Written, category_name
from multiposenet.skeleton import Skeleton

_HIDDEN, _CROWD = "hidden", "crowd"  # what a region's note (`meta.text`) may say
_OTHER = "regions that are no rectangle, polygon or keypoint"


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a file, or the only JSON file of a folder whose photos are in `images`."""
    file = path
    if path.is_dir():
        files = sorted(path.glob("*.json"))
        if len(files) != 1:
            fail(path, "folder", f"{len(files)} .json files in it", "name the file")
        file = files[0]
    tasks, lost, photos = parse(file, read_bytes(file)), Counter(), []
    if not isinstance(tasks, list):
        fail(file, "file", "no list of tasks", "export it from Label Studio as JSON")
    for number, each in enumerate(tasks):
        photo = _photo(fields.Fields(file, f"[{number}]", each), lost)
        photos += [photo] if photo else []
    folder = next((path / name for name in ("images", "photos") if (path / name).is_dir()), None)
    return shapes.assemble(file, photos, skeleton, lost, folder)


def _photo(task, lost: Counter) -> shapes.Photo | None:
    data = task.object("data")
    addresses = [v for k, v in data.value.items() if isinstance(v, str) and k != "id"]
    address = data.value.get("image") or (addresses[0] if addresses else None)
    if not isinstance(address, str):
        task.fail("data", "no address of a photo")
    done = [fields.Fields(task.path, f"{task.where}.annotations", a) for a in _done(task)]
    done = [annotation for annotation in done if not annotation.value.get("was_cancelled")]
    lost["further annotations of a photo, of which the last counts"] += max(len(done) - 1, 0)
    results = done[-1].list("result") if done else []
    regions = [fields.Fields(task.path, f"{task.where}.result", region) for region in results]
    sized = [region for region in regions if "original_width" in region.value]
    if not sized:
        lost["photos of nobody, whose size the file does not tell"] += 1
        return None
    photo = shapes.Photo(_name(address), *sized[0].size("original_width", "original_height"))
    parents = _parents(regions)
    for region in regions:
        _add(region, photo, parents, lost)
    return photo


def _done(task) -> list:
    return task.list("annotations", None) or task.list("completions", None) or []


def _name(address: str) -> str:
    """The file's name: uploads have a code of eight letters and a dash before it."""
    name = unquote(address.rpartition("?d=")[2] or address).replace("\\", "/")
    name = name.partition("?")[0].rpartition("/")[2]
    code, dash, rest = name.partition("-")
    upload = "/upload/" in address and dash and rest and len(code) == 8 and code.isalnum()
    return (rest if upload else name) or "photo"


def _parents(regions) -> dict[str, str]:
    """The region that each region belongs to, by their ids."""
    parents = {}
    for region in regions:
        if region.value.get("type") == "relation":
            first, second = region.text("from_id"), region.text("to_id")
            parents.setdefault(first, second)
    kinds = {r.value.get("id"): r.value.get("type") for r in regions if _is_text(r.value.get("id"))}
    # A relation may be drawn from either end; what belongs is the point.
    turned = {b: a for a, b in parents.items() if kinds.get(b) == "keypointlabels"}
    parents = {a: b for a, b in parents.items() if kinds.get(b) != "keypointlabels"} | turned
    for region in regions:
        if _is_text(region.value.get("parentID")) and _is_text(region.value.get("id")):
            parents[region.value["id"]] = region.value["parentID"]
    return {a: b for a, b in parents.items() if kinds.get(b) == "rectanglelabels"}


def _add(region, photo, parents, lost) -> None:
    kind = region.text("type", "relation")
    if kind in ("relation", "choices", "textarea", "rating"):
        return
    if kind not in ("rectanglelabels", "polygonlabels", "keypointlabels"):
        lost[_OTHER] += 1
        return
    value, own = region.object("value"), region.text("id")
    labels = value.list(kind, None) or [None]
    if not _is_text(labels[0]):
        value.fail(kind, f"{labels[0]!r:.60} is no label")
    scale = photo.width / 100, photo.height / 100
    notes = region.object("meta", {}).list("text", None) or []
    notes = [str(note).strip().lower() for note in notes if isinstance(note, str)][:10]
    if kind == "keypointlabels":
        x, y = (value.number(axis) * one for axis, one in zip("xy", scale, strict=True))
        photo.add_point(parents.get(own), labels[0], x, y, 1 if _HIDDEN in notes else 2)
        return
    person = photo.person(parents.get(own, own), labels[0])
    person.crowd |= _CROWD in notes
    if kind == "polygonlabels":
        flat = fields.points(region.path, f"{value.where}.points", value.list("points"))
        person.polygons.append([v * scale[place % 2] for place, v in enumerate(flat)])
        return
    x, y, width, height = (value.number(side) for side in ("x", "y", "width", "height"))
    person.xywh = x * scale[0], y * scale[1], width * scale[0], height * scale[1]
    lost["turns of boxes"] += value.number("rotation", 0.0) != 0


def _is_text(value) -> bool:
    return isinstance(value, str) and bool(value)


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a file, or `tasks.json` of a folder, and the labelling interface beside it."""
    file = target if target.suffix else target / "tasks.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    label, lost, tasks = category_name(annotations.skeleton), Counter(), []
    for record, rows in zip(annotations.images, annotations.rows_by_photo(), strict=True):
        result = []
        for row in rows:
            result += _regions(annotations, row, record, label, lost)
        lost["photos of nobody, whose size the file does not tell"] += not result
        tasks.append({"data": {"image": record.file_name}, "annotations": [{"result": result}]})
    persons = annotations.persons
    lost["areas other than the box's"] += int((persons.areas != persons.xywh[:, 2:].prod(1)).sum())
    write_json(file, tasks, allow_nan=False)
    config = file.with_suffix(".config.xml")
    write_text(config, _config(annotations.skeleton, label))
    return Written([file, config], lost)


def _regions(annotations, row, record, label, lost) -> list[dict]:
    persons, own = annotations.persons, f"p{row + 1}"
    across, down = 100 / record.width, 100 / record.height

    def region(number, name, kind, value, note=None, parent=None):
        size = {"original_width": record.width, "original_height": record.height}
        about = {"id": number, "type": kind, "from_name": name, "to_name": "image", **size}
        about |= {"image_rotation": 0, "value": {"rotation": 0, **value}}
        about |= {"meta": {"text": [note]}} if note else {}
        return about | ({"parentID": parent} if parent else {})

    crowd = _CROWD if persons.crowd[row] else None
    x, y, width, height = persons.xywh[row].tolist()
    box = {"x": x * across, "y": y * down, "width": width * across, "height": height * down}
    box["rectanglelabels"] = [label]
    regions = [region(own, "box", "rectanglelabels", box, crowd)]
    points = persons.keypoints[row].tolist()
    for k, name in enumerate(annotations.skeleton.keypoints):
        px, py, v = points[k]
        if v > 0:
            value = {"x": px * across, "y": py * down, "width": 0.5, "keypointlabels": [name]}
            note = _HIDDEN if v == 1 else None
            regions.append(region(f"{own}k{k}", "keypoint", "keypointlabels", value, note, own))
    segmentation = annotations.segmentation(row)
    if isinstance(segmentation, dict):
        lost["outlines as run-length codes"] += 1
    for number, polygon in enumerate(segmentation if isinstance(segmentation, list) else ()):
        pairs = zip(polygon[::2], polygon[1::2], strict=True)
        value = {"points": [[px * across, py * down] for px, py in pairs], "closed": True}
        value["polygonlabels"] = [label]
        regions.append(region(f"{own}s{number}", "outline", "polygonlabels", value, None, own))
    return regions


def _config(skeleton: Skeleton, label: str) -> str:
    """The labelling interface, for the settings of a project."""
    own = f"<Label value={quoteattr(label)}/>"
    points = "".join(f"\n    <Label value={quoteattr(name)}/>" for name in skeleton.keypoints)
    return (
        '<View>\n  <Image name="image" value="$image"/>\n'
        f'  <RectangleLabels name="box" toName="image">{own}</RectangleLabels>\n'
        f'  <PolygonLabels name="outline" toName="image">{own}</PolygonLabels>\n'
        f'  <KeyPointLabels name="keypoint" toName="image">{points}\n  </KeyPointLabels>\n</View>\n'
    )
