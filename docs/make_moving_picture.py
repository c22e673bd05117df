"""Makes docs/moving.webp: people painted in motion, found and followed by the bundled model.

    python docs/make_moving_picture.py

Everything in it is drawn: figures of `training.datasets.motion`, which the model has never seen.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import multiposenet
from multiposenet.sources import Frame
from multiposenet.training.datasets import motion

SIZE, FRAMES, PEOPLE = (270, 480), 88, 2
EVERY = 2  # frames, to halve the file


def frames(seed: int):
    """The painted frames of a walk."""
    moments = motion.walk(np.random.default_rng(seed), FRAMES, PEOPLE, SIZE, pictures=True)
    for number, moment in enumerate(moments):
        yield Frame(moment.image, f"painted[{number}]", index=number, time=moment.time)


def followed(seed: int):
    """(drawing, ids) of each frame."""
    pose = multiposenet.load("multiposenet-nano", runtime="auto")
    for frame, people in pose.stream(frames(seed), track=True, smooth=True):
        yield people.draw(image=frame.image), people.ids.tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=2, help="of the scene")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("moving.webp"))
    args = parser.parse_args()
    drawings, ids = zip(*followed(args.seed), strict=True)
    print("ids:", sorted({person for frame in ids for person in frame}))
    first, *rest = (Image.fromarray(drawing) for drawing in drawings[::EVERY])
    wait = round(1000 * EVERY / motion.RATE)
    first.save(
        args.out, save_all=True, append_images=rest, duration=wait, loop=0, quality=55, method=6
    )
    print(f"{args.out}: {args.out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
