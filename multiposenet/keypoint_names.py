"""What the names of keypoints tell: left or right, and of what.

Data sets spell one keypoint `left_shoulder`, `L_Shoulder`, `leftShoulder`, `LShoulder`,
`shoulder_left`, `left shoulder`, `lsho`. Mirroring a photo swaps these with their partners, so a
pair that is not recognised would teach swapped sides.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache

LEFT, RIGHT = "left", "right"
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l", "lt": "rt", "rt": "lt"}
# What one letter may stand before without a space (`lshoulder`), and where it surely is a side.
_PARTS = frozenset(
    "ankle arm breast brow calf cheek chest claw clavicle collar ear elbow eye eyebrow finger "
    "foot forearm hand head heel hip hoof index iris knee leg mouth neck palm paw pinky pupil rib "
    "ring shin shoulder thigh thumb toe wing wrist ank elb kne shldr sho wri".split()
)
_TOKEN = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_A-Za-z]+")


@dataclass(frozen=True)
class _Reading:
    """One way to read a name as that of a side.

    Attributes:
        side: LEFT or RIGHT.
        base: the other words of the name, `big_toe`.
        partner: the name of the other side in the same spelling.
        kind: how the side is written: "word", "letter", or "inside" another word.
    """

    side: str
    base: str
    partner: str
    kind: str

    @property
    def key(self) -> tuple[str, str]:
        return self.side, self.base

    @property
    def of_body(self) -> bool:
        return not _PARTS.isdisjoint(self.base.split("_"))


def mirrors(names: tuple[str, ...]) -> tuple[int, ...]:
    """Returns the index of each keypoint's mirror image; its own where it has no side.

    Args:
        names: of the K keypoints.

    Raises:
        ValueError: a name says left or right and its partner is missing or not clear.
    """
    return _resolve(names)[0]


def plain(names: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the names in one spelling, such as `left_shoulder` and `head_top`.

    Args:
        names: of the K keypoints.

    Raises:
        ValueError: as for `mirrors`.
    """
    return _resolve(names)[1]


@lru_cache(maxsize=256)
def _resolve(names: tuple[str, ...]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    place = {name: index for index, name in enumerate(names)}
    readings = [_reading(name) for name in names]
    by_key = defaultdict(list)
    for index, reading in enumerate(readings):
        if reading:
            by_key[reading.key].append(index)
    partners, spelled = list(range(len(names))), []
    for index, (name, reading) in enumerate(zip(names, readings, strict=True)):
        if reading:
            # In the same spelling, or else in another.
            others = by_key[_OTHER[reading.side], reading.base]
            partners[index] = place.get(reading.partner, others[0] if others else index)
        if partners[index] == index:
            spelled.append("_".join(_words(name)) or name)
        else:
            spelled.append(f"{reading.side}_{reading.base}".rstrip("_"))
    _check(names, readings, partners)
    return tuple(partners), tuple(spelled)


def _check(names, readings, partners) -> None:
    for index, partner in enumerate(partners):
        if partners[partner] != index:
            both = f"{names[index]!r} and {names[partners[partner]]!r}"
            raise ValueError(
                f"keypoints: {both} have one mirror keypoint, {names[partner]!r}; rename one"
            )
    alone = [reading if partners[i] == i else None for i, reading in enumerate(readings)]
    # A letter may be anything, unless the list shows that its letters are sides.
    letters = {reading.side for reading in readings if reading and reading.kind == "letter"}
    for name, reading in zip(names, alone, strict=True):
        if reading is None:
            continue
        meant = reading.of_body or (len(letters) == 2 and not reading.base.isdecimal())
        if reading.kind == "word" or (reading.kind == "letter" and meant):
            raise ValueError(
                f"keypoints: {name!r} has no mirror keypoint; add {reading.partner!r}, rename it, "
                "or give the pairs in a file for --skeleton"
            )


def _reading(name: str) -> _Reading | None:
    """Reads a name as that of a side; None if it says none, or both."""
    tokens = list(_TOKEN.finditer(name))
    words = [token.group().lower() for token in tokens]
    for kind, sides, places in (
        ("word", (LEFT, RIGHT), range(len(words))),
        ("letter", ("l", "r", "lt", "rt"), sorted({0, len(words) - 1}) if len(words) > 1 else ()),
    ):
        if found := [place for place in places if words[place] in sides]:
            start, end = tokens[found[0]].span()
            rest = words[: found[0]] + words[found[0] + 1 :]
            return _built(name, start, end, rest, kind) if len(found) == 1 else None
    for place, (token, word) in enumerate(zip(tokens, words, strict=True)):
        for side in (LEFT, RIGHT, "l", "r"):
            for at, rest in ((0, word[len(side) :]), (len(word) - len(side), word[: -len(side)])):
                if rest in _PARTS and word[at : at + len(side)] == side:
                    start = token.start() + at
                    others = words[:place] + [rest] + words[place + 1 :]
                    kind = "word" if side in (LEFT, RIGHT) else "inside"
                    return _built(name, start, start + len(side), others, kind)
    return None


def _built(name, start, end, words, kind) -> _Reading:
    written = name[start:end]
    side, other = written.lower(), _OTHER[written.lower()]
    if written.isupper():
        other = other.upper()
    elif written[0].isupper():
        other = other.capitalize()
    side = LEFT if side.startswith("l") else RIGHT
    return _Reading(side, "_".join(words), name[:start] + other + name[end:], kind)


def _words(name: str) -> list[str]:
    return [token.lower() for token in _TOKEN.findall(name)]
