"""Arguments that several verbs have, and how their texts are read."""

import argparse


def add_json_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--json`."""
    parser.add_argument(
        "--json", metavar="FILE", help="write the result as JSON; - writes to standard output"
    )


def side(text: str) -> int:
    """Reads the longer side of an image, in pixels."""
    value = int(text) if text.isdecimal() else 0
    if not 32 <= value <= 8192:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of pixels from 32 to 8192")
    return value


def size(text: str) -> tuple[int, int]:
    """Reads HxW: height and width in pixels, multiples of 32."""
    height, cross, width = text.partition("x")
    sides = tuple(int(side) if side.isdecimal() else 0 for side in (height, width))
    if not cross or any(side % 32 or not side for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r} is not HEIGHTxWIDTH in multiples of 32")
    return sides


def count(text: str) -> int:
    """Reads a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def port(text: str) -> int:
    """Reads the number of a port, 0 for any."""
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 to 65535")
    return int(text)


def layers(known: tuple[str, ...]):
    """A function that reads names of what is drawn, separated by commas."""

    def read(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if unknown := set(chosen) - set(known):
            raise argparse.ArgumentTypeError(f"{min(unknown)!r} is not one of {', '.join(known)}")
        return chosen

    return read


def counts(text: str) -> list[int]:
    """Reads whole numbers from 1 on, separated by commas."""
    return [count(part) for part in text.split(",")]


def seconds(text: str) -> float:
    """Reads seconds, or hours, minutes and seconds as in 1:02:03.5."""
    try:
        parts = [float(part) for part in text.split(":")]
        value = sum(part * 60**power for power, part in enumerate(reversed(parts)))
        sound = len(parts) <= 3 and all(0 <= part < 1e6 for part in parts)
    except ValueError:
        sound = False
    if not sound:
        raise argparse.ArgumentTypeError(f"{text!r} is not seconds, or [HOURS:]MINUTES:SECONDS")
    return value
