"""Makes stacked_hourglass.npz: what the network of pytorch_stacked_hourglass itself computes.

    python -m venv /tmp/hourglass && . /tmp/hourglass/bin/activate
    pip install torch numpy
    git clone https://github.com/princeton-vl/pytorch_stacked_hourglass /tmp/princeton
    git -C /tmp/princeton checkout ceedc14b9b8814ba641f4a00baa5d0af153588a9
    PYTHONPATH=/tmp/princeton python tests/reference/make_stacked_hourglass.py

Its weights are drawn by `seeded`, so that only their names and shapes need to be kept.
"""

import json
from pathlib import Path

import numpy as np
import seeded
import torch
from models.posenet import PoseNet

FILE = Path(__file__).with_name("stacked_hourglass.npz")


def main():
    network = PoseNet(nstack=2, inp_dim=256, oup_dim=16).eval()
    shapes = {name: list(value.shape) for name, value in network.state_dict().items()}
    drawn = {
        name: torch.from_numpy(seeded.array(name, shape))
        for name, shape in shapes.items()
        if not name.endswith("num_batches_tracked")
    }
    network.load_state_dict(drawn, strict=False)
    image = seeded.photo(7, 64, 128)
    with torch.no_grad():
        maps = network(torch.from_numpy(image.astype("float32") / 255)).numpy()
    np.savez_compressed(
        FILE, shapes=np.array(json.dumps(shapes)), maps=maps.astype("float32"), image_seed=7
    )


main()
