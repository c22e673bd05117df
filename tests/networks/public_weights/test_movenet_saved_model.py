"""The SavedModel of a MoveNet, beside the TensorFlow.js files of the same network.

Names and order of the variables are those of Google's ``singlepose-lightning``, version 4.
"""

import shutil

import keras
import numpy as np
import pytest
import random_movenet
import tensorflow as tf
from keras import ops

from multiposenet.errors import WeightsError
from multiposenet.networks import backbones
from multiposenet.networks.public_weights import movenet_saved_model, movenet_weights, tfjs_weights
from multiposenet.systems.multiposenet import MultiPoseNet

EPSILON = 0.002
HEAD = "human_pose/keypoint/heatmap"

pytestmark = pytest.mark.one_backend


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The convolutions that TensorFlow.js' files have, by the names of the layers."""
    path = random_movenet.write(tmp_path_factory.mktemp("tfjs"))
    found = tfjs_weights.read_convolutions(path)
    return {movenet_weights._short(name): values for name, values in found.items()}


def unfolded(kernel, bias, depthwise=False, inner_bias=None):
    """Kernel, trained and averaged variables, which folded give a convolution.

    Returns:
        ``(kernel, gamma, beta, mean, variance)``.
    """
    rng = np.random.default_rng(len(bias))
    gamma, variance, mean = (rng.uniform(0.5, 2, bias.shape) for _ in range(3))
    scale = gamma / np.sqrt(variance + EPSILON)
    inner = 0 if inner_bias is None else inner_bias
    beta = bias - (inner - mean) * scale
    return kernel / (scale[:, None] if depthwise else scale), gamma, beta, mean, variance


def variables(expected, backbone):
    """All variables of the feature extractor in their order, and whether each is trained."""
    made = []

    def add(*values, trained=True):
        made.extend((np.float32(value), trained) for value in values)

    def normalized(kernel, bias, depthwise=False, inner=None):
        kernel, gamma, beta, mean, variance = unfolded(kernel, bias, depthwise, inner)
        add(kernel, *(() if inner is None else (inner,)), gamma, beta)
        add(mean, variance, trained=False)

    for layer in backbone.layers:
        if layer.weights:
            kind = "depthwise" if "depthwise" in layer.name else "kernel"
            normalized(*expected[f"{layer.name}/{kind}"], kind == "depthwise")
    for level, name in enumerate(("conv2d", "conv2d_1", "conv2d_2", "conv2d_3")):
        add(*expected[f"{name}/kernel"])
        if level:
            name = "separable_conv2d" + (f"_{level - 1}" if level > 1 else "")
            add(expected[f"{name}/depthwise"][0])
            kernel, bias = expected[f"{name}/kernel"]
            normalized(kernel, bias, inner=np.linspace(-1, 1, len(bias)))
    return made


def save(folder, made, heads, epsilons=(EPSILON,)):
    """Writes the SavedModel.

    Its function is the first convolution with its normalization; nothing without epsilons.
    """
    made = [(tf.Variable(value), trained) for value, trained in made]
    extractor = tf.train.Checkpoint(
        trainable_variables=[variable for variable, trained in made if trained],
        variables=[variable for variable, _ in made],
    )
    dictionary = {
        name: [
            tf.train.Checkpoint(
                **{
                    f"layer_with_weights-{index}": tf.train.Checkpoint(
                        **{name: tf.Variable(value) for name, value in layer.items()}
                    )
                    for index, layer in enumerate(layers)
                }
            )
        ]
        for name, layers in heads.items()
    }
    root = tf.Module()
    root._model = tf.train.Checkpoint(
        _feature_extractor=extractor, _prediction_head_dict=tf.train.Checkpoint(**dictionary)
    )
    kernel, gamma, beta, mean, variance = (variable for variable, _ in made[:5])

    @tf.function(input_signature=[tf.TensorSpec((1, 32, 32, 3))])
    def first(images):
        x = tf.nn.conv2d(images, kernel, 2, "SAME") if epsilons else images
        for epsilon in epsilons:
            x, *_ = tf.compat.v1.nn.fused_batch_norm(
                x, gamma, beta, mean, variance, epsilon=epsilon, is_training=False
            )
        return x

    root.first = first
    tf.saved_model.save(root, str(folder))
    return first


@pytest.fixture(scope="module")
def heads(expected):
    depthwise, kernel, last = (
        expected[f"kpt_heatmap_0/{name}"]
        for name in ("separable_conv2d/depthwise", "separable_conv2d/kernel", "conv2d/kernel")
    )
    hidden = {"depthwise_kernel": depthwise[0], "pointwise_kernel": kernel[0], "bias": kernel[1]}
    return {HEAD: [hidden, {"kernel": last[0], "bias": last[1]}]}


