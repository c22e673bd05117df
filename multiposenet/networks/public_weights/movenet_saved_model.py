"""Reading a MoveNet from the SavedModel that Google releases, a folder.

    saved_model.pb    the graph, of which the epsilons of its batch normalizations are read alone
    variables/        a checkpoint, in which the feature extractor's variables are numbered

Layers come in the order in which Keras made them. Batch normalizations are folded into the
convolution before, as in TensorFlow.js' files. Nothing of the folder is executed.
"""

import os
from pathlib import Path

import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.files import bounded_files

GRAPH = "saved_model.pb"
_MAX_BYTES = 1 << 28  # of the graph; MoveNet's has 11 MB
_EXTRACTOR = "_model/_feature_extractor"
_HEATMAPS = "keypoint.Sheatmap/0/layer_with_weights-"  # behind the task's name; .S is a slash
_VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
# The pyramid's lateral and separable convolutions, the coarsest level first.
_PYRAMID = (
    ("conv2d", None),
    ("conv2d_1", "separable_conv2d"),
    ("conv2d_2", "separable_conv2d_1"),
    ("conv2d_3", "separable_conv2d_2"),
)


def is_saved_model(path):
    """Whether a path is the folder of a SavedModel."""
    # Of a name too long for a path `Path.is_file` raises.
    return os.path.isfile(os.path.join(path, GRAPH))


def key_of(layer):
    """The name of a backbone's convolution among those that are read."""
    return f"{layer.name}/{'depthwise' if layer.name.endswith('_depthwise') else 'kernel'}"


def read_convolutions(path, backbone):
    """The weights of a MoveNet's backbone, pyramid and heatmap head.

    Args:
        path: the folder.
        backbone: of ``movenet_backbone``, whose layers are looked for.

    Returns:
        A dict from ``LAYER/kernel`` and ``LAYER/depthwise`` to ``(kernel, bias)``, float32 in
        Keras' order of axes; the bias is None where there is none. Layers of the pyramid and the
        head have the names of TensorFlow.js' files.

    Raises:
        WeightsError: TensorFlow is not installed, or a file is missing, damaged or of another
            model.
    """
    extractor, found = _Variables(path), {}
    for layer in backbone.layers:
        if layer.weights:
            name = key_of(layer)
            found[name] = extractor.folded(extractor.trained(), name.endswith("/depthwise"))
    for lateral, separable in _PYRAMID:
        found[f"{lateral}/kernel"] = extractor.trained(), extractor.trained()
        if separable:
            found[f"{separable}/depthwise"] = extractor.trained(), None
            kernel, bias = extractor.trained(), extractor.trained()
            found[f"{separable}/kernel"] = extractor.folded(kernel, bias=bias)
    extractor.check_end()
    return found | extractor.heatmaps()


class _Variables:
    """The checkpoint's variables, read one after the other.

    Trained ones and averages have one number each; ``trainable_variables`` has numbers of the
    trained ones alone, and only there are their values.
    """

    def __init__(self, path):
        try:
            import tensorflow
        except ImportError as error:
            raise WeightsError(
                f"{path}: folder: is a SavedModel, and TensorFlow is not installed; "
                "pip install tensorflow, or give the .json of the TensorFlow.js model"
            ) from error
        self.path, self._trained, self._all = Path(path), 0, 0
        self._epsilon = _epsilon(self.path / GRAPH)
        try:
            self._reader = tensorflow.train.load_checkpoint(str(self.path / "variables/variables"))
            self._names = self._reader.get_variable_to_shape_map().keys()
        except Exception as error:  # whatever TensorFlow objects to
            raise self._damaged("variables", "cannot be read") from error

    def trained(self):
        """The next trained variable."""
        value = self._read(f"{_EXTRACTOR}/trainable_variables/{self._trained}")
        self._trained += 1
        self._all += 1
        return value

    def _average(self):
        """The next mean or variance."""
        value = self._read(f"{_EXTRACTOR}/variables/{self._all}")
        self._all += 1
        return value

    def folded(self, kernel, depthwise=False, bias=0.0):
        """A convolution with the batch normalization that comes next folded into it."""
        gamma, beta = self.trained(), self.trained()
        mean, variance = self._average(), self._average()
        scale = gamma / np.sqrt(variance + self._epsilon)
        try:
            channels = scale[:, None] if depthwise else scale
            return kernel * channels, (bias - mean) * scale + beta
        except ValueError as error:
            raise self._damaged("variables", "are of another order than a MoveNet's") from error

    def check_end(self):
        """There must not be any variables behind the last one read."""
        if f"{_EXTRACTOR}/trainable_variables/{self._trained}" + _VALUE in self._names:
            raise self._damaged("variables", f"are more than the {self._all} of a MoveNet")

    def heatmaps(self):
        """The heatmap head: a separable convolution and the one behind it."""
        places = {name.partition(_HEATMAPS)[0] for name in self._names if _HEATMAPS in name}
        if len(places) != 1:
            raise self._damaged("variables", f"have {len(places)} heatmap heads")
        place = places.pop() + _HEATMAPS
        return {
            "kpt_heatmap_0/separable_conv2d/depthwise": (
                self._read(f"{place}0/depthwise_kernel"),
                None,
            ),
            "kpt_heatmap_0/separable_conv2d/kernel": (
                self._read(f"{place}0/pointwise_kernel"),
                self._read(f"{place}0/bias"),
            ),
            "kpt_heatmap_0/conv2d/kernel": (
                self._read(f"{place}1/kernel"),
                self._read(f"{place}1/bias"),
            ),
        }

    def _read(self, name):
        if name + _VALUE not in self._names:
            raise self._damaged(name, "is missing")
        try:
            value = np.asarray(self._reader.get_tensor(name + _VALUE), np.float32)
        except Exception as error:  # a damaged block, or no numbers
            raise self._damaged(name, "cannot be read") from error
        if not np.isfinite(value).all():
            raise self._damaged(name, "is not finite")
        return value

    def _damaged(self, name, what):
        return WeightsError(
            f"{self.path}: {name}: {what}; give the folder of a released MoveNet's SavedModel"
        )


def _epsilon(path):
    """What the graph's batch normalizations add to variances, all the same."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        model = saved_model_pb2.SavedModel.FromString(bounded_files.read(path, _MAX_BYTES))
    except (bounded_files.Unreadable, DecodeError) as error:
        raise WeightsError(
            f"{path}: file: cannot be read; fetch the model's files again"
        ) from error
    graphs = [meta.graph_def for meta in model.meta_graphs]
    nodes = [node for graph in graphs for node in graph.node]
    nodes += [node for graph in graphs for one in graph.library.function for node in one.node_def]
    found = {n.attr["epsilon"].f for n in nodes if n.op.startswith("FusedBatchNorm")}
    if len(found) != 1:
        raise WeightsError(
            f"{path}: epsilon: {len(found)} values in its batch normalizations, one is expected; "
            "give the .json of the TensorFlow.js model"
        )
    return found.pop()
