"""Files of ONNX hold nothing twice, and compute what Keras computes."""

import importlib.util

import keras
import numpy as np
import pytest

from multiposenet.runtimes import export, exported, onnx_graph

pytestmark = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in exported.PACKAGES["onnx"]),
    reason="pip install multiposenet[onnx]",
)


def test_few_optimizers_each_once(tmp_path, monkeypatch):
    import onnx
    from tf2onnx import optimizer

    applied, whole = [], optimizer.optimize_graph
    for name, each in optimizer._get_optimizers().items():

        def counted(self, *arguments, name=name, optimize=each.optimize):
            applied.append(name)
            return optimize(self, *arguments)

        monkeypatch.setattr(each, "optimize", counted)
    inputs = keras.Input((None, None, 3))
    # The same bias of two convolutions is one constant of the file.
    branches = [keras.layers.Conv2D(4, 3, bias_initializer="ones")(inputs) for _ in range(2)]
    model = keras.Model(inputs, {"sum": keras.layers.Add()(branches)})
    export.write(model, tmp_path / "a.onnx", "onnx")
    assert applied == list(onnx_graph.OPTIMIZERS) and optimizer.optimize_graph is whole
    graph = onnx.load(tmp_path / "a.onnx").graph
    constants = [each.SerializeToString() for each in _nameless(graph.initializer)]
    assert len(constants) == len(set(constants))
    images = np.random.default_rng(0).uniform(size=(2, 6, 8, 3)).astype("float32")
    found = exported.open_function(tmp_path / "a.onnx", "onnx")(images)
    np.testing.assert_allclose(found["sum"], model(images)["sum"], atol=1e-5)


def _nameless(constants):
    for each in constants:
        each.name = ""
        yield each
