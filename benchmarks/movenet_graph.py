"""A released MoveNet as it is: the TensorFlow.js graph model, run by TensorFlow or OpenVINO.

The graph's fused convolutions, which are TensorFlow.js' own, stand here as the operations that they
are made of.
"""

import base64
import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

INPUT, OUTPUT = "input", "Identity"
_CONVOLUTIONS = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
}
_OF_FUSED = ("fused_ops", "num_args", "epsilon")


def read_graph(path):
    """The graph of a ``.json`` and the ``.bin`` beside it.

    Returns:
        ``tf.Graph`` with the placeholder ``input`` and the result ``Identity``.
    """
    path = Path(path)
    model = json.loads(path.read_text(encoding="utf-8"))
    (group,) = model["weightsManifest"]
    content = b"".join((path.parent / name).read_bytes() for name in group["paths"])
    return build(model["modelTopology"]["node"], _tensors(group["weights"], content))


def build(nodes, tensors):
    """A ``tf.Graph`` of nodes, as JSON has them, and the values of its constants by name."""
    definition = tf.compat.v1.GraphDef()
    for node in nodes:
        if node["op"] == "Const":
            value = tf.make_tensor_proto(tensors[node["name"]])
            made = definition.node.add(name=node["name"], op="Const")
            made.attr["dtype"].type = value.dtype
            made.attr["value"].tensor.CopyFrom(value)
        elif node["op"] in _CONVOLUTIONS:
            for part in _unfused(node):
                json_format.ParseDict(part, definition.node.add())
        else:
            json_format.ParseDict({**node, "device": ""}, definition.node.add())
    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    return graph


def tensorflow_function(graph, output=OUTPUT):
    """From ``(1, H, W, 3)`` RGB, 0 to 255, to the result, both arrays."""
    session = tf.compat.v1.Session(graph=graph)
    fetched = graph.get_tensor_by_name(f"{output}:0")
    return lambda images: session.run(fetched, {f"{INPUT}:0": np.asarray(images, np.int32)})


def openvino_function(graph, output=OUTPUT):
    """As ``tensorflow_function``, on OpenVINO in float32, with all cores."""
    import openvino

    network = openvino.convert_model(graph)
    network.reshape({0: [1, -1, -1, 3]})
    compiled = openvino.compile_model(network, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: compiled(np.asarray(images, np.int32))[0]


def _tensors(entries, content):
    found, at = {}, 0
    for entry in entries:
        stored = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"], dtype=int))
        values = np.frombuffer(content, stored, count, at).reshape(entry["shape"])
        found[entry["name"]] = values.astype(entry["dtype"])
        at += count * stored.itemsize
    return found


def _unfused(node):
    """Convolution, offset and activation; the last one has the name of the node."""
    attributes = {key: value for key, value in node["attr"].items() if key not in _OF_FUSED}
    fused = [base64.b64decode(part).decode() for part in node["attr"]["fused_ops"]["list"]["s"]]
    image, kernel, offset = node["input"]
    names = [f"{node['name']}/{part}" for part in ("convolution", *fused[:-1])] + [node["name"]]
    yield _node(names[0], _CONVOLUTIONS[node["op"]], [image, kernel], attributes)
    for name, before, part in zip(names[1:], names, fused, strict=False):
        inputs = [before, offset] if part == "BiasAdd" else [before]
        yield _node(name, part, inputs, {"T": attributes["T"]})


def _node(name, operation, inputs, attributes):
    return {"name": name, "op": operation, "input": inputs, "attr": attributes}
