"""Skeletons, boxes, person masks, labels and heatmaps drawn on images.

Everything is anti-aliased, placed to a fraction of a pixel and as thick as the person is large, so
that thumbnails and posters both stay readable. Inputs are never changed: each function returns a
new image.
"""

import functools
import math
import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from multiposenet.files.writing import atomic_write
from multiposenet.skeleton import Skeleton

# Blue and orange stay apart for every common kind of colour blindness.
SIDE_COLOURS = {"left": (41, 171, 255), "right": (255, 138, 31), "centre": (245, 245, 245)}
EDGE_COLOUR = (20, 20, 20)
MASK_COLOUR = (64, 224, 160)
MASK_OPACITY = 0.12  # the photo stays what it is; the outline says where the person ends
TEXT_COLOUR = (20, 20, 20)
BOX_COLOURS = (
    (255, 209, 102),
    (120, 220, 232),
    (239, 131, 188),
    (169, 220, 118),
    (171, 157, 242),
    (252, 152, 103),
)

LAYERS = ("mask", "boxes", "skeleton", "scores", "ids")
"""What `people` can draw."""
DEFAULT_LAYERS = ("mask", "boxes", "skeleton", "ids")
MIN_SCORE = 0.1  # of keypoints that are drawn

_CROSS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
_STAIR = 0.75  # pixels; the stairs of a slope are up to .71 high
_SHIFT = 8  # OpenCV's fixed point: parts of a pixel, as a power of 2
_EDGE_OPACITY = 0.7
_BOX_OPACITY = 0.8
_FULLY_VISIBLE = 0.5  # keypoints from this score on are opaque


def people(
    image,
    boxes,
    keypoints,
    keypoint_scores,
    skeleton: Skeleton,
    scores=None,
    mask=None,
    ids=None,
    layers: Sequence[str] = DEFAULT_LAYERS,
    min_score: float = MIN_SCORE,
) -> np.ndarray:
    """Draws people: mask, then boxes, limbs and keypoints, the surest person last, then labels.

    Args:
        image: (H, W, 3) uint8 RGB.
        boxes: (N, 4) xyxy in pixels of the image.
        keypoints: (N, K, 2) xy in pixels of the image; keypoints that are not finite are left out.
        keypoint_scores: (N, K); the lower, the more transparent the keypoint and its limbs.
        skeleton: names and limbs of the K keypoints.
        scores: (N,) order in which people overlap; default: as listed.
        mask: (H, W) person probability, or None.
        ids: (N,) who people are: everybody keeps a colour of their own. Or None.
        layers: what is drawn, of `LAYERS`; what is not given, such as a mask, is left out.
        min_score: keypoints with a lower score are left out.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ValueError: there is no such layer.
    """
    check_layers(layers)
    with_mask = mask is not None and "mask" in layers
    drawn = person_mask(image, mask) if with_mask else np.array(image, dtype=np.uint8)
    order = range(len(boxes)) if scores is None else np.argsort(scores, kind="stable")
    boxes = np.asarray(boxes, np.float64)
    widths = [_line_width(box, image.shape) for box in boxes]
    numbers = range(len(boxes)) if ids is None else ids
    colours = [BOX_COLOURS[number % len(BOX_COLOURS)] for number in numbers]
    for person in order if "boxes" in layers else ():
        _box(drawn, boxes[person], colours[person], 1 + max(0.8, 0.4 * widths[person]))
    for person in order if "skeleton" in layers else ():
        points = np.asarray(keypoints[person], np.float64)
        sure = np.asarray(keypoint_scores[person], np.float64)
        shown = np.isfinite(points).all(-1) & (sure >= min_score)
        opacity = np.where(shown, np.clip(sure / _FULLY_VISIBLE, 0, 1), 0)
        _person(drawn, points, opacity, skeleton, widths[person])
    for person in order:
        words = [str(ids[person])] if ids is not None and "ids" in layers else []
        if scores is not None and "scores" in layers:
            words.append(f"{scores[person]:.2f}")
        if words:
            _tag(drawn, "  ".join(words), boxes[person], colours[person])
    return drawn


def check_layers(layers: Sequence[str], known: Sequence[str] = LAYERS) -> None:
    """Raises `ValueError` for a layer that is not known."""
    if isinstance(layers, str) or set(layers) - set(known):
        wrong = layers if isinstance(layers, str) else min(set(layers) - set(known))
        raise ValueError(f"layers: {wrong!r}; give a list of some of {', '.join(known)}")


