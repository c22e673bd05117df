"""Reading the convolutions of a TensorFlow.js graph model, without TensorFlow.js.

    NAME.json    the graph (``modelTopology``) and, in file order, every tensor's name, shape and
                 type (``weightsManifest``)
    *.bin        the tensors one after the other, without padding

The format is described in github.com/tensorflow/tfjs, ``tfjs-converter/README.md``. Nothing of
these files is executed, and every size is checked before a byte is used.
"""

import math
from pathlib import Path

import numpy as np

from multiposenet.errors import WeightsError
from multiposenet.files import bounded_files

_MAX_BYTES = 1 << 28  # of one file; MoveNet's have 30 MB
# The types that are read; floats quantized to float16 are the halves of what was trained.
_TYPES = {"float32": "<f4", "float16": "<f2", "int32": "<i4", "bool": "|u1"}
_CONVOLUTIONS = (
    "Conv2D",
    "_FusedConv2D",
    "DepthwiseConv2dNative",
    "FusedDepthwiseConv2dNative",
)


def read_convolutions(path):
    """The weights of all convolutions of a graph model.

    Args:
        path: the ``.json`` file; the ``.bin`` files that it names stand beside it.

    Returns:
        A dict from the name of a convolution's kernel to ``(kernel, bias)``, float32 in Keras'
        order of axes, ``(h, w, in, out)`` or depthwise ``(h, w, channels, 1)``; the bias is None
        where there is none.

    Raises:
        WeightsError: a file is missing, damaged, or of another kind.
    """
    path = Path(path)
    model = _read_json(path)
    tensors = {}
    for group in _field(path, model, "weightsManifest", list):
        tensors |= _read_group(path, group)
    found = {}
    for node in _field(path, _field(path, model, "modelTopology", dict), "node", list):
        operation = _field(path, node, "op", str)
        if operation in _CONVOLUTIONS:
            _, kernel, *bias = _field(path, node, "input", list)
            fused = bias[0] if operation.startswith(("_Fused", "Fused")) and bias else None
            found[kernel] = (
                _tensor(path, tensors, kernel, 4),
                None if fused is None else _tensor(path, tensors, fused, 1),
            )
    return found


def _read_json(path):
    try:
        return bounded_files.read_json(path, _MAX_BYTES)
    except bounded_files.Unreadable as error:
        raise WeightsError(
            f"{path}: file: cannot be read ({error.problem}); give the .json of a TensorFlow.js "
            "graph model"
        ) from error


def _read_group(path, group):
    """The tensors of one group of the manifest, whose files count as one."""
    content = b"".join(_read_file(path, name) for name in _field(path, group, "paths", list))
    tensors, start = {}, 0
    for entry in _field(path, group, "weights", list):
        name, shape = _field(path, entry, "name", str), _field(path, entry, "shape", list)
        quantization = entry.get("quantization") or {}
        kind = quantization.get("dtype", entry.get("dtype"))
        if kind not in _TYPES or "scale" in quantization:
            raise WeightsError(
                f"{path}: {name}: has the type {kind!r}; give a model with floats of 16 or 32 bits"
            )
        if not all(isinstance(side, int) and side >= 0 for side in shape):
            raise _damaged(path, name, f"has the shape {shape}")
        dtype = np.dtype(_TYPES[kind])
        end = start + math.prod(shape) * dtype.itemsize
        if end > len(content):
            raise _damaged(path, name, f"ends at byte {end} of {len(content)}")
        tensors[name] = np.frombuffer(content[start:end], dtype).reshape(shape)
        start = end
    if start != len(content):
        raise _damaged(path, "weightsManifest", f"tells about {start} of {len(content)} bytes")
    return tensors


def _read_file(path, name):
    file = path.parent / str(name)
    if file.parent != path.parent:
        raise WeightsError(f"{path}: paths: {name!r} is not beside it; give files of one folder")
    try:
        return bounded_files.read(file, _MAX_BYTES)
    except bounded_files.Unreadable as error:
        raise WeightsError(
            f"{file}: file: cannot be read ({error.problem}); put it beside {path.name}"
        ) from error


def _tensor(path, tensors, name, dimensions):
    values = tensors.get(name)
    if values is None or values.ndim != dimensions or values.dtype.kind != "f":
        raise _damaged(path, name, f"is no float tensor of {dimensions} dimensions")
    if not np.isfinite(values).all():
        raise _damaged(path, name, "is not finite")
    return values.astype(np.float32)


def _field(path, holder, name, kind):
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise WeightsError(
            f"{path}: {name}: missing; give the .json of a TensorFlow.js graph model"
        )
    return value


def _damaged(path, field, what):
    return WeightsError(f"{path}: {field}: {what}; fetch the model's files again")
