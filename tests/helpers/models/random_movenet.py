"""Files of a MoveNet with random weights, in the names and the graph of the released one."""

import gzip
import json
from pathlib import Path

import numpy as np

GRAPH = Path(__file__).parents[2] / "reference" / "movenet_multipose.json.gz"


def graph():
    return json.loads(gzip.decompress(GRAPH.read_bytes()))


def tensors(seed=0):
    """Name -> array of all tensors, in the order of the file; floats are of half precision."""
    (group,) = graph()["weightsManifest"]
    rng, found = np.random.default_rng(seed), {}
    for entry in group["weights"]:
        shape = tuple(entry["shape"])
        if "value" in entry:
            values = np.full(shape, entry["value"], entry.get("quantization", entry)["dtype"])
        else:
            # Kernels that keep the size of what goes through them, and small biases.
            depthwise = len(shape) == 4 and shape[-1] == 1 and shape[0] > 1
            inputs = np.prod(shape[:2] if depthwise else shape[:3]) if len(shape) == 4 else 100
            values = rng.normal(0, np.sqrt(1.5 / inputs), shape).astype(np.float16)
        found[entry["name"]] = values
    return found


def write(folder, seed=0):
    """Writes ``movenet.json`` and ``movenet.bin``; returns the path of the former."""
    model = graph()
    for entry in model["weightsManifest"][0]["weights"]:
        entry.pop("value", None)
    model["weightsManifest"][0]["paths"] = ["movenet.bin"]
    content = b"".join(values.tobytes() for values in tensors(seed).values())
    (folder / "movenet.bin").write_bytes(content)
    (folder / "movenet.json").write_text(json.dumps(model))
    return folder / "movenet.json"
