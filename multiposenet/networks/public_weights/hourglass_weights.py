"""Loads the stacked hourglasses that princeton-vl published for PyTorch.

github.com/princeton-vl/pytorch_stacked_hourglass offers networks of 2 and 8 stacks for MPII's
keypoints. Their graph is `hourglass` with `width=256` and `stem="torch"`. Their convolutions in
front of a batch normalization have a bias, which goes into its mean here.
"""

from collections.abc import Mapping

import keras
import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.networks.public_weights.filling import Filling

EPSILON = 1e-5
"""Epsilon of PyTorch's batch normalizations."""

_REMEDY = "give a checkpoint of pytorch_stacked_hourglass"


def sizes(path, arrays: Mapping[str, np.ndarray]) -> tuple[int, int, int]:
    """The numbers of stacks and of keypoints of a checkpoint, and its width.

    Raises:
        WeightsError: it is of another network.
    """
    stacks = sum(name.startswith("outs.") and name.endswith(".weight") for name in arrays)
    kernel = arrays.get("outs.0.conv.weight")
    if not stacks or kernel is None or kernel.ndim != 4:
        raise WeightsError(f"{path}: outs.0.conv.weight: missing; {_REMEDY}")
    return stacks, kernel.shape[0], kernel.shape[1]


def load(path, arrays: Mapping[str, np.ndarray], model: keras.Model) -> None:
    """Fills an hourglass; nothing is changed if anything is missing, left over or does not fit.

    Args:
        path: of the checkpoint, for messages.
        arrays: its weights by name, see `torch_files.read`.
        model: `hourglass(..., stem="torch")` of its sizes.

    Raises:
        WeightsError: the checkpoint does not fit the model.
    """
    filling = Filling(path, arrays, _REMEDY)
    for layer in model.layers:
        if not layer.weights:
            continue
        source, before = _source(layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, beta, mean, variance = filling.normalization(source)
            if before is not None:  # (w x + b) - mean = w x - (mean - b)
                mean = mean - filling.read(f"{before}.bias")
            values = [gamma, beta, mean, variance + (EPSILON - layer.epsilon)]
        else:
            values = filling.convolution(source, layer.use_bias)
        filling.put(layer, values, source)
    # Units whose input has their width have a shortcut that they do not use.
    filling.finish(lambda name: name.endswith("num_batches_tracked") or ".skip_layer." in name)


def _source(name: str) -> tuple[str, str | None]:
    """The name in the checkpoint of a layer, and of the convolution whose bias it takes over."""
    if name in ("stem_conv", "stem_conv_bn"):
        return ("pre.0.conv", None) if name == "stem_conv" else ("pre.0.bn", "pre.0.conv")
    if name.startswith("stem_unit"):
        unit, _, rest = name.removeprefix("stem_unit").partition("_")
        return _unit({"1": "pre.1", "2": "pre.3", "3": "pre.4"}[unit], rest)
    stack, _, rest = name.removeprefix("stack").partition("_")
    index = int(stack) - 1
    if rest.startswith("level"):
        level, place, *of_unit = rest.removeprefix("level").split("_")
        # The checkpoint nests the levels, the finest being 4.
        inner = f"hgs.{index}.0" + ".low2" * (4 - int(level))
        part = {"skip1": "up1", "down1": "low1", "coarsest1": "low2", "up1": "low3"}[place]
        return _unit(f"{inner}.{part}", "_".join(of_unit))
    if rest.startswith("out1_"):
        return _unit(f"features.{index}.0", rest.removeprefix("out1_"))
    conv = f"features.{index}.1.conv"
    return {
        "features": (conv, None),
        "features_bn": (f"features.{index}.1.bn", conv),
        "maps": (f"outs.{index}.conv", None),
        "features_back": (f"merge_features.{index}.conv.conv", None),
        "maps_back": (f"merge_preds.{index}.conv.conv", None),
    }[rest]


def _unit(source: str, rest: str) -> tuple[str, str | None]:
    """Of a residual unit: `1_bn`, `1_conv`, `0_conv`, the shortcut, and so on."""
    number, kind = rest.split("_")
    if kind == "bn":
        before = None if number == "1" else f"{source}.conv{int(number) - 1}.conv"
        return f"{source}.bn{number}", before
    return (f"{source}.skip_layer.conv" if number == "0" else f"{source}.conv{number}.conv"), None
