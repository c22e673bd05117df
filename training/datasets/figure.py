"""Articulated human figures: random bodies in random poses, as painted parts and exact keypoints.

A figure is posed in space, turned to a view and projected along the line of sight. Left and right
look alike, so that only the view (a face, or hair and the back of a shirt) and the bends of elbows,
knees and feet tell them apart, as on photos. `synthetic` puts figures into scenes.

Body frame: x to the person's left, y down, z forward. View frame: x right, y down, z towards the
viewer. Lengths are shares of the height of a standing person; the pelvis is the origin.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# The turn about the vertical that shows a side, and how much it varies.
VIEWS = {
    "front": (0.0, 0.6),
    "back": (np.pi, 0.6),
    "left": (-np.pi / 2, 0.4),
    "right": (np.pi / 2, 0.4),
}
ACTIONS = ("stand", "walk", "sit", "crouch")
_ARMS = {
    # swing forwards, raise sideways, bend of the elbow, further raise of the forearm; radians
    "hang": ((-0.3, 0.4), (0.03, 0.3), (0.0, 0.5), (-0.2, 0.1)),
    "bent": ((-0.4, 0.4), (0.2, 0.9), (0.8, 2.2), (-1.0, -0.3)),
    "raised": ((-0.2, 0.5), (1.3, 2.9), (0.0, 0.4), (-0.3, 1.2)),
    "forward": ((0.6, 1.5), (0.0, 0.4), (0.0, 0.9), (-0.3, 0.2)),
}
# The parts that show a keypoint when they are on top, and how far behind their middle it may lie.
_HEAD, _TRUNK = 0.015, 0.09
_SHOWN_BY = {
    "nose": (("nose", "face"), _HEAD),
    "SIDE_eye": (("SIDE_eye", "SIDE_pupil", "face"), _HEAD),
    "SIDE_ear": (("SIDE_ear", "face", "hair"), _HEAD),
    "head_top": (("hair", "face"), 1.0),
    "upper_neck": (("neck", "face", "torso"), 1.0),
    "neck": (("neck", "torso", "collar"), 1.0),
    "thorax": (("neck", "torso", "collar"), 1.0),
    "SIDE_shoulder": (("SIDE_upper_arm", "torso"), _TRUNK),
    "SIDE_elbow": (("SIDE_upper_arm", "SIDE_forearm"), 1.0),
    "SIDE_wrist": (("SIDE_forearm", "SIDE_hand"), 1.0),
    "pelvis": (("torso", "left_thigh", "right_thigh"), 1.0),
    "SIDE_hip": (("SIDE_thigh", "torso"), _TRUNK),
    "SIDE_knee": (("SIDE_thigh", "SIDE_shin"), 1.0),
    "SIDE_ankle": (("SIDE_shin", "SIDE_foot"), 1.0),
}
SHOWN_BY = {
    name.replace("SIDE", side): (tuple(part.replace("SIDE", side) for part in parts), depth)
    for name, (parts, depth) in _SHOWN_BY.items()
    for side in (("left", "right") if "SIDE" in name else ("",))
}
_CIRCLE = np.stack([np.cos(t := np.arange(12) * np.pi / 6), np.sin(t)], axis=-1)


@dataclass(frozen=True, eq=False)
class Part:
    """A convex piece of a body: the hull of disks.

    Attributes:
        name: for example `"left_shin"`; `SHOWN_BY` refers to it.
        points: (m, 3) centres of the disks in the view frame.
        radii: (m,) of the disks.
        colour: RGB.
        cloth: whether the clothes' pattern is on it.
    """

    name: str
    points: np.ndarray
    radii: np.ndarray
    colour: tuple[int, int, int]
    cloth: bool = False

    @property
    def depth(self) -> float:
        """Distance of the part's middle towards the viewer."""
        return float(self.points[:, 2].mean())

    def outline(self, scale: float, offset, shrink: float = 1.0) -> np.ndarray:
        """(p, 2) float32 convex outline in pixels of a picture.

        Args:
            scale: pixels per unit.
            offset: (x, y) of the origin in the picture.
            shrink: factor of the radii.
        """
        rims = self.points[:, None, :2] + shrink * self.radii[:, None, None] * _CIRCLE
        rims = (scale * rims.reshape(-1, 2) + offset).astype(np.float32)
        return cv2.convexHull(rims)[:, 0]


