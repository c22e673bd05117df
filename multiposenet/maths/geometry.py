"""Affine maps between image frames, letterboxing, and the one pixel-centre convention.

Coordinates are continuous (x, y) pixels: an image of width W and height H spans [0, W] x [0, H],
pixel i covers [i, i + 1) and its centre lies at i + 0.5. OpenCV counts from pixel centres instead;
the half-pixel shift between the two happens in this file only.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

PADDING = 114  # grey of the letterbox padding, close to the mean of photographs


@dataclass(frozen=True, eq=False)
class Affine:
    """An affine map of the plane, from one image's pixels to another's.

    Attributes:
        matrix: (2, 3) float64; maps (x, y) to `matrix[:, :2] @ (x, y) + matrix[:, 2]`.
    """

    matrix: np.ndarray

    def __post_init__(self):
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (2, 3):
            raise ValueError(f"matrix: shape {matrix.shape}; an affine map is a (2, 3) matrix")
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls) -> "Affine":
        """Returns the map that changes nothing."""
        return cls.scaling(1, 1)

    @classmethod
    def scaling(cls, x: float, y: float) -> "Affine":
        """Returns the map that multiplies coordinates by `x` and `y` about the origin."""
        return cls([[x, 0, 0], [0, y, 0]])

    @classmethod
    def translation(cls, x: float, y: float) -> "Affine":
        """Returns the map that adds `x` and `y` pixels."""
        return cls([[1, 0, x], [0, 1, y]])

    def __call__(self, points) -> np.ndarray:
        """Maps points.

        Args:
            points: array of shape (..., 2), (x, y) in the source frame.

        Returns:
            Array of the same shape in the target frame; float32 stays float32.
        """
        points = np.asarray(points)
        dtype = np.float32 if points.dtype == np.float32 else np.float64
        return (points @ self.matrix[:, :2].T + self.matrix[:, 2]).astype(dtype)

    def inverse(self) -> "Affine":
        """Returns the map from the target frame back to the source frame.

        Raises:
            ValueError: the map is singular.
        """
        (a, b, x), (c, d, y) = self.matrix.tolist()
        area = a * d - b * c
        if area == 0:
            raise ValueError("matrix: singular, so it has no inverse; check the scales")
        # By hand: LAPACK takes longer, behind a network, than all the rest of the coordinates.
        a, b, c, d = d / area, -b / area, -c / area, a / area
        return Affine([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])

    def __matmul__(self, other: "Affine") -> "Affine":
        """Returns the map that applies `other` first and this one after it."""
        linear = self.matrix[:, :2] @ other.matrix[:, :2]
        return Affine(np.column_stack([linear, self(other.matrix[:, 2])]))

    def boxes(self, boxes) -> np.ndarray:
        """Maps boxes to the axis-aligned boxes that enclose the mapped corners.

        Args:
            boxes: array of shape (..., 4), xyxy in the source frame.

        Returns:
            Array of the same shape, xyxy in the target frame.
        """
        boxes = np.asarray(boxes)
        corners = self(boxes[..., [[0, 1], [2, 1], [2, 3], [0, 3]]])
        return np.concatenate([corners.min(axis=-2), corners.max(axis=-2)], axis=-1)

    def warp(self, image, size_hw, border=0, interpolation=cv2.INTER_LINEAR) -> np.ndarray:
        """Draws an image in the target frame, with pixel centres where the convention puts them.

        Enlarging and rotating are exact up to OpenCV's interpolation grid; to shrink by more than
        about two, `letterbox`, which averages, gives less aliasing.

        Args:
            image: (H, W) or (H, W, C) array in the source frame, C at most 4.
            size_hw: height and width of the result.
            border: value of target pixels that lie outside the source image.
            interpolation: an OpenCV interpolation flag.

        Returns:
            Array of shape (*size_hw) or (*size_hw, C) and the image's dtype.
        """
        half = Affine.translation(0.5, 0.5)
        centred = half.inverse() @ self @ half
        height, width = size_hw
        warped = cv2.warpAffine(
            np.ascontiguousarray(image),
            centred.matrix,
            (int(width), int(height)),
            flags=interpolation,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=border if np.ndim(border) else (border,) * 4,
        )
        return warped.reshape(int(height), int(width), *np.shape(image)[2:])


def stretch(image, scaling: Affine, size_hw) -> np.ndarray:
    """Draws an image under a scaling, as `Affine.warp` would, but faster, and continued at the end.

    Args:
        image: (h, w) array.
        scaling: without rotation or translation; its target frame may go on for up to one scaled
            pixel beyond the image's right and lower end, where the outermost pixels are repeated.
        size_hw: height and width of the result.

    Returns:
        Array of shape (*size_hw) and the image's dtype.
    """
    image = cv2.copyMakeBorder(image, 0, 1, 0, 1, cv2.BORDER_REPLICATE)
    x, y = scaling.matrix[0, 0], scaling.matrix[1, 1]
    return cv2.resize(image, None, fx=x, fy=y)[: size_hw[0], : size_hw[1]]


def crop_map(box, size_hw, margin: float = 0.0) -> Affine:
    """Returns the map from an image to a crop that shows all of a box, as large as it fits.

    The box grows by the margin, and then along the side that is too short for the crop's aspect.

    Args:
        box: x1, y1, x2, y2; sides of less than a pixel count as one.
        size_hw: height and width of the crop.
        margin: by which share the box grows in width and in height, about its centre.
    """
    low, high = np.asarray(box, np.float64).reshape(2, 2)
    size = np.array([size_hw[1], size_hw[0]], np.float64)
    scale = (size / (np.maximum(high - low, 1.0) * (1 + margin))).min()
    return Affine(np.column_stack([np.eye(2) * scale, size / 2 - scale * (low + high) / 2]))


def _fitted_size(image_hw, scale: float) -> tuple[int, int]:
    """Height and width after scaling, whole pixels, at least one."""
    return tuple(max(1, round(side * scale)) for side in image_hw)


def letterbox_size(image_hw, longest: int, multiple: int = 32) -> tuple[int, int]:
    """Returns the canvas for one image scaled so that its longer side is `longest` pixels.

    Args:
        image_hw: height and width of the image.
        longest: length of the longer side after scaling.
        multiple: the canvas' sides are rounded up to a multiple of this.

    Returns:
        Height and width of the canvas.
    """
    sides = _fitted_size(image_hw, longest / max(image_hw))
    return tuple(math.ceil(side / multiple) * multiple for side in sides)


def letterbox(
    image, size_hw, longest: int | None = None, canvas: np.ndarray | None = None
) -> tuple[np.ndarray, Affine]:
    """Fits an image into a canvas: aspect kept, top-left aligned, grey at the right and bottom.

    Shrinking averages over areas, enlarging is bilinear.

    Args:
        image: (H, W, 3) uint8.
        size_hw: height and width of the canvas.
        longest: if given, the longer side of the scaled image is at most this many pixels, even
            where the canvas has room for more.
        canvas: (*size_hw, 3) array of any type to draw into; by default a new one, uint8.

    Returns:
        The canvas and the exact map from image to canvas pixels.
    """
    height, width = image.shape[:2]
    canvas_height, canvas_width = size_hw
    scale = min(canvas_height / height, canvas_width / width)
    if longest is not None:
        scale = min(scale, longest / max(height, width))
    new_height, new_width = _fitted_size((height, width), scale)
    if canvas is None:
        canvas = np.empty((canvas_height, canvas_width, 3), np.uint8)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[:new_height, :new_width] = cv2.resize(
        image, (new_width, new_height), interpolation=interpolation
    )
    canvas[new_height:] = canvas[:new_height, new_width:] = PADDING
    # Sides are rounded to whole pixels, so the two scales may differ by a fraction of a pixel.
    return canvas, Affine.scaling(new_width / width, new_height / height)


def resample(values, scaling: "Affine", size_hw: tuple[int, int]) -> np.ndarray:
    """Stretches a (h, w) map of the canvas to the image, which ends at `size_hw` in the new frame.

    Cells with their centre in the padding are cut off; beyond the outermost centres left, the map
    goes on constant.
    """
    right, bottom = np.floor(scaling.inverse()([size_hw[1], size_hw[0]]) + 0.5).astype(int)
    values = np.asarray(values, np.float32)[: max(1, bottom), : max(1, right)]
    return stretch(values, scaling, size_hw)