def person_mask(image, mask, opacity: float = MASK_OPACITY) -> np.ndarray:
    """Outlines the people in an image and tints them lightly.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) person probability.
        opacity: strength of the tint.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = np.array(image, dtype=np.uint8)
    inside = (np.asarray(mask, np.float32) >= 0.5).view(np.uint8)
    x, y, width, height = cv2.boundingRect(inside)
    if not width:
        return drawn
    lines = max(1, round(max(inside.shape) / 700))
    inside, part = (array[y : y + height, x : x + width] for array in (inside, drawn))
    tint = np.column_stack([(1 - opacity) * np.eye(3), opacity * np.array(MASK_COLOUR)])
    cv2.copyTo(cv2.transform(part, tint), inside, part)
    # Line inside line: a thick one takes OpenCV several times as long.
    for _ in range(lines):
        contours, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        # Without the stairs of its pixels an outline is drawn in a third of the time.
        smooth = [cv2.approxPolyDP(contour, _STAIR, True) for contour in contours]
        cv2.polylines(part, smooth, True, MASK_COLOUR, 1, cv2.LINE_AA)
        inside = cv2.erode(inside, _CROSS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return drawn


def heatmap(image, values, opacity: float = 0.85) -> np.ndarray:
    """Lays a map of keypoint probabilities over an image, brighter and denser where it is high.

    Args:
        image: (H, W, 3) uint8 RGB.
        values: (h, w) or (h, w, K) map that covers the whole image at any resolution; of K maps
            the highest value counts. Values are cut to 0 to 1.
        opacity: strength of the colours at 1.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    values = np.asarray(values, np.float32)
    if values.ndim == 3:
        values = values.max(axis=-1)
    height, width = image.shape[:2]
    values = cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
    values = np.clip(np.nan_to_num(values), 0, 1)
    coloured = cv2.applyColorMap(np.uint8(np.rint(values * 255)), cv2.COLORMAP_INFERNO)
    drawn = np.array(image, dtype=np.uint8)
    # The square root keeps faint responses visible.
    _blend(drawn, cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), opacity * np.sqrt(values))
    return drawn


def caption(image, text: str) -> np.ndarray:
    """Writes a line of text into the upper left corner of an image.

    Args:
        image: (H, W, 3) uint8 RGB.
        text: the line.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    drawn = np.array(image, dtype=np.uint8)
    _tag(drawn, text, np.zeros(4), SIDE_COLOURS["centre"])
    return drawn


def save(image, path: str | os.PathLike) -> None:
    """Writes an image file whole or not at all.

    Args:
        image: (H, W, 3) uint8 RGB.
        path: the file; its suffix decides the format.

    Raises:
        OSError: the file cannot be written.
        ValueError: the suffix is not one of an image format.
    """
    path = Path(path)
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        raise ValueError(f"{path}: suffix: is no image format; use .png or .jpg")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: folder: does not exist; create {path.parent}")
    with atomic_write(path) as partial, open(partial, "wb") as file:
        Image.fromarray(image).save(file, format=kind, quality=92)


def _line_width(box, shape) -> float:
    """Width of a limb in pixels: 2 % of the person, within limits set by the image."""
    box = np.nan_to_num(np.asarray(box, np.float64))
    size = np.sqrt(max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1]))
    longest = max(shape[:2])
    return float(np.clip(0.02 * size, max(1.3, 0.0025 * longest), max(2.0, 0.012 * longest)))


@functools.lru_cache(maxsize=32)
def _colours(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The limbs (L, 2) of a skeleton, their colours (L, 3) and those of its keypoints (K, 3)."""
    limbs = np.array(skeleton.limbs, np.intp).reshape(-1, 2)
    keypoints = np.arange(len(skeleton.keypoints))[:, None]
    of_limbs, of_keypoints = (
        np.array([_side_colour(skeleton, shape) for shape in shapes]).reshape(-1, 3)
        for shapes in (limbs, keypoints)
    )
    return limbs, of_limbs, of_keypoints


def _side_colour(skeleton: Skeleton, keypoints) -> tuple[int, int, int]:
    """Colour of the side that keypoints lie on; those of the centre line join either side."""
    names = skeleton.plain_keypoints
    sides = {names[keypoint].split("_")[0] for keypoint in keypoints} & {"left", "right"}
    return SIDE_COLOURS[sides.pop() if len(sides) == 1 else "centre"]


def _person(image, keypoints, opacity, skeleton, width) -> None:
    """Limbs and keypoints with dark rims, on one layer that is laid over the image."""
    shown = np.flatnonzero(opacity)
    if not len(shown):
        return
    edge = max(0.4, 0.25 * width)
    reach = 0.85 * width + edge + 2  # OpenCV smooths beyond the edge
    points = keypoints[shown]
    first, last = points.min(0) - reach, points.max(0) + reach
    x, y = (_inside(first[axis], last[axis], image.shape[1 - axis]) for axis in (0, 1))
    patch = image[y, x]
    if not patch.size:
        return
    layer, margins = np.zeros((*patch.shape[:2], 4), np.uint8), np.array([edge, 0.0])
    limbs, limb_colours, colours = _colours(skeleton)
    drawn = np.flatnonzero(opacity[limbs].all(-1))
    ends = keypoints[limbs[drawn]] - (x.start, y.start)
    bars = _bars(ends, width / 2 + margins)
    centres = _fixed(points - (x.start, y.start)).tolist()
    radii = np.rint((0.85 * width + margins) * 2**_SHIFT).astype(int).tolist()
    strengths = np.concatenate([opacity[limbs[drawn]].min(-1), opacity[shown]])
    rims = _premultiplied(EDGE_COLOUR, _EDGE_OPACITY * strengths)
    own = _premultiplied(np.concatenate([limb_colours[drawn], colours[shown]]), strengths)
    # The surest last: a shape takes the place of what is below it, transparent as it may be.
    for shape in np.argsort(strengths, kind="stable").tolist():
        disk = shape - len(drawn)
        for bar, radius, inks in zip(bars, radii, (rims, own), strict=True):
            if disk < 0:
                cv2.fillConvexPoly(layer, bar[shape], inks[shape], cv2.LINE_AA, _SHIFT)
            else:
                cv2.circle(layer, centres[disk], radius, inks[shape], -1, cv2.LINE_AA, _SHIFT)
    rest = cv2.cvtColor(255 - layer[..., 3], cv2.COLOR_GRAY2RGB)
    rest = cv2.multiply(patch, rest, scale=1 / 255)
    patch[...] = cv2.add(rest, cv2.cvtColor(layer, cv2.COLOR_RGBA2RGB))