@dataclass(frozen=True, eq=False)
class Figure:
    """A person in the view frame.

    Attributes:
        parts: from the farthest to the nearest.
        keypoints: (x, y, z) by keypoint name: those of COCO, MPII and LSP.
        view: the side that is seen, a key of `VIEWS`.
        action: one of `ACTIONS`.
    """

    parts: tuple[Part, ...]
    keypoints: dict[str, np.ndarray]
    view: str
    action: str

    def bounds(self) -> np.ndarray:
        """(4,) xyxy around all parts."""
        low = np.min([(p.points[:, :2] - p.radii[:, None]).min(axis=0) for p in self.parts], axis=0)
        high = np.max([(p.points[:, :2] + p.radii[:, None]).max(0) for p in self.parts], axis=0)
        return np.concatenate([low, high])


def draw(rng: np.random.Generator, view: str | None = None, action: str | None = None) -> Figure:
    """Draws a random figure.

    Args:
        rng: the only source of randomness.
        view: the side that is seen; by default mostly the front.
        action: what the legs do; by default mostly standing.
    """
    view = view or str(rng.choice(list(VIEWS), p=(0.5, 0.24, 0.13, 0.13)))
    action = action or str(rng.choice(ACTIONS, p=(0.45, 0.25, 0.2, 0.1)))
    middle, spread = VIEWS[view]
    turn = _about_z(rng.uniform(-0.15, 0.15)) @ _about_x(rng.uniform(-0.2, 0.05))
    turn = turn @ _about_y(middle + rng.uniform(-spread, spread))
    head, breadth = 0.068 * rng.uniform(0.92, 1.3), rng.uniform(0.85, 1.2)
    marks = _body(rng, action, head, breadth)
    marks = {name: turn @ point for name, point in marks.items()}
    parts = _parts(rng, marks, head, breadth)
    keypoints = {name: marks[name] for name in SHOWN_BY}
    # Ties of depth are broken by the order in `_parts`: the sort is stable.
    return Figure(tuple(sorted(parts, key=lambda part: part.depth)), keypoints, view, action)


def _about_x(angle):
    """Rotation that turns down (y) towards forwards (z)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle):
    """Rotation that turns forwards (z) towards the left (x)."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _about_z(angle):
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def _limb(side, swing, raised):
    """Direction of a limb that hangs down, is swung forwards and then raised sideways."""
    return np.array([side * np.sin(raised) * np.cos(swing), np.cos(raised) * np.cos(swing),
                     np.sin(swing)])  # fmt: skip


def _body(rng, action, head, breadth):
    """Keypoints and other marks of a body with a head of radius `head`, in its frame, by name."""
    uniform = rng.uniform
    lean = {"sit": (-0.15, 0.4), "crouch": (0.1, 0.7)}.get(action, (-0.05, 0.15))
    upper = _about_y(uniform(-0.25, 0.25)) @ _about_x(-uniform(*lean))
    upper = upper @ _about_z(uniform(-0.12, 0.12))
    gaze = upper @ _about_y(uniform(-0.7, 0.7)) @ _about_x(uniform(-0.3, 0.3))
    body = {"pelvis": np.zeros(3)}
    body["thorax"] = body["neck"] = upper @ (0, -0.29 * uniform(0.93, 1.07), 0)
    body["belly"] = 0.45 * body["thorax"]
    body["chest"] = 0.8 * body["thorax"]
    body["collar"] = 0.93 * body["thorax"] + upper @ (0, 0, 0.07)
    body["upper_neck"] = body["thorax"] + upper @ (0, -0.05, 0.01)
    centre = body["upper_neck"] + gaze @ (0, -1.0 * head, 0.1 * head)
    marks = {
        "head": (0, 0, 0), "hair": (0, -0.14, -0.2), "nape": (0, 0.7, -0.45),
        "face": (0, 0.12, 0.25), "head_top": (0, -1.2, 0), "nose": (0, 0.12, 1.12),
        "left_eye": (0.4, -0.18, 0.9), "right_eye": (-0.4, -0.18, 0.9),
        "left_ear": (0.93, 0, 0.05), "right_ear": (-0.93, 0, 0.05), "mouth": (0, 0.55, 0.9),
    }  # fmt: skip
    body |= {name: centre + head * (gaze @ mark) for name, mark in marks.items()}
    legs = [uniform(-0.2, 0.2), uniform(-0.2, 0.2)]
    if action == "walk":
        legs = [uniform(0.15, 0.6), -uniform(0.1, 0.5)][:: rng.choice((1, -1))]
    for side, name, swing in ((1, "left", legs[0]), (-1, "right", legs[1])):
        shoulder = body["thorax"] + upper @ (side * 0.112 * breadth, 0.02, 0)
        mode = str(rng.choice(list(_ARMS), p=(0.4, 0.22, 0.23, 0.15)))
        arm, raised, bend, further = (uniform(*limits) for limits in _ARMS[mode])
        if mode == "raised":
            shoulder = shoulder + upper @ (0, -0.02 * raised, 0)
        elbow = shoulder + upper @ _limb(side, arm, raised) * 0.165
        forearm = upper @ _limb(side, arm + bend, raised + further)
        hip = np.array([side * 0.06 * breadth, 0.01, 0])
        spread, knee_bend = uniform(0.02, 0.18), uniform(0.0, 0.25)
        if action == "walk":
            knee_bend = uniform(0.0, 0.3) if swing > 0 else uniform(0.1, 1.0)
        elif action == "sit":
            swing, spread = uniform(1.2, 1.6), uniform(0.05, 0.4)
            knee_bend = swing + uniform(-0.4, 0.3)
        elif action == "crouch":
            swing, spread = uniform(0.7, 1.7), uniform(0.05, 0.5)
            knee_bend = swing + uniform(0.2, 0.8)
        knee = hip + 0.245 * _limb(side, swing, spread)
        shin = _limb(side, swing - knee_bend, 0.6 * spread)
        toes = _about_y(side * uniform(0.0, 0.5)) @ (0, 0.02, 0.085)
        body |= {
            f"{name}_shoulder": shoulder, f"{name}_elbow": elbow,
            f"{name}_wrist": elbow + 0.145 * forearm, f"{name}_hand": elbow + 0.185 * forearm,
            f"{name}_hip": hip, f"{name}_knee": knee, f"{name}_ankle": knee + 0.235 * shin,
            f"{name}_heel": knee + 0.265 * shin, f"{name}_toes": knee + 0.265 * shin + toes,
        }  # fmt: skip
    return body


