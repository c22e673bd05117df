"""Graphs of OpenVINO: mended and narrowed ones give what the whole ones give."""

import numpy as np
import pytest

from multiposenet.runtimes import exported, openvino_graph

openvino = pytest.importorskip("openvino", reason="pip install multiposenet[openvino]")
IMAGES = np.random.default_rng(0).uniform(size=(2, 4, 6, 3)).astype("float32")


@pytest.fixture
def path(tmp_path):
    """Of a file from images to their pixels, turned and turned back, and to the brightest ones."""
    from openvino import opset11 as ops

    images = ops.parameter([-1, -1, -1, 3], np.float32, name="images")
    images.output(0).set_names({"images"})
    first = ops.transpose(images, [0, 3, 1, 2])
    outputs = {
        "there and back": ops.transpose(first, [0, 2, 3, 1]),
        "there and on": ops.transpose(first, [0, 2, 1, 3]),
        "brightest": ops.topk(
            ops.reshape(images, [0, -1], True), np.int64(5), 1, "max", "value", stable=True
        ),
    }
    results = []
    for name, node in outputs.items():
        node.output(0).set_names({name})
        results.append(ops.result(node.output(0)))
    path = tmp_path / "model.xml"
    openvino.save_model(openvino.Model(results, [images], "model"), path, compress_to_fp16=False)
    return path


def expected(images):
    return {
        "there and back": images,
        "there and on": images.transpose(0, 1, 3, 2),
        "brightest": -np.sort(-images.reshape(len(images), -1), axis=1)[:, :5],
    }


def test_mended(path):
    def count(kind):
        model = openvino.Core().read_model(path, config={"ENABLE_MMAP": False})
        return [node for node in model.get_ops() if node.get_type_name() == kind]

    assert len(count("Transpose")) == 3
    openvino_graph.mend(path)
    assert len(count("Transpose")) == 2  # the one that is no inverse stays, with the one before it
    assert not count("TopK")[0].get_attributes()["stable"]
    found = exported.open_function(path, "openvino")(IMAGES)
    for name, values in expected(IMAGES).items():
        np.testing.assert_array_equal(found[name], values)


def test_narrowed(path):
    model = openvino.Core().read_model(path)
    narrow = openvino_graph.narrowed(model, ("brightest",), (2, 4, 6, 3))
    assert [output.any_name for output in narrow.outputs] == ["brightest"]
    assert list(narrow.input(0).shape) == [2, 4, 6, 3]
    assert len(model.outputs) == 3 and model.input(0).partial_shape.is_dynamic


@pytest.mark.parametrize("many", [False, True])
def test_the_runtime_takes_any_shape_in_any_order(path, many):
    run = exported.open_function(path, "openvino")
    for shape in [(2, 4, 6, 3), (1, 5, 2, 3), (2, 4, 6, 3), (1, 3, 3, 3)]:
        images = np.random.default_rng(sum(shape)).uniform(size=shape).astype("float32")
        values = expected(images)
        for names in (None, ("brightest",), ("there and on", "brightest")):
            found = run(images, names, many)
            assert set(found) == set(names or values)
            for name in found:
                np.testing.assert_array_equal(found[name], values[name])


def test_openvino_is_told_which_tensorflow_there_is():
    """On every Python: by itself it finds that out in a way that ends with 3.12."""
    tensorflow = pytest.importorskip("tensorflow")
    utils = pytest.importorskip("openvino.frontend.tensorflow.utils")
    ask = utils.get_environment_setup
    with openvino_graph.convertible():
        assert utils.get_environment_setup("tf")["tensorflow"] == tensorflow.__version__
    assert utils.get_environment_setup is ask
