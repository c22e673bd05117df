"""Peers in turn: what the table has, and a port for GPUs on this machine."""

import sys
import time

import numpy as np
import peers
import pytest

PORT = {
    "lib/__init__.py": "",
    "lib/nms/__init__.py": "",
    "lib/nms/pth_nms.py": "from lib.nms import _ext",  # which must be compiled
    "network/__init__.py": "",
    "network/posenet.py": """
import torch
from lib.nms.pth_nms import pth_nms

class poseNet(torch.nn.Module):
    def __init__(self, layers):
        super().__init__()
        self.layers = torch.tensor(float(layers)).cuda()

    def forward(self, x):
        images, name = x
        return images.sum(dim=(2, 3)) * self.layers, name
""",
}


def test_the_fastest_look_counts_and_the_median_of_the_ratios():
    def wait(seconds):
        time.sleep(seconds)

    rows = peers.measured({"one": wait, "other": lambda s: wait(3 * s)}, [(0.01,), (0.03,)], 2)
    assert [row[0] for row in rows] == ["one", "other"]
    assert float(rows[0][1]) == pytest.approx(20, rel=0.3) and rows[0][2] == "1.00"
    assert float(rows[1][2]) == pytest.approx(3, rel=0.3)


def test_the_port_runs_without_a_gpu_and_its_compiled_part(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    for name, text in PORT.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(torch.Tensor, "cuda", torch.Tensor.cuda)
    for name in ("lib", "lib.nms", "lib.nms.pth_nms", "network", "network.posenet"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # and afterwards again
    (run,) = peers.port(tmp_path).values()
    images = np.ones((1, 4, 6, 3), np.float32)
    sums, name = run(images)
    np.testing.assert_array_equal(sums.numpy(), [[1200, 1200, 1200]])
    assert name == "entire_net"
