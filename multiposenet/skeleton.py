"""Keypoint names, limbs, left/right pairs and OKS sigmas: the one place that defines skeletons.

Everything else (network sizes, flipping, evaluation, drawing) derives from a `Skeleton`, so no
keypoint order is kept by hand anywhere else.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path

import numpy as np

from multiposenet import keypoint_names
from multiposenet.errors import InputError
from multiposenet.files import bounded_files
from multiposenet.files.writing import write_text

# OKS sigmas by keypoint name. The seventeen COCO keypoints are the values of the COCO keypoint
# evaluation. COCO measures no neck and no head top: 0.079 is the value CrowdPose publishes for
# both, and keypoints between two COCO keypoints take the value of their neighbours (thorax:
# shoulders, pelvis: hips).
SIGMAS = {
    "nose": 0.026,
    "eye": 0.025,
    "ear": 0.035,
    "shoulder": 0.079,
    "elbow": 0.072,
    "wrist": 0.062,
    "hip": 0.107,
    "knee": 0.087,
    "ankle": 0.089,
    "head_top": 0.079,
    "neck": 0.079,
    "upper_neck": 0.079,
    "thorax": 0.079,
    "pelvis": 0.107,
}

# Of a keypoint whose name tells nothing: the mean over COCO's keypoints.
MEAN_SIGMA = 0.067

MAX_KEYPOINTS = 1000  # the largest skeletons in use, of whole bodies with hands, have below 600
_MAX_BYTES = 1 << 18  # of a YAML file
_LONGEST_NAME = 100
_FIELDS = ("name", "keypoints", "limbs", "pairs", "sigmas")


def default_sigmas(keypoints: Sequence[str]) -> list[float | None]:
    """Returns the OKS sigma known for each keypoint name, or None where the name is not known.

    Args:
        keypoints: the keypoint names, such as `"nose"`, `"left_wrist"` or `"LWrist"`.
    """
    names = _plain(tuple(keypoints))
    return [SIGMAS.get(name.removeprefix("left_").removeprefix("right_")) for name in names]


@dataclass(frozen=True)
class Skeleton:
    """What a person is made of: named keypoints, the limbs between them and how exact each one is.

    Keypoints called `left_NAME` and `right_NAME`, or by another spelling of `keypoint_names`, are
    each other's mirror image, unless `pairs` says otherwise; every other keypoint is its own.

    Attributes:
        name: short name, for example `"coco_17"`.
        keypoints: the K keypoint names in the order of all arrays.
        limbs: pairs of keypoint indices (0-based) joined by a line.
        sigmas: per keypoint standard deviation of the OKS measure, relative to the square root of
            the person's area. COCO's kappa is twice this value.
        pairs: pairs of keypoint indices that mirroring an image swaps, where they are others than
            the names tell; None where they are these.

    Raises:
        ValueError: the fields do not fit together; the message names the field.
    """

    name: str
    keypoints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    sigmas: tuple[float, ...]
    pairs: tuple[tuple[int, int], ...] | None = None

    def __post_init__(self):
        # Saved configurations bring lists; tuples keep skeletons hashable and equal.
        fields = {"keypoints": _whole, "limbs": tuple, "sigmas": _whole, "pairs": tuple}
        if self.pairs is None:
            del fields["pairs"]
        for field, one in fields.items():
            try:
                value = tuple(map(one, getattr(self, field)))
            except TypeError:
                raise ValueError(f"{field}: not a list of the right form; correct it") from None
            object.__setattr__(self, field, value)
        count = len(self.keypoints)
        if not count:
            raise ValueError("keypoints: none given; list at least one keypoint name")
        if count > MAX_KEYPOINTS:
            raise ValueError(f"keypoints: {count:,} names; {MAX_KEYPOINTS:,} are possible")
        if not all(isinstance(name, str) and name for name in self.keypoints):
            raise ValueError("keypoints: not all are names; list the keypoint names")
        if max(map(len, self.keypoints)) > _LONGEST_NAME:
            raise ValueError(f"keypoints: a name is longer than {_LONGEST_NAME}; shorten it")
        twice = [name for name, times in Counter(self.keypoints).items() if times > 1]
        if twice:
            raise ValueError(f"keypoints: {min(twice)!r} is listed twice; make the names unique")
        for field in ("limbs", "pairs"):
            for pair in getattr(self, field) or ():
                if len(pair) != 2 or not all(
                    isinstance(keypoint, int | np.integer) and 0 <= keypoint < count
                    for keypoint in pair
                ):
                    raise ValueError(
                        f"{field}: {short(pair)} is no pair of keypoint indices; use 0 to "
                        f"{count - 1}"
                    )
        self._check_mirrors()
        if len(self.sigmas) != count:
            raise ValueError(
                f"sigmas: {len(self.sigmas)} values for {count} keypoints; give one per keypoint"
            )
        if not all(isinstance(sigma, Real) and 0 < sigma < 1 for sigma in self.sigmas):
            raise ValueError("sigmas: a value is not between 0 and 1; COCO's are .025 to .107")

    def _check_mirrors(self):
        """Raises `ValueError` unless left and right are clear; drops pairs that the names tell."""
        if self.pairs is None:
            keypoint_names.mirrors(self.keypoints)
            return
        paired = [keypoint for pair in self.pairs for keypoint in pair]
        if len(set(paired)) < len(paired):
            twice = next(k for k in paired if paired.count(k) > 1)
            raise ValueError(
                f"pairs: {self.keypoints[twice]!r} occurs twice; pair each keypoint once at most"
            )
        pairs = tuple(sorted(tuple(sorted(map(int, pair))) for pair in self.pairs))
        try:
            by_name = keypoint_names.mirrors(self.keypoints)
            told = tuple((k, other) for k, other in enumerate(by_name) if k < other)
        except ValueError:
            told = None
        object.__setattr__(self, "pairs", None if pairs == told else pairs)

    @property
    def num_keypoints(self) -> int:
        """The number of keypoints K."""
        return len(self.keypoints)

    @property
    def flip_indices(self) -> np.ndarray:
        """(K,) index of each keypoint's mirror image, so that `x[flip_indices]` swaps sides."""
        if self.pairs is None:
            return np.array(keypoint_names.mirrors(self.keypoints))
        indices = np.arange(self.num_keypoints)
        for first, second in self.pairs:
            indices[[first, second]] = second, first
        return indices

    @property
    def plain_keypoints(self) -> tuple[str, ...]:
        """The keypoint names in one spelling, such as `left_shoulder`, where they have sides."""
        return _plain(self.keypoints)

    def index(self, keypoint: str) -> int:
        """Returns the index of a keypoint.

        Args:
            keypoint: keypoint name.

        Raises:
            KeyError: the skeleton has no such keypoint.
        """
        try:
            return self.keypoints.index(keypoint)
        except ValueError:
            names = ", ".join(self.keypoints)
            raise KeyError(f"{self.name}: no keypoint {keypoint!r}; it has {names}") from None

    def indices_from(self, other: "Skeleton") -> np.ndarray:
        """Returns, for each keypoint of this skeleton, its index in `other`, or -1 if it lacks it.

        `left_wrist` and `LWrist` are one keypoint.

        Args:
            other: the skeleton to take keypoints from.

        Returns:
            Integer array of shape (K,).
        """
        position = {name: index for index, name in enumerate(other.plain_keypoints)}
        position |= {name: index for index, name in enumerate(other.keypoints)}
        wanted = zip(self.keypoints, self.plain_keypoints, strict=True)
        return np.array([position.get(own, position.get(name, -1)) for own, name in wanted])

    def to_dict(self) -> dict:
        """Returns a plain dictionary, with limbs and pairs by name, that `from_dict` reads."""
        pairs = [(a, b) for a, b in enumerate(self.flip_indices.tolist()) if a < b]
        limbs, pairs = (
            [[self.keypoints[a], self.keypoints[b]] for a, b in each]
            for each in (self.limbs, pairs)
        )
        return {
            "name": self.name,
            "keypoints": list(self.keypoints),
            "limbs": limbs,
            "pairs": pairs,
            "sigmas": list(self.sigmas),
        }

    @classmethod
    def from_dict(cls, fields: Mapping) -> "Skeleton":
        """Builds a skeleton from the dictionary form, which is also the form of the YAML file.

        Args:
            fields: `keypoints`, a list of names; optionally `name`; `limbs`, pairs of names or of
                0-based indices; `pairs`, likewise, that mirroring swaps (by default those that
                the names tell); `sigmas`, one number per keypoint or a mapping from names to
                numbers. Keypoints with a name known to `SIGMAS` need no sigma.

        Raises:
            ValueError: a field is missing, unknown or does not fit; the message names it.
        """
        if not isinstance(fields, Mapping):
            raise ValueError("skeleton: not a mapping; write name, keypoints, limbs and sigmas")
        unknown = sorted(set(map(str, fields)) - set(_FIELDS))
        if unknown:
            raise ValueError(f"{unknown[0]}: unknown field; use {', '.join(_FIELDS)}")
        keypoints = fields.get("keypoints")
        if not _is_list(keypoints) or not all(isinstance(name, str) for name in keypoints):
            raise ValueError("keypoints: missing or not a list of names; list the keypoint names")
        keypoints, pairs = tuple(keypoints), fields.get("pairs")
        return cls(
            name=str(fields.get("name", "custom")),
            keypoints=keypoints,
            limbs=_parse_pairs("limbs", fields.get("limbs") or (), keypoints),
            sigmas=_parse_sigmas(fields.get("sigmas"), keypoints),
            pairs=None if pairs is None else _parse_pairs("pairs", pairs, keypoints),
        )

    @classmethod
    def from_yaml(cls, path: str | os.PathLike) -> "Skeleton":
        """Reads a skeleton from a YAML file with the fields of `from_dict`.

        Args:
            path: the file.

        Raises:
            InputError: the file cannot be read, is no YAML, or a field is wrong.
        """
        path = Path(path)
        try:
            fields = bounded_files.read_yaml(path, _MAX_BYTES)
        except bounded_files.Unreadable as error:
            raise InputError(f"{path}: file: {error}") from error
        if isinstance(fields, dict):
            fields = {"name": path.stem, **fields}
        try:
            return cls.from_dict(fields)
        except ValueError as error:
            raise InputError(f"{path}: {error}") from error

    def to_yaml(self, path: str | os.PathLike, comments: Sequence[str] = ()) -> None:
        """Writes the skeleton as a YAML file that `from_yaml` reads back.

        Args:
            path: the file to write.
            comments: lines for whoever edits it, written above.
        """
        import yaml

        lines = "".join(f"# {' '.join(line.split())}\n" for line in comments)
        fields = self.to_dict()
        fields["sigmas"] = dict(zip(self.keypoints, fields["sigmas"], strict=True))
        text = yaml.safe_dump(fields, sort_keys=False, default_flow_style=None, allow_unicode=True)
        write_text(path, lines + text)