def _box(image, box, colour, width) -> None:
    if not np.isfinite(box).all():
        return
    x1, y1, x2, y2 = box
    half = width / 2
    for left, top, right, bottom in (
        (x1 - half, y1 - half, x2 + half, y1 + half),
        (x1 - half, y2 - half, x2 + half, y2 + half),
        (x1 - half, y1 + half, x1 + half, y2 - half),
        (x2 - half, y1 + half, x2 + half, y2 - half),
    ):
        rows, heights = _covered(top, bottom, image.shape[0])
        columns, widths = _covered(left, right, image.shape[1])
        _blend(image[rows, columns], colour, _BOX_OPACITY * np.outer(heights, widths))


def _inside(first: float, last: float, count: int) -> slice:
    """The pixels of a row or column of so many that a stretch touches."""
    begin = min(max(0, math.floor(first)), count)
    return slice(begin, max(begin, min(math.ceil(last), count)))


def _covered(first: float, last: float, count: int) -> tuple[slice, np.ndarray]:
    """These pixels, and how much of each the stretch covers."""
    pixels = _inside(first, last, count)
    parts = np.ones(pixels.stop - pixels.start, np.float32)
    if len(parts):
        parts[0] -= max(0.0, first - pixels.start)
        parts[-1] -= max(0.0, pixels.stop - last)
    return pixels, parts


def _tag(image, text, box, colour) -> None:
    """A label at the upper left corner of a box, as large as image and person ask for."""
    if not np.isfinite(box).all():
        return
    height, width = image.shape[:2]
    person, longest = np.sqrt(max(0.0, np.prod(box[2:] - box[:2]))), max(height, width)
    size = max(10, round(np.clip(0.09 * person, 0.018 * longest, 0.035 * longest)))
    font, margin = _font(size), round(size / 4)
    left, top, right, bottom = font.getbbox(text)
    tag = Image.new("RGB", (int(right - left) + 2 * margin, int(bottom - top) + 2 * margin), colour)
    place = (margin - left, margin - top)
    ImageDraw.Draw(tag).text(place, text, font=font, fill=TEXT_COLOUR)
    tag = np.asarray(tag)[:height, :width]
    rows, columns = tag.shape[:2]
    x = int(np.clip(np.rint(box[0]), 0, width - columns))
    y = int(np.clip(np.rint(box[1]) - rows, 0, height - rows))
    image[y : y + rows, x : x + columns] = tag


@functools.lru_cache(maxsize=32)
def _font(size: int):
    return ImageFont.load_default(size)


def _bars(ends, halves) -> np.ndarray:
    """Corners (S, N, 4, 2) of N straight lines of S widths, since OpenCV's have whole widths."""
    along = ends[:, 1] - ends[:, 0]
    length = np.hypot(*along.T)[:, None]
    along = np.where(length > 0, along / np.maximum(length, 1e-9), [1.0, 0.0])
    side = np.stack([-along[:, 1], along[:, 0]], -1)
    corners = np.stack([side, side, -side, -side], 1)
    return _fixed(ends[:, [0, 1, 1, 0]] + np.asarray(halves)[:, None, None, None] * corners)


def _fixed(points) -> np.ndarray:
    """Continuous coordinates to OpenCV's fixed point, which counts from pixel centres."""
    return np.rint((np.clip(points, -50_000, 50_000) - 0.5) * 2**_SHIFT).astype(np.int32)


def _premultiplied(colours, opacities) -> list:
    """Red, green, blue and opacity, 0 to 255, of N shapes for a layer laid over an image."""
    ink = np.full((len(opacities), 4), 255.0)
    ink[:, :3] = colours
    return (ink * opacities[:, None]).tolist()


def _blend(image, colour, weight) -> None:
    """Mixes a colour, or an image, into an image in place with a float32 weight per pixel."""
    if image.size:
        colour = np.full_like(image, colour)
        image[...] = cv2.blendLinear(image, colour, 1 - weight, weight)
