"""Pictures of synthetic scenes, painted shape over shape.

Every pixel knows which shape it shows: masks and which keypoints are visible are read from that.
"""

import cv2
import numpy as np

from multiposenet.skeleton import Skeleton
from multiposenet.training.datasets import figure

BACKGROUND, CROWD, OBJECT = -3, -2, -1  # owners that are not persons
_SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel


class Painter:
    """A picture as a map of numbered shapes; every shape has an owner, a name and a colour.

    Args:
        height: of the picture in pixels.
        width: of the picture in pixels.

    Attributes:
        labels: (H, W) int32 number of the shape at every pixel, 0 for the background.
    """

    def __init__(self, height, width):
        self.labels = np.zeros((height, width), np.int32)
        self.shade = np.full((height, width), 255, np.uint8)
        self.pattern = np.zeros((height, width), np.uint8)
        self.owner, self.name, self.colour = [BACKGROUND], ["background"], [(0, 0, 0)]

    def owners(self):
        """(H, W) number of the person at every pixel, negative for all else."""
        return np.array(self.owner)[self.labels]

    def paint(self, name, owner, colour, outline, bright=None, pattern=0):
        """Paints a convex shape; the part `bright` of it is lit."""
        self.owner.append(owner)
        self.name.append(name)
        self.colour.append(colour)
        fixed = _fixed(outline)
        cv2.fillConvexPoly(self.labels, fixed, len(self.owner) - 1, cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(self.shade, fixed, 255 if bright is None else 190, cv2.LINE_8, _SHIFT)
        cv2.fillConvexPoly(self.pattern, fixed, pattern, cv2.LINE_8, _SHIFT)
        if bright is not None:
            cv2.fillConvexPoly(self.shade, _fixed(bright), 255, cv2.LINE_8, _SHIFT)

    def person(self, owner, drawn: figure.Figure, scale, offset, rng):
        """Paints a figure; returns the number of its pixels, also those outside the picture."""
        pattern = max(0, int(rng.integers(-2, 4)))
        first = len(self.owner)
        for part in drawn.parts:
            self.paint(
                part.name, owner, part.colour, part.outline(scale, offset),
                part.outline(scale, offset - np.array([0.006, 0.004]) * scale, 0.6),
                pattern if part.cloth else 0,
            )  # fmt: skip
        inside = np.count_nonzero(self.labels >= first)
        low, high = scale * drawn.bounds().reshape(2, 2) + offset
        corners = np.clip([low, high], 0, self.labels.shape[::-1])
        seen = np.prod(corners[1] - corners[0]) / np.prod(high - low)
        return inside / max(seen, 0.05)

    def keypoints(self, person, drawn, scale, offset, skeleton: Skeleton):
        """(K, 3) keypoints of a figure that was painted as `person`."""
        height, width = self.labels.shape
        depths = {part.name: part.depth for part in drawn.parts}
        keypoints = np.zeros((skeleton.num_keypoints, 3), np.float32)
        for keypoint, name in enumerate(skeleton.keypoints):
            if name not in drawn.keypoints:
                continue
            x, y = scale * drawn.keypoints[name][:2] + offset
            if not (0 <= x < width and 0 <= y < height):
                continue
            top = self.labels[int(y), int(x)]
            parts, behind = figure.SHOWN_BY[name]
            visible = (
                self.owner[top] == person
                and self.name[top] in parts
                and drawn.keypoints[name][2] >= depths[self.name[top]] - behind
            )
            keypoints[keypoint] = x, y, 2 if visible else 1
        return keypoints

    def picture(self, rng):
        """(H, W, 3) uint8 picture: background, colours, patterns, light and noise."""
        height, width = self.labels.shape
        painted = np.array(self.colour, np.uint8)[self.labels]
        y, x = np.mgrid[:height, :width]
        stripes = np.stack([0 * y, y, x, x + y]) // int(rng.integers(3, 9)) % 2
        dark = np.take_along_axis(stripes, self.pattern[None].astype(np.int64), 0)[0] > 0
        shade = cv2.blur(self.shade, (3, 3))
        shade[dark] //= 2
        painted = cv2.multiply(painted, cv2.merge([shade] * 3), scale=1 / 255)
        image = np.where(self.labels[..., None] > 0, painted, _background(height, width, rng))
        image = cv2.GaussianBlur(image, (3, 3), 0.6)
        glow = cv2.resize(rng.uniform(0.75, 1.15, (3, 3)).astype(np.float32), (width, height))
        noise = rng.integers(-8, 9, (height, width), dtype=np.int16)
        return np.clip(image * glow[..., None] + noise[..., None], 0, 255).astype(np.uint8)


def _fixed(outline):
    """Continuous coordinates to OpenCV's fixed point, which counts from pixel centres."""
    return np.rint((np.clip(outline, -4000, 4000) - 0.5) * 2**_SHIFT).astype(np.int32)


def _background(height, width, rng):
    """(H, W, 3) uint8: a gradient or a texture, perhaps a floor, and shapes that are no people."""
    cells = [2, 4, 24, 90][rng.integers(4)]
    shades = rng.uniform(30, 230) + rng.uniform(-60, 60, (cells, cells, 1))
    colours = shades + rng.uniform(-50, 50, 3) + rng.uniform(-25, 25, (cells, cells, 3))
    grid = np.clip(colours, 0, 255).astype(np.uint8)
    image = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    if rng.random() < 0.6:
        horizon = int(rng.uniform(0.45, 0.85) * height)
        floor = np.clip(rng.uniform(50, 200) + rng.uniform(-40, 40, (6, 6, 3)), 0, 255)
        image[horizon:] = cv2.resize(floor.astype(np.uint8), (width, height))[horizon:]
    for _ in range(rng.integers(2, 9)):
        colour = rng.uniform(20, 235, 3).tolist()
        x, y = int(rng.uniform(0, width)), int(rng.uniform(0, height))
        a, b = (int(rng.uniform(0.04, 0.3) * height) for _ in range(2))
        match rng.integers(4):
            case 0:
                cv2.rectangle(image, (x, y), (x + a, y + b), colour, -1)
            case 1:  # as a window or picture on the wall
                cv2.rectangle(image, (x, y), (x + a, y + b), colour, max(2, a // 8))
            case 2:
                cv2.ellipse(image, (x, y), (a // 2, b // 2), a, 0, 360, colour, -1, cv2.LINE_AA)
            case 3:  # as a limb
                cv2.line(image, (x, y), (x + a, y + 2 * b), colour, max(2, b // 5), cv2.LINE_AA)
    return image