def _plain(names: tuple[str, ...]) -> tuple[str, ...]:
    try:
        return keypoint_names.plain(names)
    except ValueError:  # sides that the names alone do not make clear
        return names


def _is_list(value) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _whole(value):
    return value


def short(value) -> str:
    """A value as it is shown in messages."""
    return f"{value!r:.60}"


def _parse_pairs(field, pairs, keypoints) -> tuple[tuple[int, int], ...]:
    """Limbs, or mirror pairs, as indices."""
    parsed, place = [], {name: index for index, name in enumerate(keypoints)}
    for pair in pairs if _is_list(pairs) else (pairs,):
        if not _is_list(pair) or len(pair) != 2:
            raise ValueError(f"{field}: {short(pair)} is no pair; write [keypoint, keypoint]")
        for keypoint in pair:
            if not (type(keypoint) is int or (isinstance(keypoint, str) and keypoint in place)):
                raise ValueError(
                    f"{field}: {short(keypoint)} is not among the keypoints; correct the name"
                )
        parsed.append(tuple(j if type(j) is int else place[j] for j in pair))
    return tuple(parsed)


def _parse_sigmas(sigmas, keypoints) -> tuple[float, ...]:
    if sigmas is None:
        sigmas = {}
    if isinstance(sigmas, Mapping):
        known = set(keypoints)
        stray = [name for name in sigmas if name not in known]
        if stray:
            raise ValueError(
                f"sigmas: {short(stray[0])} is not among the keypoints; correct the name"
            )
        given = zip(keypoints, default_sigmas(keypoints), strict=True)
        sigmas = [sigmas.get(name, default) for name, default in given]
        unknown = [n for n, sigma in zip(keypoints, sigmas, strict=True) if sigma is None]
        if unknown:
            raise ValueError(f"sigmas: none known for {unknown[0]!r}; give its value")
    try:
        return tuple(float(sigma) for sigma in sigmas)
    except (TypeError, ValueError):
        raise ValueError("sigmas: not a list of numbers; give one number per keypoint") from None