def _parts(rng, places, head, breadth):
    """Parts of a dressed body whose marks are at `places`."""
    tone = rng.uniform(0.25, 1.0)
    skin = tuple(int(c) for c in tone * np.array((240, 195, 165)) + rng.uniform(-12, 12, 3))
    hair = tuple(int(c) for c in _HAIR[rng.integers(len(_HAIR))] + rng.uniform(-8, 8, 3))
    shirt, trousers, shoes = (tuple(int(c) for c in rng.uniform(15, 240, 3)) for _ in range(3))
    sleeve = shirt if rng.random() < 0.5 else skin
    leg = trousers if rng.random() < 0.7 else skin
    lips = (min(255, skin[0]), int(0.6 * skin[1]), int(0.6 * skin[2]))
    white = (235, 235, 235)
    girth = breadth * rng.uniform(0.85, 1.15)

    def part(name, marks, radii, colour, cloth=False):
        points = np.array([places[mark] for mark in marks])
        return Part(name, points, np.array(radii), colour, cloth)

    parts = [
        part("torso", ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "chest",
                       "belly", "pelvis"),
             (0.035, 0.035, 0.05, 0.05, 0.08 * girth, 0.08 * girth, 0.07 * girth), shirt, True),
        part("neck", ("thorax", "upper_neck"), (0.036, 0.034), skin),
        part("collar", ("collar", "thorax"), (0.008, 0.03), skin),
        part("hair", ("hair", "nape" if rng.random() < 0.4 else "hair"),
             (1.08 * head, 0.8 * head), hair),
        part("face", ("face",), (0.88 * head,), skin),
        part("nose", ("nose",), (0.14 * head,), tuple(int(0.8 * c) for c in skin)),
        part("mouth", ("mouth",), (0.16 * head,), lips),
    ]  # fmt: skip
    for side in ("left", "right"):

        def own(name, *marks, side=side):
            return f"{side}_{name}", [f"{side}_{mark}" for mark in marks]

        parts += [
            part(*own("thigh", "hip", "knee"), (0.062 * girth, 0.042), trousers),
            part(*own("shin", "knee", "ankle"), (0.042, 0.028), leg),
            part(*own("foot", "heel", "toes"), (0.026, 0.02), shoes),
            part(*own("upper_arm", "shoulder", "elbow"), (0.038, 0.029), shirt, True),
            part(*own("forearm", "elbow", "wrist"), (0.03, 0.021), sleeve, sleeve is shirt),
            part(*own("hand", "wrist", "hand"), (0.019, 0.021), skin),
            part(*own("ear", "ear"), (0.2 * head,), skin),
            part(*own("eye", "eye"), (0.17 * head,), white),
            part(*own("pupil", "eye"), (0.1 * head,), (25, 20, 20)),
        ]
    return parts


_HAIR = np.array([(25, 20, 18), (60, 38, 25), (110, 75, 45), (190, 150, 90), (150, 150, 150),
                  (130, 55, 30)])  # fmt: skip
