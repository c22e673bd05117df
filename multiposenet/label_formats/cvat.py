"""CVAT's XML, "CVAT for images 1.1".

    <annotations><meta>...<labels><label><name>person</name><type>skeleton</type>...
      <image id name width height>
        <skeleton label group_id><points label outside occluded points="x,y"/>...</skeleton>
        <box label group_id xtl ytl xbr ybr/>  <polygon points="x,y;x,y"/>  <mask rle left top .../>

A skeleton has no box of its own: the shapes of one group are of one person
(https://docs.cvat.ai/docs/manual/advanced/xml_format/).
"""

import re
from collections import Counter
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from multiposenet import segmentations
from multiposenet.annotations import CocoAnnotations
from multiposenet.files.writing import write_text
from multiposenet.json_table import fail
from multiposenet.label_formats import fields, shapes, xml_files
from multiposenet.label_formats.found import Found, Written, category_name
from multiposenet.skeleton import Skeleton
from multiposenet.sources import DEFAULT_LIMITS

_CROWD = "is_crowd"  # the attribute by which crowds are told
_OTHER_SHAPES = "shapes that are no box, outline, mask, points or skeleton"


def read(path: Path, skeleton: Skeleton | None) -> Found:
    """Reads a file, or `annotations.xml` of a folder whose photos are in `images`."""
    file = path / "annotations.xml" if path.is_dir() else path
    root, lost = xml_files.read(file), Counter()
    if root.tag != "annotations":
        fail(file, "file", f"<{root.tag:.60}>, not <annotations>", "export CVAT for images 1.1")
    if root.find("track") is not None:
        fail(file, "track", "a video's", "export it as CVAT for images 1.1")
    order, limbs = _labels(root)
    photos = [_photo(file, element, lost) for element in root.iter("image")]
    folder = next((path / name for name in ("images", "photos") if (path / name).is_dir()), None)
    return shapes.assemble(file, photos, skeleton, lost, folder, limbs, order)


def _labels(root) -> tuple[list[str], list[tuple[str, str]]]:
    """Keypoints and limbs, as the project's labels list them."""
    order, limbs = [], []
    for label in root.iter("label"):
        if label.findtext("parent") and label.findtext("name"):
            order.append(label.findtext("name"))
        svg = label.findtext("svg") or ""
        names = {}
        for circle in re.findall(r"<circle\b[^>]*>", svg):
            node = re.search(r'data-node-id="(\d+)"', circle)
            name = re.search(r'data-label-name="([^"]*)"', circle)
            if node and name:
                names[node[1]] = name[1]
        for line in re.findall(r"<line\b[^>]*>", svg):
            ends = [re.search(rf'data-node-{end}="(\d+)"', line) for end in ("from", "to")]
            if all(ends) and all(end[1] in names for end in ends):
                limbs.append(tuple(names[end[1]] for end in ends))
    return list(dict.fromkeys(order)), limbs


def _photo(path, element, lost) -> shapes.Photo:
    about = fields.Fields(path, f"image[{element.get('name', '')[:100]}]", element.attrib)
    photo = shapes.Photo(about.text("name"), *about.size("width", "height"))
    for number, shape in enumerate(element):
        where = f"{about.where}.{shape.tag}[{number}]"
        own = fields.Fields(path, where, shape.attrib)
        # Group 0 is none.
        group = own.value.get("group_id") if own.value.get("group_id") not in (None, "0") else None
        if shape.tag == "skeleton":
            person = photo.person(group, own.text("label"))
            for points in shape.iter("points"):
                point = fields.Fields(path, where, points.attrib)
                person.points[point.text("label")] = _point(point)
        elif shape.tag == "points":
            photo.add_point(group, own.text("label"), *_point(own))
        elif shape.tag in ("box", "polygon", "mask"):
            person = photo.person(group, own.text("label"))
            told = {a.get("name"): (a.text or "").strip() for a in shape.iter("attribute")}
            person.crowd |= told.get(_CROWD, "").lower() == "true"
            if shape.tag == "box":
                x1, y1, x2, y2 = (own.number(side) for side in ("xtl", "ytl", "xbr", "ybr"))
                person.xywh = (x1, y1, x2 - x1, y2 - y1)
                lost["turns of boxes"] += own.number("rotation", 0.0) != 0
            elif shape.tag == "polygon":
                pairs = [pair.split(",") for pair in own.text("points").split(";")]
                person.polygons.append(fields.points(path, f"{where}.points", pairs))
            else:
                person.code = _code(own, photo)
        else:
            lost[_OTHER_SHAPES] += shape.tag not in ("tag", "attribute")
    return photo


def _point(own) -> tuple:
    """x, y, v of the first place of a points element."""
    if own.value.get("outside") == "1":
        return 0.0, 0.0, 0
    place = own.text("points").partition(";")[0].split(",")
    x, y = fields.points(own.path, f"{own.where}.points", [place])
    return x, y, 1 if own.value.get("occluded") == "1" else 2


