"""Networks filled with the arrays of a file, all of them or none."""

from collections.abc import Callable, Mapping

import numpy as np

from multiposenet.errors import WeightsError


class Filling:
    """What goes where; nothing is changed before all is known to fit.

    Args:
        path: of the file, for messages.
        arrays: its weights by name.
        remedy: for messages.
    """

    def __init__(self, path, arrays: Mapping[str, np.ndarray], remedy: str):
        self.path, self.arrays, self.remedy = path, arrays, remedy
        self._used, self._plan = set(), []

    def error(self, name: str, what: str) -> WeightsError:
        """The error that something is wrong with an array."""
        return WeightsError(f"{self.path}: {name}: {what}; {self.remedy}")

    def read(self, name: str) -> np.ndarray:
        """An array.

        Raises:
            WeightsError: there is none of this name, or it is not finite.
        """
        if name not in self.arrays:
            raise self.error(name, "missing")
        self._used.add(name)
        value = self.arrays[name]
        if not np.isfinite(value).all():
            raise self.error(name, "is not finite")
        return value

    def normalization(self, source: str) -> list[np.ndarray]:
        """Gamma, beta, mean and variance of a batch normalization of PyTorch; errors of `read`."""
        kinds = ("weight", "bias", "running_mean", "running_var")
        return [self.read(f"{source}.{kind}") for kind in kinds]

    def convolution(self, source: str, use_bias: bool) -> list[np.ndarray]:
        """Kernel, as Keras has it, and bias of a convolution of PyTorch; errors of `read`."""
        kernel = np.transpose(self.read(f"{source}.weight"), (2, 3, 1, 0))
        return [kernel, self.read(f"{source}.bias")] if use_bias else [kernel]

    def put(self, layer, values: list[np.ndarray], source: str) -> None:
        """Notes the weights that a layer gets, in its order.

        Raises:
            WeightsError: they have other shapes.
        """
        for weight, value in zip(layer.weights, values, strict=True):
            if tuple(weight.shape) != value.shape:
                raise self.error(
                    source,
                    f"shape {value.shape} where the network has {tuple(weight.shape)}",
                )
        self._plan.append((layer, values))

    def finish(self, spare: Callable[[str], bool]) -> None:
        """Fills the layers.

        Args:
            spare: whether an array may be left over, by its name.

        Raises:
            WeightsError: another one is.
        """
        left = [name for name in self.arrays if name not in self._used and not spare(name)]
        if left:
            raise self.error(min(left), "the network has no such weight")
        for layer, values in self._plan:
            layer.set_weights(values)
