"""OpenVINO files whose convolutions compute in 8 bits, and how much they differ from Keras.

The ranges of the activations are measured on photos (NNCF's post-training quantization). What
comes behind the last convolutions, the heatmaps and the boxes, stays in float: sorting, suppression
and grouping decide by small differences.
"""

import contextlib
import dataclasses
import importlib.util
import io
import logging
import sys
from pathlib import Path

import keras
import numpy as np

from multiposenet.errors import InputError
from multiposenet.maths.matching import greedy
from multiposenet.maths.similarity import oks

SAME = 0.5  # OKS from which two poses are of the same person, as in AP50
MIN_POSES = 10  # to judge by
# Of poses and pixels of the network's input. Loose enough for honest rounding (docs/runtimes.md),
# far from what wrong ranges do, which is to find nobody or somebody else.
LEAST_FOUND, MOST_EXTRA, LARGEST_MEDIAN = 0.75, 0.25, 3.0
_CONVOLUTIONS = ("Convolution", "GroupConvolution")


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How a quantized file agrees with Keras.

    Attributes:
        photos: compared.
        poses: of Keras with at least the score.
        found: share of these that the file finds, too: above the score, at an OKS of 0.5.
        extra: poses of the file that Keras does not have, for each pose of Keras.
        median_pixels: distance of a keypoint in the poses that both have, in pixels of the
            network's input; infinite if there are none.
        p99_pixels: its 99th percentile.
    """

    photos: int
    poses: int
    found: float
    extra: float
    median_pixels: float
    p99_pixels: float

    def problem(self) -> str | None:
        """What is wrong with the file, None if it may be used."""
        if self.poses < MIN_POSES:
            return (
                f"--photos: {self.poses} poses to compare, fewer than {MIN_POSES}; name more "
                "photos with people"
            )
        if (
            self.found >= LEAST_FOUND
            and self.extra <= MOST_EXTRA
            and self.median_pixels <= LARGEST_MEDIAN
        ):
            return None
        off = f", keypoints {self.median_pixels:.2g} px off (median)" if self.found else ""
        return (
            f"int8: finds {self.found:.0%} of {self.poses} poses, {self.extra:.0%} more that Keras "
            f"does not{off}; calibrate on more photos like those it will see"
        )


def require(path: Path) -> None:
    """Raises `InputError` if what quantizes is not installed."""
    if not all(importlib.util.find_spec(name) for name in ("nncf", "openvino")):
        raise InputError(f"{path}: int8: NNCF is not installed; install multiposenet[int8]")


def quantize(path: Path, images: list[np.ndarray]) -> None:
    """Quantizes the convolutions of an OpenVINO file, all but the last of each path.

    Args:
        path: the file, which is written anew.
        images: (1, H, W, 3) RGB 0-255 as the network takes them, of any sizes; their activations
            set the ranges.
    """
    import nncf
    import openvino

    model = openvino.Core().read_model(path, config={"ENABLE_MMAP": False})
    data = nncf.Dataset(images, lambda image: image.astype(np.float32))
    with _quiet(nncf):
        small = nncf.quantize(
            model,
            data,
            subset_size=len(images),
            target_device=nncf.TargetDevice.CPU,
            ignored_scope=nncf.IgnoredScope(names=_kept_in_float(model)),
        )
    openvino.save_model(small, path, compress_to_fp16=False)


def _kept_in_float(model) -> list[str]:
    """Names of all operations that no convolution comes after.

    These are the last convolutions, which make heatmaps, scores and boxes, and all behind them.
    """
    waiting = [node for node in model.get_ops() if node.get_type_name() in _CONVOLUTIONS]
    before = set()
    while waiting:
        for value in waiting.pop().input_values():
            node = value.get_node()
            if node.get_friendly_name() not in before:
                before.add(node.get_friendly_name())
                waiting.append(node)
    return [
        node.get_friendly_name()
        for node in model.get_ops()
        if node.get_friendly_name() not in before
        and node.get_type_name() not in ("Constant", "Parameter", "Result")
    ]


@contextlib.contextmanager
def _quiet(nncf):
    """Without NNCF's notes; its progress bars on stderr if that is a terminal."""
    nncf.set_log_level(logging.ERROR)
    with contextlib.redirect_stdout(sys.stderr if sys.stderr.isatty() else io.StringIO()):
        yield


def compare(model, function, batches, score: float) -> Agreement:
    """Compares a quantized function with its model, poses matched one to one by OKS.

    Args:
        model: the `MultiPoseNet` in Keras.
        function: from a batch to a dict of arrays.
        batches: arrays (B, H, W, 3) that were not used to calibrate.
        score: poses of at least this score count, on both sides.
    """
    photos = poses = others = found = 0
    distances = [np.zeros(0)]
    for batch in batches:
        ours = {k: keras.ops.convert_to_numpy(v) for k, v in model(batch, training=False).items()}
        theirs = function(batch)
        photos += len(batch)
        for row in range(len(batch)):
            wanted = ours["pose_scores"][row] >= score
            offered = theirs["pose_scores"][row] >= score
            poses, others = poses + int(wanted.sum()), others + int(offered.sum())
            if not (wanted.any() and offered.any()):
                continue
            truth, points = ours["keypoints"][row][wanted], theirs["keypoints"][row][offered]
            counted = ours["keypoint_scores"][row][wanted] > 0
            sides = ours["boxes"][row][wanted][:, 2:] - ours["boxes"][row][wanted][:, :2]
            reference = np.concatenate([truth, counted[..., None]], axis=-1)
            alike = oks(reference, sides.prod(axis=1), points, model.skeleton.sigmas)
            partner = greedy(alike, unassigned=SAME)
            both = partner >= 0
            found += int(both.sum())
            offsets = np.linalg.norm(truth[both] - points[partner[both]], axis=-1)
            distances.append(offsets[counted[both]])
    distances = np.concatenate(distances)
    median, high = np.percentile(distances, (50, 99)) if distances.size else (np.inf, np.inf)
    return Agreement(
        photos,
        poses,
        found / max(poses, 1),
        (others - found) / max(poses, 1),
        float(median),
        float(high),
    )
