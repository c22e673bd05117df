"""convert-weights: a published checkpoint becomes a folder that RMPE runs."""

import json

import numpy as np
import pytest
from command_line import assert_one_line


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """A checkpoint of one narrow stack; what its layers hold is another test's."""
    torch = pytest.importorskip("torch")
    from multiposenet.networks.public_weights import hourglass_weights

    path, loaded = tmp_path / "a.pt", []
    kernel = torch.from_numpy(np.ones((16, 8, 1, 1), np.float32))
    torch.save({"state_dict": {"module.outs.0.conv.weight": kernel}}, path)
    monkeypatch.setattr(hourglass_weights, "load", lambda *arguments: loaded.append(arguments))
    return path, loaded


def test_it_makes_a_folder_for_rmpe(multiposenet, tmp_path, checkpoint):
    path, loaded = checkpoint
    out = tmp_path / "published"
    arguments = ("convert-weights", "hourglass", path, "--out", out)
    status, text, errors = multiposenet(*arguments, "--json", "-")
    assert (status, errors, json.loads(text)["stacks"]) == (0, [], 1)
    ((_, arrays, model),) = loaded
    assert list(arrays) == ["outs.0.conv.weight"]
    assert model.output["heatmaps"].shape == (None, 64, 64, 16)
    from multiposenet.systems import sppe_files

    network, skeleton, _ = sppe_files.load_network(out)
    assert skeleton.name == "mpii_16" and network.input.shape[1:] == (256, 256, 3)
    for weight, wanted in zip(network.weights, model.weights, strict=True):
        np.testing.assert_array_equal(weight.numpy(), wanted.numpy())
    status, _, errors = multiposenet(*arguments)
    assert status == 2
    assert_one_line(errors, "published: --out: is there; name a new folder")


def test_other_keypoints(multiposenet, tmp_path, checkpoint):
    out = ["--out", tmp_path / "o", "--skeleton", "coco_17"]
    status, _, errors = multiposenet("convert-weights", "hourglass", checkpoint[0], *out)
    assert status == 2 and not (tmp_path / "o").exists()
    assert_one_line(errors, "a.pt: keypoints: 16, coco_17 has 17; give another --skeleton")


def test_a_published_file_by_its_name(multiposenet, tmp_path, server, monkeypatch):
    """Downloaded once, with what is not known of it told; then converted like any other."""
    from multiposenet import zoo
    from multiposenet.commands import convert_weights

    contents, made = [], ([], {"stacks": 2, "parameters": 7})

    def convert(path, skeleton, folder):
        contents.append(path.read_bytes())
        return made

    monkeypatch.setattr(convert_weights, "_hourglass", convert)
    monkeypatch.setenv("MULTIPOSENET_CACHE", str(tmp_path / "cache"))
    entry = {**zoo.entry("hourglass-2", "published"), "url": server.url}
    monkeypatch.setitem(zoo._manifest()["published"], "hourglass-2", entry)
    arguments = ("convert-weights", "hourglass", "hourglass-2", "--out", tmp_path / "out")
    status, _, errors = multiposenet(*arguments)
    assert status == 0
    assert_one_line(errors, "note: hourglass-2: sha256: ", "is what", "pytorch_stacked_hourglass")
    assert multiposenet(*arguments)[::2] == (0, [])
    assert len(server.asked) == 1 and contents == [server.body] * 2
