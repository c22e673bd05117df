"""Weights of pytorch_stacked_hourglass: the converted network computes what the original does."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from multiposenet.errors import WeightsError
from multiposenet.networks.hourglass import hourglass
from multiposenet.networks.public_weights import hourglass_weights, torch_files

REFERENCE = Path(__file__).parents[2] / "reference"
pytestmark = [pytest.mark.usefixtures("eagerly"), pytest.mark.not_on_jax]


@pytest.fixture(scope="module")
def original():
    """Names and weights, drawn as the reference drew them, the photo and the maps it gave."""
    import sys

    sys.path.insert(0, str(REFERENCE))
    try:
        import seeded
    finally:
        sys.path.remove(str(REFERENCE))
    with np.load(REFERENCE / "stacked_hourglass.npz") as file:
        shapes, maps = json.loads(str(file["shapes"])), file["maps"]
        image = seeded.photo(int(file["image_seed"]), 64, 128)
    arrays = {name: seeded.array(name, shape) for name, shape in shapes.items() if shape}
    return arrays, image, maps


@pytest.fixture(scope="module")
def model():
    return hourglass(16, image_size=(64, 128), stacks=2, stem="torch")


def test_it_computes_what_the_original_does(original, model):
    arrays, image, maps = original
    assert hourglass_weights.sizes("a.pt", arrays) == (2, 16, 256)
    hourglass_weights.load("a.pt", arrays, model)
    found = model(image.astype("float32"))
    scale = np.abs(maps).max()
    for stack, name in enumerate(("stack1", "heatmaps")):
        wanted = maps[0, stack].transpose(1, 2, 0)
        answer = ops.convert_to_numpy(found[name])[0]
        np.testing.assert_allclose(answer / scale, wanted / scale, rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda a: a.pop("hgs.1.0.low2.low1.bn2.running_mean"), "running_mean: missing"),
        (lambda a: a.update({"more.weight": np.zeros(3)}), "more.weight: the network has no such"),
        (lambda a: a.update({"pre.0.conv.weight": np.zeros((64, 3, 5, 5))}), "shape (5, 5, 3, 64)"),
    ],
)
def test_what_does_not_fit_changes_nothing(original, model, change, told):
    arrays = dict(original[0])
    change(arrays)
    before = [ops.convert_to_numpy(weight) for weight in model.weights[:4]]
    with pytest.raises(WeightsError) as caught:
        hourglass_weights.load("a.pt", arrays, model)
    assert told in str(caught.value)
    for found, wanted in zip(model.weights[:4], before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(found), wanted)


def test_another_network():
    with pytest.raises(WeightsError, match=r"outs.0.conv.weight: missing"):
        hourglass_weights.sizes("a.pt", {"fc.weight": np.zeros((3, 3))})


class Bomb:
    def __reduce__(self):
        return print, ("boom",)


@pytest.mark.one_backend
def test_files_of_pytorch(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    path = tmp_path / "a.pt"
    weights = {"model.module.outs.0.conv.weight": torch.ones(2, 3)}
    torch.save({"state_dict": weights, "epoch": 3}, path)
    (only,) = torch_files.read(path).items()
    assert only[0] == "outs.0.conv.weight" and only[1].tolist() == [[1.0] * 3] * 2
    for content in (pickle.dumps(Bomb()), b"", b"PK\3\4" + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match="a.pt: file: no checkpoint of tensors alone"):
            torch_files.read(path)
    torch.save({"state_dict": {"a": Bomb()}}, path)
    with pytest.raises(WeightsError):
        torch_files.read(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(WeightsError, match="holds no weights"):
        torch_files.read(path)
    with pytest.raises(WeightsError, match="no such file"):
        torch_files.read(tmp_path / "none.pt")
    assert "boom" not in capsys.readouterr().out