def _skeleton(name: str, keypoints: str, limbs: str) -> Skeleton:
    pairs = [limb.split("-") for limb in limbs.split()]
    return Skeleton.from_dict({"name": name, "keypoints": keypoints.split(), "limbs": pairs})


COCO_17 = _skeleton(
    "coco_17",
    "nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow "
    "right_elbow left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle "
    "right_ankle",
    "left_ankle-left_knee left_knee-left_hip right_ankle-right_knee right_knee-right_hip "
    "left_hip-right_hip left_shoulder-left_hip right_shoulder-right_hip "
    "left_shoulder-right_shoulder left_shoulder-left_elbow right_shoulder-right_elbow "
    "left_elbow-left_wrist right_elbow-right_wrist left_eye-right_eye nose-left_eye "
    "nose-right_eye left_eye-left_ear right_eye-right_ear left_ear-left_shoulder "
    "right_ear-right_shoulder",
)

MPII_16 = _skeleton(
    "mpii_16",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle pelvis thorax upper_neck "
    "head_top right_wrist right_elbow right_shoulder left_shoulder left_elbow left_wrist",
    "right_ankle-right_knee right_knee-right_hip right_hip-pelvis left_hip-pelvis "
    "left_knee-left_hip left_ankle-left_knee pelvis-thorax thorax-upper_neck "
    "upper_neck-head_top right_wrist-right_elbow right_elbow-right_shoulder "
    "right_shoulder-thorax left_shoulder-thorax left_elbow-left_shoulder "
    "left_wrist-left_elbow",
)