def _code(own, photo) -> dict:
    """COCO's run-length code, column by column, of CVAT's, row by row in a rectangle."""
    left, top = (int(own.number(side)) for side in ("left", "top"))
    width, height = own.size("width", "height")
    rle, place = own.value.get("rle", "").split(","), f"{own.where}.rle"
    runs = [fields.number(own.path, place, run, 1e9) for run in rle]
    fits = 0 <= left <= photo.width - width and 0 <= top <= photo.height - height
    if not fits or min(runs) < 0 or sum(runs) != width * height:
        own.fail("rle", "does not fill its rectangle within the photo")
    DEFAULT_LIMITS.check(photo.width, photo.height, str(own.path), least=1)
    shown = np.repeat(np.arange(len(runs)) % 2 == 1, np.int64(runs)).reshape(height, width)
    whole = np.zeros((photo.height, photo.width), bool)
    whole[top : top + height, left : left + width] = shown
    return segmentations.encode(whole)


def write(annotations: CocoAnnotations, target: Path) -> Written:
    """Writes a file, or `annotations.xml` of a folder."""
    file = target if target.suffix else target / "annotations.xml"
    file.parent.mkdir(parents=True, exist_ok=True)
    label, lost = category_name(annotations.skeleton), Counter()
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<annotations>", "  <version>1.1</version>"]
    lines += _meta(annotations.skeleton, label)
    by_photo = annotations.rows_by_photo()
    for number, (record, rows) in enumerate(zip(annotations.images, by_photo, strict=True)):
        size = f'width="{record.width}" height="{record.height}"'
        lines.append(f'  <image id="{number}" name={_quoted(record.file_name)} {size}>')
        for group, row in enumerate(rows, start=1):
            lines += _person(annotations, row, group, label, record, lost)
        lines.append("  </image>")
    write_text(file, "\n".join([*lines, "</annotations>", ""]))
    return Written([file], lost)


def _meta(skeleton: Skeleton, label: str) -> list[str]:
    nodes = [
        f'<circle data-type="element node" data-element-id="{k}" data-node-id="{k}" '
        f"data-label-name={_quoted(name)} />"
        for k, name in enumerate(skeleton.keypoints, start=1)
    ]
    edges = [
        f'<line data-type="edge" data-node-from="{a + 1}" data-node-to="{b + 1}" />'
        for a, b in skeleton.limbs
    ]
    lines = [
        "  <meta><task><labels>",
        f"    <label><name>{escape(label)}</name><type>skeleton</type><attributes></attributes>"
        f"<svg>{escape(''.join(edges + nodes))}</svg></label>",
    ]
    lines += [
        f"    <label><name>{escape(name)}</name><type>points</type><attributes></attributes>"
        f"<parent>{escape(label)}</parent></label>"
        for name in skeleton.keypoints
    ]
    return [*lines, "  </labels></task></meta>"]


def _person(annotations, row, group, label, record, lost) -> list[str]:
    persons, skeleton = annotations.persons, annotations.skeleton
    common = f'label={_quoted(label)} source="manual" occluded="0" z_order="0" group_id="{group}"'
    crowd = f'<attribute name="{_CROWD}">true</attribute>' if persons.crowd[row] else ""
    x, y, width, height = persons.xywh[row].tolist()
    lost["areas other than the box's"] += persons.areas[row] != width * height
    corners = f'xtl="{x!r}" ytl="{y!r}" xbr="{x + width!r}" ybr="{y + height!r}"'
    lines = [f"    <box {common} {corners}>{crowd}</box>"]
    points = persons.keypoints[row].tolist()
    if any(v for *_, v in points):
        lines.append(f"    <skeleton {common}>")
        for name, (px, py, v) in zip(skeleton.keypoints, points, strict=True):
            flags = f'outside="{int(v <= 0)}" occluded="{int(v == 1)}"'
            lines.append(
                f'      <points label={_quoted(name)} {flags} points="{px!r},{py!r}"></points>'
            )
        lines.append("    </skeleton>")
    segmentation = annotations.segmentation(row)
    if isinstance(segmentation, list):
        for polygon in segmentation:
            pairs = ";".join(
                f"{px!r},{py!r}" for px, py in zip(polygon[::2], polygon[1::2], strict=True)
            )
            lines.append(f'    <polygon {common} points="{pairs}"></polygon>')
    elif segmentation is not None:
        lines.append(f"    <mask {common} {_runs(segmentation, record)}></mask>")
    return lines


def _runs(code, record) -> str:
    """A mask's rectangle and CVAT's runs in it, which begin with background."""
    mask = segmentations.draw(code, (record.height, record.width))
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        rows = columns = np.array([0])
    top, left, bottom, right = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    flat = mask[top:bottom, left:right].ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    runs = [0, *runs] if flat[0] else runs
    place = f'left="{left}" top="{top}" width="{right - left}" height="{bottom - top}"'
    return f'rle="{", ".join(map(str, runs))}" {place}'


def _quoted(text: str) -> str:
    """An attribute's value; control characters, which XML cannot hold, are left out."""
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]", "", text)
    return f'"{text.translate(_ESCAPES)}"'


_ESCAPES = str.maketrans(
    {
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
        '"': "&quot;",
        "\n": "&#10;",
        "\t": "&#9;",
        "\r": "&#13;",
    }
)
