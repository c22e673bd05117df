"""How long things take, so that the comparison survives a noisy machine."""

import time
from collections.abc import Callable

import cv2
import numpy as np


def interleaved(
    functions: dict[str, Callable[[], object]], rounds: int, warmup: int = 2
) -> dict[str, np.ndarray]:
    """Times functions in turn, round after round, so that all share the machine's good moments.

    Args:
        functions: name to function of no arguments.
        rounds: how often each is timed.
        warmup: calls of each before that.

    Returns:
        Name to (rounds,) seconds; the n-th values of all were measured right after each other.
    """
    for function in functions.values():
        for _ in range(warmup):
            function()
    seconds = {name: np.empty(rounds) for name in functions}
    for index in range(rounds):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            seconds[name][index] = time.perf_counter() - start
    return seconds


def crowd(person: np.ndarray, count: int, size_hw: tuple[int, int]) -> np.ndarray:
    """Composes an image that shows one person several times, on a grid as square as it can be.

    Args:
        person: (h, w, 3) uint8 photo of one person.
        count: how many are wanted.
        size_hw: (H, W) of the image.

    Returns:
        (H, W, 3) uint8, grey between the copies.
    """
    height, width = size_hw
    image = np.full((height, width, 3), 128, np.uint8)
    columns = min(count, max(1, round(np.sqrt(count * width / height))))
    rows = -(-count // columns)
    scale = min(height / rows / person.shape[0], width / columns / person.shape[1])
    h, w = (max(1, int(side * scale)) for side in person.shape[:2])
    copy = cv2.resize(person, (w, h), interpolation=cv2.INTER_AREA)
    for index in range(count):
        row, column = divmod(index, columns)
        top, left = row * height // rows, column * width // columns
        image[top : top + h, left : left + w] = copy
    return image
