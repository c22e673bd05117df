"""The result of every system: the people of one image, in pixels of that image."""

import csv
import io
import json
import os
from dataclasses import dataclass, replace

import numpy as np

from multiposenet import drawing, sources
from multiposenet.errors import InputError
from multiposenet.skeleton import Skeleton

_PER_PERSON = ("boxes", "box_scores", "keypoints", "keypoint_scores", "scores")


@dataclass(frozen=True, eq=False)
class Poses:
    """N people with K keypoints each; no people is a normal result.

    Coordinates are continuous (x, y) pixels of the original image, which spans [0, W] x [0, H].

    Attributes:
        boxes: (N, 4) float32, xyxy.
        box_scores: (N,) float32, 0 to 1, how sure the detector is of the person.
        keypoints: (N, K, 2) float32, xy.
        keypoint_scores: (N, K) float32, how sure the network is of each keypoint; 0: not found.
        scores: (N,) float32, of the whole pose; people are ranked by it.
        skeleton: the names of the keypoints.
        image_size: height and width of the image.
        mask: (H, W) float32 probability that a pixel shows a person, or None.
        source: the file the image came from, or None for an array.

    Raises:
        ValueError: the shapes do not fit together; the message names the field.
    """

    boxes: np.ndarray
    box_scores: np.ndarray
    keypoints: np.ndarray
    keypoint_scores: np.ndarray
    scores: np.ndarray
    skeleton: Skeleton
    image_size: tuple[int, int]
    mask: np.ndarray | None = None
    source: str | None = None

    def __post_init__(self):
        num_keypoints = self.skeleton.num_keypoints
        count = len(self.boxes)
        shapes = {
            "boxes": (count, 4),
            "box_scores": (count,),
            "keypoints": (count, num_keypoints, 2),
            "keypoint_scores": (count, num_keypoints),
            "scores": (count,),
        }
        for name, shape in shapes.items():
            array = np.asarray(getattr(self, name), np.float32)
            if array.shape != shape:
                raise ValueError(f"{name}: shape {array.shape}; give {shape}")
            object.__setattr__(self, name, array)
        object.__setattr__(self, "image_size", tuple(int(side) for side in self.image_size))
        if self.mask is not None and np.shape(self.mask) != self.image_size:
            raise ValueError(f"mask: shape {np.shape(self.mask)}; give {self.image_size}")

    @classmethod
    def empty(cls, skeleton: Skeleton, image_size, mask=None, source=None) -> "Poses":
        """Returns the result of an image without people.

        Args:
            skeleton: the keypoints there would have been.
            image_size: height and width of the image.
            mask: (H, W) person probability, or None.
            source: the file the image came from, or None for an array.
        """
        num_keypoints = skeleton.num_keypoints
        return cls(
            boxes=np.zeros((0, 4)),
            box_scores=np.zeros(0),
            keypoints=np.zeros((0, num_keypoints, 2)),
            keypoint_scores=np.zeros((0, num_keypoints)),
            scores=np.zeros(0),
            skeleton=skeleton,
            image_size=image_size,
            mask=mask,
            source=source,
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, people) -> "Poses":
        """Selects people; the mask, which is of the image, stays whole.

        Args:
            people: an index, a slice, or an array of indices or of booleans.
        """
        if isinstance(people, (int, np.integer)):
            if not -len(self) <= people < len(self):  # also what ends `for person in poses`
                raise IndexError(f"person {people} of {len(self)}")
            people = [people]
        elif not isinstance(people, slice):
            people = np.asarray(people)
            people = people if people.size else people.astype(int)
        return replace(self, **{name: getattr(self, name)[people] for name in _PER_PERSON})

    def __repr__(self) -> str:
        height, width = self.image_size
        people = "1 person" if len(self) == 1 else f"{len(self)} people"
        source = f" in {self.source}" if self.source else ""
        return f"<Poses: {people}{source} ({width}x{height}, {self.skeleton.name})>"

    def above(self, score: float) -> "Poses":
        """Returns the people whose pose score is at least `score`."""
        return self[self.scores >= score]

    def to_coco(self, image_id, category_id: int = 1, file_name: str | None = None) -> list[dict]:
        """Returns a COCO results list, one entry per person.

        Args:
            image_id: COCO's id of the image.
            category_id: COCO's id of "person".
            file_name: put into each entry unless None.

        Returns:
            Dictionaries of plain Python values: `image_id`, `file_name`, `category_id`,
            `keypoints` (3K numbers x, y, score), `score`, `bbox` (xywh) and `box_score`.
        """
        triples = self._triples()
        xywh = np.concatenate([self.boxes[:, :2], self.boxes[:, 2:] - self.boxes[:, :2]], axis=-1)
        name = {} if file_name is None else {"file_name": file_name}
        return [
            {
                "image_id": image_id,
                **name,
                "category_id": category_id,
                "keypoints": triples[person].ravel().tolist(),
                "score": _score(self.scores[person]),
                "bbox": _pixels(xywh[person]),
                "box_score": _score(self.box_scores[person]),
            }
            for person in range(len(self))
        ]

    def to_jsonl(self) -> str:
        """Returns one line of JSON per person, with keypoints by name; "" for no people.

        Each line has `source`, `person` (its rank), `score`, `box` (xyxy), `box_score` and
        `keypoints`, a mapping from keypoint names to [x, y, score].
        """
        lines = []
        for person, triples in enumerate(self._triples().tolist()):
            fields = {
                "source": self.source,
                "person": person,
                "score": _score(self.scores[person]),
                "box": _pixels(self.boxes[person]),
                "box_score": _score(self.box_scores[person]),
                "keypoints": dict(zip(self.skeleton.keypoints, triples, strict=True)),
            }
            lines.append(json.dumps(fields) + "\n")
        return "".join(lines)

    def to_csv(self) -> str:
        """Returns a table with a header line and one line per person.

        The columns are `source`, `person`, `score`, `x1`, `y1`, `x2`, `y2`, `box_score` and, for
        every keypoint, `NAME_x`, `NAME_y`, `NAME_score`.
        """
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(
            ["source", "person", "score", "x1", "y1", "x2", "y2", "box_score"]
            + [f"{name}_{part}" for name in self.skeleton.keypoints for part in ("x", "y", "score")]
        )
        for person, triples in enumerate(self._triples()):
            table.writerow(
                [self.source or "", person, _score(self.scores[person])]
                + _pixels(self.boxes[person])
                + [_score(self.box_scores[person])]
                + triples.ravel().tolist()
            )
        return text.getvalue()

    def to_openpose(self) -> dict:
        """Returns the layout of OpenPose's JSON files: x, y, score of each keypoint in a flat list.

        The keypoints are those of `skeleton`, in its order.
        """
        people = [
            {"person_id": [-1], "pose_keypoints_2d": triples.ravel().tolist()}
            for triples in self._triples()
        ]
        return {"version": 1.3, "people": people}

    def draw(self, path: str | os.PathLike | None = None, image=None) -> np.ndarray:
        """Draws the people, and the mask if there is one, on their image.

        Args:
            path: where to write the drawing, or None; the file appears whole or not at all.
            image: (H, W, 3) uint8 RGB, the image the poses were found in; by default the file
                `source` is read again.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            InputError: there is no image to draw on, or `source` cannot be read.
            ValueError: the image has another size, or the path no suffix of an image format.
        """
        if image is None:
            if self.source is None:
                raise InputError("draw: image: these poses come from no file; give their image")
            image = sources.read_image(self.source)
        if np.shape(image) != (*self.image_size, 3):
            raise ValueError(f"image: shape {np.shape(image)}; give {(*self.image_size, 3)}")
        drawn = drawing.people(
            image,
            self.boxes,
            self.keypoints,
            self.keypoint_scores,
            self.skeleton,
            scores=self.scores,
            mask=self.mask,
        )
        if path is not None:
            drawing.save(drawn, path)
        return drawn

    def _triples(self) -> np.ndarray:
        """(N, K, 3) float64 x, y, score, rounded for output."""
        scores = np.round(self.keypoint_scores[..., None].astype(np.float64), 6)
        return np.concatenate([np.round(self.keypoints.astype(np.float64), 3), scores], axis=-1)


def _pixels(values: np.ndarray) -> list[float]:
    """Python floats to a thousandth of a pixel, far below what can be measured."""
    return np.round(values.astype(np.float64), 3).tolist()


def _score(value: np.float32) -> float:
    """A Python float with the digits float32 has: rougher rounding would tie people in rank."""
    return round(float(value), 6)