LSP_14 = _skeleton(
    "lsp_14",
    "right_ankle right_knee right_hip left_hip left_knee left_ankle right_wrist right_elbow "
    "right_shoulder left_shoulder left_elbow left_wrist neck head_top",
    "right_ankle-right_knee right_knee-right_hip right_hip-left_hip left_hip-left_knee "
    "left_knee-left_ankle right_wrist-right_elbow right_elbow-right_shoulder "
    "right_shoulder-left_shoulder left_shoulder-left_elbow left_elbow-left_wrist "
    "right_shoulder-neck left_shoulder-neck neck-head_top right_hip-right_shoulder "
    "left_hip-left_shoulder",
)

_BUILT_IN = {skeleton.name: skeleton for skeleton in (COCO_17, MPII_16, LSP_14)}


def get(name_or_path: str | os.PathLike | Skeleton) -> Skeleton:
    """Returns a built-in skeleton by name, or reads one from a YAML file.

    Args:
        name_or_path: `"coco_17"`, `"mpii_16"`, `"lsp_14"`, the path of a `.yaml` or `.yml` file,
            or a `Skeleton`, which is returned as it is.

    Raises:
        InputError: the name is not known or the file is not usable.
    """
    if isinstance(name_or_path, Skeleton):
        return name_or_path
    name = os.fspath(name_or_path)
    if name.lower() in _BUILT_IN:
        return _BUILT_IN[name.lower()]
    if Path(name).suffix.lower() in (".yaml", ".yml"):
        return Skeleton.from_yaml(name)
    known = ", ".join(_BUILT_IN)
    raise InputError(f"{name}: skeleton: unknown name; use {known} or the path of a YAML file")
