"""The result of every system: the people of one image, in pixels of that image."""

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from multiposenet import drawing, formats, sources
from multiposenet.errors import InputError
from multiposenet.person import Person
from multiposenet.skeleton import Skeleton

_PER_PERSON = ("boxes", "box_scores", "keypoints", "keypoint_scores", "scores")
_NOTEBOOK = 1024  # pixels of the longer side of a picture in a notebook


@dataclass(frozen=True, eq=False)
class Poses:
    """N people with K keypoints each; no people is a normal result.

    Coordinates are continuous (x, y) pixels of the original image, which spans [0, W] x [0, H].
    Iterating gives each `Person`; slices and arrays of indices or booleans give `Poses`. A notebook
    shows the drawing.

    Attributes:
        boxes: (N, 4) float32, xyxy.
        box_scores: (N,) float32, 0 to 1, how sure the detector is of the person.
        keypoints: (N, K, 2) float32, xy.
        keypoint_scores: (N, K) float32, how sure the network is of each keypoint; 0: not found.
        scores: (N,) float32, of the whole pose; people are ranked by it.
        skeleton: the names of the keypoints.
        image_size: height and width of the image.
        mask: (H, W) float32 probability that a pixel shows a person, or None.
        source: the file or address the image came from, or None for an array.
        image: (H, W, 3) uint8 RGB, the image itself, where it comes from no file that can be read
            again.
        ids: (N,) int64, who each person is from frame to frame, or None if people are not tracked.

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
    image: np.ndarray | None = field(default=None, repr=False)
    ids: np.ndarray | None = None

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
        if self.ids is not None:
            object.__setattr__(self, "ids", np.asarray(self.ids, np.int64))
            if self.ids.shape != (count,):
                raise ValueError(f"ids: shape {self.ids.shape}; give {(count,)}")
        object.__setattr__(self, "image_size", tuple(int(side) for side in self.image_size))
        if self.mask is not None and np.shape(self.mask) != self.image_size:
            raise ValueError(f"mask: shape {np.shape(self.mask)}; give {self.image_size}")

    @classmethod
    def empty(cls, skeleton: Skeleton, image_size, **fields) -> "Poses":
        """Returns the result of an image without people.

        Args:
            skeleton: the keypoints there would have been.
            image_size: height and width of the image.
            **fields: `mask`, `source`, `image` and `ids`.
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
            **fields,
        )

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[Person]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, people) -> "Person | Poses":
        """Selects people; the mask, which is of the image, stays whole.

        Args:
            people: an index, which gives a `Person`; a slice, or an array of indices or of
                booleans, which gives `Poses`.
        """
        if isinstance(people, (int, np.integer)):
            if not -len(self) <= people < len(self):
                raise IndexError(f"person {people} of {len(self)}")
            return Person(
                self.boxes[people],
                float(self.box_scores[people]),
                self.keypoints[people],
                self.keypoint_scores[people],
                float(self.scores[people]),
                self.skeleton,
                None if self.ids is None else int(self.ids[people]),
            )
        if not isinstance(people, slice):
            people = np.asarray(people)
            people = people if people.size else people.astype(int)
        per_person = {name: getattr(self, name)[people] for name in _PER_PERSON}
        ids = None if self.ids is None else self.ids[people]
        return replace(self, **per_person, ids=ids)

    def __repr__(self) -> str:
        height, width = self.image_size
        people = "1 person" if len(self) == 1 else f"{len(self)} people"
        source = f" in {self.source}" if self.source else ""
        return f"<Poses: {people}{source} ({width}x{height}, {self.skeleton.name})>"

    def above(self, score: float) -> "Poses":
        """Returns the people whose pose score is at least `score`."""
        return self[self.scores >= score]

    def to_coco(
        self,
        image_id,
        category_id: int = 1,
        file_name: str | None = None,
        guesses: bool = False,
    ) -> list[dict]:
        """Returns a COCO results list, one entry per person.

        Args:
            image_id: COCO's id of the image.
            category_id: COCO's id of "person".
            file_name: put into each entry unless None.
            guesses: whether a keypoint that was not found is where the system would expect it, with
                score 0, or 0, 0, 0. COCO's AP counts it in either case, so that `evaluate` has
                guesses.

        Returns:
            Dictionaries of plain Python values: `image_id`, `file_name`, `category_id`,
            `keypoints` (3K numbers x, y, score), `score`, `bbox` (xywh), `box_score` and, if people
            are tracked, `track_id`.
        """
        return formats.coco(self, image_id, category_id, file_name, guesses)

    def to_jsonl(self) -> str:
        """Returns one line of JSON per person, with keypoints by name; "" for no people.

        Each line has `source`, `person` (its rank), `score`, `box` (xyxy), `box_score`, `id` if
        people are tracked, and `keypoints`, a mapping from keypoint names to [x, y, score], or null
        where one was not found.
        """
        return formats.jsonl(self)

    def to_csv(self) -> str:
        """Returns a table with a header line and one line per person.

        The columns are `source`, `person`, `id` if people are tracked, `score`, `x1`, `y1`, `x2`,
        `y2`, `box_score` and, for every keypoint, `NAME_x`, `NAME_y`, `NAME_score`; x and y are
        empty where one was not found.
        """
        return formats.csv_table(self)

    def to_pandas(self):
        """Returns the table of `to_csv` as a `pandas.DataFrame`, which writes Parquet and Excel.

        Raises:
            InputError: pandas is not installed.
        """
        return _library("pandas", "to_pandas").DataFrame(formats.columns(self))

    def to_supervision(self):
        """Returns `supervision.KeyPoints`, for its annotators and metrics.

        Raises:
            InputError: supervision is not installed.
        """
        return _library("supervision", "to_supervision").KeyPoints(
            xy=self.keypoints,
            keypoint_confidence=self.keypoint_scores,
            detection_confidence=self.scores,
            visible=self.keypoint_scores > 0,
        )

    def to_openpose(self) -> dict:
        """Returns the layout of OpenPose's JSON files: x, y, score of each keypoint in a flat list.

        The keypoints are those of `skeleton`, in its order; 0, 0, 0 is one that was not found.
        """
        return formats.openpose(self)

    def to_labelme(self) -> dict:
        """Returns the layout of LabelMe's JSON files, to correct people by hand.

        A person is a rectangle and a point for each keypoint that was found, of one `group_id`.
        Saved as `NAME.json` beside `NAME.jpg`, it opens with the photo.
        """
        return formats.labelme(self)

    def draw(
        self,
        path: str | os.PathLike | None = None,
        image=None,
        *,
        layers: Sequence[str] = drawing.DEFAULT_LAYERS,
        min_score: float = drawing.MIN_SCORE,
    ) -> np.ndarray:
        """Draws the people, and the mask if there is one, on their image.

        Args:
            path: where to write the drawing, or None; the file appears whole or not at all.
            image: (H, W, 3) uint8 RGB, the image the poses were found in; by default the one that
                was kept, or the file `source`, which is read again.
            layers: what is drawn, of `drawing.LAYERS`: skeletons, boxes, the mask, scores, ids.
            min_score: keypoints with a lower score are left out.

        Returns:
            (H, W, 3) uint8 RGB.

        Raises:
            InputError: there is no image to draw on, or `source` cannot be read.
            ValueError: the image has another size, a layer is unknown, or the path has no suffix of
                an image format.
        """
        drawn = drawing.people(
            self._image() if image is None else self._checked(image),
            self.boxes,
            self.keypoints,
            self.keypoint_scores,
            self.skeleton,
            scores=self.scores,
            mask=self.mask,
            ids=self.ids,
            layers=layers,
            min_score=min_score,
        )
        if path is not None:
            drawing.save(drawn, path)
        return drawn

    def _repr_png_(self) -> bytes | None:
        """The drawing, for notebooks; None where there is no image any more."""
        try:
            picture = Image.fromarray(self.draw())
        except InputError:
            return None
        picture.thumbnail((_NOTEBOOK, _NOTEBOOK))
        stream = io.BytesIO()
        picture.save(stream, "PNG")
        return stream.getvalue()

    def _image(self) -> np.ndarray:
        if self.image is not None:
            return self._checked(self.image)
        if self.source is None:
            raise InputError("draw: image: these poses come from no file; give their image")
        return self._checked(sources.read_image(self.source))

    def _checked(self, image) -> np.ndarray:
        if np.shape(image) != (*self.image_size, 3):
            raise ValueError(f"image: shape {np.shape(image)}; give {(*self.image_size, 3)}")
        return image


def _library(name: str, method: str):
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(f"{method}: {name}: not installed; pip install {name}") from error
