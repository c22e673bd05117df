"""How people are found with what a network has learnt: options apart from its architecture."""

import dataclasses

_LEAST_SIDE, _MOST_SIDE = 32, 8192  # pixels
_MANY = 10_000


@dataclasses.dataclass(frozen=True)
class InferenceOptions:
    """What may be changed without training anew; the defaults are the paper's.

    Attributes:
        image_size: longer side of an image as the network sees it, in pixels.
        enlarge: by how much an image is enlarged at most.
        score: people whose pose score is lower are left out, from 0 to 1.
        nms_iou: person boxes that overlap a better one more than this are suppressed, from 0 to 1.
        box_score: boxes that score less are nobody, from 0 to 1.
        max_people: N, rows of the output.
        max_peaks: candidates kept per keypoint and image.
        candidates_per_box: of every keypoint, a box chooses among so many, the best that lie in
            it; None for all.
        score_exponent: how much a candidate's own score counts against the PRN in that choice.
        exclusive: a candidate serves one person, the one whom the PRN gives it rather than others.

    Raises:
        ValueError: a value is out of its range.
    """

    image_size: int = 480
    enlarge: float = 2.0
    score: float = 0.3
    nms_iou: float = 0.3
    box_score: float = 0.02
    max_people: int = 30
    max_peaks: int = 32
    candidates_per_box: int | None = None
    score_exponent: float = 1.0
    exclusive: bool = False

    def __post_init__(self):
        for name in ("score", "nms_iou", "box_score"):
            self._check(name, lambda value: 0 <= value <= 1, "a number from 0 to 1")
        size, many = f"{_LEAST_SIDE} to {_MOST_SIDE} pixels", f"at least 1, at most {_MANY}"
        self._check("image_size", lambda value: _LEAST_SIDE <= value <= _MOST_SIDE, size, True)
        self._check("enlarge", lambda value: 0 < value <= _MANY, f"more than 0, at most {_MANY}")
        self._check("score_exponent", lambda value: 0 <= value <= _MANY, f"0 to {_MANY}")
        for name in ("max_people", "max_peaks", "candidates_per_box"):
            if name != "candidates_per_box" or self.candidates_per_box is not None:
                self._check(name, lambda value: 1 <= value <= _MANY, many, True)
        if not isinstance(self.exclusive, bool):
            raise ValueError(f"exclusive: {self.exclusive}; give True or False")

    def _check(self, name, fits, remedy, whole=False):
        """Leaves a plain number, or raises `ValueError`."""
        given = getattr(self, name)
        try:
            value = int(given) if whole else float(given)
            sound = value == given and fits(value)
        except (TypeError, ValueError, OverflowError):
            sound = False
        if not sound or isinstance(given, bool):
            raise ValueError(f"{name}: {given}; give {remedy}")
        object.__setattr__(self, name, value)


PAPER = InferenceOptions()
# Faint peaks are mostly noise, and the compact PRN knows common poses only: see the nano's card.
NANO = InferenceOptions(candidates_per_box=8, score_exponent=4.0)

OF_IMAGES = ("image_size", "enlarge", "score")
"""The options that act before and behind a model; the others are part of its graph."""


def names() -> list[str]:
    """All options."""
    return [field.name for field in dataclasses.fields(InferenceOptions)]


def current(arguments: dict) -> dict:
    """The arguments of a `MultiPoseNet` as older files have them, in today's form.

    There, `nms_iou` was part of the architecture, `max_people` and `max_peaks` were arguments of
    their own, and every model chose among candidates as the compact one does.
    """
    arguments, moved = dict(arguments), {}
    if isinstance(arguments.get("architecture"), dict):
        sizes = arguments["architecture"] = dict(arguments["architecture"])
        if "nms_iou" in sizes:
            moved["nms_iou"] = sizes.pop("nms_iou")
    for name in ("max_people", "max_peaks"):
        if name in arguments:
            moved[name] = arguments.pop(name)
    if moved:
        as_nano = {name: getattr(NANO, name) for name in ("candidates_per_box", "score_exponent")}
        arguments["options"] = {**as_nano, **moved, **(arguments.get("options") or {})}
    return arguments