@pytest.fixture(scope="module")
def saved(expected, heads, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved") / "model"
    backbone = backbones.build("movenet_multipose")
    return folder, save(folder, variables(expected, backbone), heads), backbone


def test_the_variables_have_the_names_of_the_released_checkpoint(saved):
    """As listed in the index of ``singlepose-lightning``: 179 trained, 110 averages, five heads."""
    found = dict(tf.train.list_variables(str(saved[0] / "variables/variables")))
    names = [name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name in found]
    extractor = [name for name in names if "_feature_extractor/" in name and "counter" not in name]
    assert sum("/trainable_variables/" in name for name in extractor) == 179
    assert len(extractor) == 289
    assert "_model/_feature_extractor/variables/288" in extractor  # a variance of the last level
    head = "_model/_prediction_head_dict/human_pose.Skeypoint.Sheatmap/0/layer_with_weights-"
    assert {f"{head}0/depthwise_kernel", f"{head}0/bias", f"{head}1/kernel"} < set(names)


def test_folded_it_is_what_tensorflow_js_has(saved, expected):
    folder, _, backbone = saved
    found = movenet_saved_model.read_convolutions(folder, backbone)
    assert len(found) == 65
    for name, (kernel, bias) in found.items():
        np.testing.assert_allclose(kernel, expected[name][0], rtol=1e-5, atol=1e-7, err_msg=name)
        if bias is None:
            assert name.endswith("/depthwise") and expected[name][1] is None
        else:
            np.testing.assert_allclose(bias, expected[name][1], atol=1e-5, err_msg=name)


def test_the_first_layer_computes_what_the_graph_does(saved):
    folder, first, _ = saved
    model = MultiPoseNet("movenet_multipose", weights=str(folder))
    images = np.random.default_rng(0).normal(size=(1, 32, 32, 3)).astype("float32")
    own = ops.convert_to_numpy(model.backbone.get_layer("Conv1")(images))
    np.testing.assert_allclose(own, first(images).numpy(), atol=1e-4)


def test_it_is_known_by_its_folder(saved, tmp_path):
    folder, _, _ = saved
    assert movenet_weights.is_movenet(str(folder)) and movenet_weights.is_movenet(folder)
    for other in (str(tmp_path), "a" * 300, "a\0b", None):
        assert not movenet_weights.is_movenet(other)


def test_another_width(saved):
    with pytest.raises(WeightsError, match="are not those of movenet_thunder"):
        MultiPoseNet("movenet_thunder", weights=str(saved[0]))


def test_a_saved_model_of_another_kind(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    tf.saved_model.save(model, str(tmp_path / "other"))
    with pytest.raises(WeightsError, match=r"saved_model.pb: epsilon: 0 values"):
        MultiPoseNet("movenet_multipose", weights=str(tmp_path / "other"))


def test_other_variables(saved, expected, heads, tmp_path):
    _, _, backbone = saved
    made = variables(expected, backbone)
    broken = [(made[0][0] * np.nan, True), *made[1:]]
    cases = (
        ("more", [*made, (np.zeros(3, "f"), True)], heads, (EPSILON,), "are more than the 289"),
        ("fewer", made[:-7], heads, (EPSILON,), "trainable_variables/174: is missing"),
        ("nan", broken, heads, (EPSILON,), "trainable_variables/0: is not finite"),
        ("order", [*made[5:10], *made[:5], *made[10:]], heads, (EPSILON,), "another order|not tho"),
        ("heads", made, {"center": heads[HEAD]}, (EPSILON,), "have 0 heatmap heads"),
        ("epsilons", made, heads, (EPSILON, 0.01), "epsilon: 2 values"),
    )
    for name, values, head, epsilons, message in cases:
        folder = tmp_path / name
        if name == "order":  # the graph's function needs its own first layer
            save(folder, values, head, ())
            shutil.copy(saved[0] / "saved_model.pb", folder)
        else:
            save(folder, values, head, epsilons)
        with pytest.raises(WeightsError, match=message):
            MultiPoseNet("movenet_multipose", weights=str(folder))


def test_damaged_files(saved, tmp_path):
    def copied(name):
        shutil.copytree(saved[0], tmp_path / name)
        return tmp_path / name

    folder = copied("graph")
    (folder / "saved_model.pb").write_bytes(b"\xff" * 100)
    with pytest.raises(WeightsError, match=r"saved_model.pb: file: cannot be read"):
        MultiPoseNet("movenet_multipose", weights=str(folder))
    folder = copied("index")
    (folder / "variables" / "variables.index").unlink()
    with pytest.raises(WeightsError, match="variables: cannot be read"):
        MultiPoseNet("movenet_multipose", weights=str(folder))
    folder = copied("data")
    data = next((folder / "variables").glob("*.data*"))
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read; give the folder"):
        MultiPoseNet("movenet_multipose", weights=str(folder))
