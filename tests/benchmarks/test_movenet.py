"""The peer of our models: its graph, and the way from its result back to the photo."""

import base64
import json
import types

import movenet
import movenet_graph
import numpy as np
import pytest
import tensorflow as tf

SIDES = [{"size": side} for side in ("1", "-1", "-1", "3")]
TYPE = {"T": {"type": "DT_FLOAT"}}


def _convolution(name, operation, inputs, *fused):
    text = [base64.b64encode(part.encode()).decode() for part in fused]
    attributes = {
        **TYPE,
        "strides": {"list": {"i": ["1", "1", "1", "1"]}},
        "padding": {"s": base64.b64encode(b"SAME").decode()},
        "fused_ops": {"list": {"s": text}},
        "num_args": {"i": "1"},
        "epsilon": {"f": 0},
    }
    return {"name": name, "op": operation, "input": inputs, "attr": attributes}


@pytest.fixture
def released(tmp_path):
    """A graph model of a depthwise and an ordinary convolution, in the released form."""
    rng = np.random.default_rng(0)
    weights = {
        "depth": rng.normal(0, 0.1, (3, 3, 3, 1)),
        "depth_bias": rng.normal(0, 1, 3),
        "mix": rng.normal(0, 1, (1, 1, 3, 2)),
        "mix_bias": rng.normal(0, 1, 2),
    }
    weights = {name: values.astype(np.float16) for name, values in weights.items()}
    nodes = [
        {
            "name": "input",
            "op": "Placeholder",
            "attr": {"dtype": {"type": "DT_INT32"}, "shape": {"shape": {"dim": SIDES}}},
        },
        *({"name": name, "op": "Const"} for name in weights),
        {
            "name": "float",
            "op": "Cast",
            "input": ["input"],
            "attr": {"SrcT": {"type": "DT_INT32"}, "DstT": {"type": "DT_FLOAT"}},
        },
        _convolution(
            "first",
            "FusedDepthwiseConv2dNative",
            ["float", "depth", "depth_bias"],
            "BiasAdd",
            "Relu6",
        ),
        _convolution("second", "_FusedConv2D", ["first", "mix", "mix_bias"], "BiasAdd"),
        {"name": "Identity", "op": "Identity", "input": ["second"], "attr": TYPE},
    ]
    entries = [
        {
            "name": name,
            "shape": list(values.shape),
            "dtype": "float32",
            "quantization": {"dtype": "float16"},
        }
        for name, values in weights.items()
    ]
    (tmp_path / "model.bin").write_bytes(b"".join(v.tobytes() for v in weights.values()))
    content = {
        "modelTopology": {"node": nodes},
        "weightsManifest": [{"paths": ["model.bin"], "weights": entries}],
    }
    (tmp_path / "model.json").write_text(json.dumps(content))
    return tmp_path / "model.json", weights


@pytest.mark.parametrize("runtime", ["tensorflow", "openvino"])
def test_fused_convolutions_are_what_they_are_made_of(released, runtime):
    path, weights = released
    images = np.random.default_rng(1).integers(0, 256, (1, 8, 12, 3))
    run = getattr(movenet_graph, f"{runtime}_function")(movenet_graph.read_graph(path))
    kernels = {name: values.astype(np.float32) for name, values in weights.items()}
    depth = tf.nn.depthwise_conv2d(images.astype("f4"), kernels["depth"], [1] * 4, "SAME")
    depth = tf.nn.relu6(depth + kernels["depth_bias"])
    expected = tf.nn.conv2d(depth, kernels["mix"], 1, "SAME") + kernels["mix_bias"]
    np.testing.assert_allclose(run(images), expected, rtol=1e-4, atol=1e-4)


def _network(result):
    """Always the same answer, and the images it was asked about."""
    seen = []

    def run(images):
        seen.append(images)
        return result

    return run, seen


def test_persons_of_a_whole_photo_come_back_to_it():
    """Keypoints in the middle of the canvas, which the photo fills but for the padding below."""
    person = np.zeros((1, 6, 56), np.float32)
    person[0, 0, :51] = np.tile([0.5, 0.25, 0.9], 17)  # y, x, score
    person[0, 0, 55] = 0.8
    run, seen = _network(person)
    photo = np.zeros((100, 200, 3), np.uint8)
    found = list(movenet.whole_photos(run, 64)(photo, None))
    assert seen[0].shape == (1, 32, 64, 3)
    assert len(found) == 1 and found[0][2] == pytest.approx(0.8)
    np.testing.assert_allclose(found[0][0], np.tile([50.0, 50.0], (17, 1)), rtol=1e-6)
    np.testing.assert_allclose(found[0][1], 0.9, rtol=1e-6)


def test_a_person_in_a_box_comes_back_to_the_photo():
    run, seen = _network(np.tile(np.float32([0.5, 0.75, 0.6]), 17).reshape(1, 1, 17, 3))
    record = types.SimpleNamespace(boxes=np.array([[40.0, 20.0, 60.0, 60.0]]))
    photo = np.zeros((100, 200, 3), np.uint8)
    find = movenet.person_crops(run, movenet.boxes_of(movenet.ANNOTATED))
    ((places, scores, score),) = find(photo, record)
    assert seen[0].shape == (1, 256, 256, 3)
    # The square around the box is 40 x 1.25 = 50 pixels wide, about (50, 40).
    np.testing.assert_allclose(places, np.tile([50 + 0.25 * 50, 40.0], (17, 1)), rtol=1e-5)
    assert score == pytest.approx(0.6) and scores.shape == (17,)
