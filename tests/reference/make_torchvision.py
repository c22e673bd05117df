"""Makes torchvision_detectors.npz: what torchvision's detectors themselves compute.

    python -m venv /tmp/torchvision && . /tmp/torchvision/bin/activate
    pip install torch torchvision==0.28.0 numpy
    python tests/reference/make_torchvision.py

Their weights are drawn by `seeded.detector_array`, so that only their names and shapes need to be
kept, and of large results every so manieth value. The epsilon is 0, as with the weights that
torchvision has published of them.
"""

import json
from pathlib import Path

import numpy as np
import seeded
import torch

FILE = Path(__file__).with_name("torchvision_detectors.npz")
SEED, SIZE = 11, (96, 128)  # P5 is 3 x 4: an odd and an even side in front of P6
EVERY = {"C2": 499, "C3": 251, "C4": 127, "C5": 61, "K2": 499, "K3": 127, "K4": 31, "K5": 7}
EVERY |= {"P3": 127, "P4": 31, "P5": 7, "P6": 3, "P7": 1}


def torchvision_detection():
    """The module, also where PyTorch is for CPUs alone and PyPI's torchvision for CUDA.

    Its compiled operators, of which none is used here, are then not there, and the declarations of
    some are missed.
    """
    try:
        from torchvision.models import detection
    except RuntimeError:  # operator torchvision::nms does not exist
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", schema)
        from torchvision.models import detection
    return detection


def drawn(network):
    """The network with its weights, and their shapes by name."""
    shapes = {
        name: list(value.shape)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    parts = ("backbone.", "head.")  # of the others nothing is used
    values = {
        name: torch.from_numpy(seeded.detector_array(name, shape))
        for name, shape in shapes.items()
        if name.startswith(parts)
    }
    network.load_state_dict(values, strict=False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eps = 0.0
    return network.eval(), shapes


def sparse(prefix, levels):
    for level, values in levels.items():
        flat = values[0].permute(1, 2, 0).numpy().reshape(-1)
        yield f"{prefix}_{level}", flat[:: EVERY[level]]


def results(network, name):
    image = torch.from_numpy(seeded.photo(SEED, *SIZE)[0]).permute(2, 0, 1).float() / 255
    images = network.transform.normalize(image)[None]
    levels = network.backbone.body(images)
    first = 3 if name == "retinanet" else 2
    yield from sparse(name, {f"C{first + i}": value for i, value in enumerate(levels.values())})
    levels = list(network.backbone(images).values())
    letter = "P" if name == "retinanet" else "K"
    kept = levels if name == "retinanet" else levels[:4]
    yield from sparse(name, {f"{letter}{first + i}": value for i, value in enumerate(kept)})
    if name == "retinanet":
        yield from detections(network, images, levels)


def detections(network, images, levels):
    from torchvision.models.detection.image_list import ImageList
    from torchvision.ops import boxes as box_ops

    outputs = network.head(levels)
    (anchors,) = network.anchor_generator(ImageList(images, [SIZE]), levels)
    deltas = outputs["bbox_regression"][0]
    boxes = network.box_coder.decode_single(deltas, anchors)
    yield "retinanet_logits", outputs["cls_logits"][0, :, 1].numpy()
    yield "retinanet_logits_of_17", outputs["cls_logits"][0, ::7, 17].numpy()
    yield "retinanet_deltas", deltas.numpy()[::3]
    yield "retinanet_anchors", anchors.numpy()[::3]
    yield "retinanet_boxes", box_ops.clip_boxes_to_image(boxes, SIZE).numpy()[::3]


def main():
    detection = torchvision_detection()
    made = {"retinanet": detection.retinanet_resnet50_fpn}
    made["keypointrcnn"] = detection.keypointrcnn_resnet50_fpn
    arrays = {}
    for name, make in made.items():
        network, shapes = drawn(make(weights=None, weights_backbone=None))
        arrays[f"{name}_shapes"] = np.array(json.dumps(shapes))
        with torch.no_grad():
            arrays |= dict(results(network, name))
    every = np.array(json.dumps(EVERY))
    np.savez_compressed(FILE, seed=SEED, size=SIZE, every=every, **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size / 1e3:.0f} kB")


main()
