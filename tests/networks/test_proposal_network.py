"""The proposal network: a Gaussian of an l1 distance, of two branches with weights of their own."""

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.networks.proposal_network import ProposalNetwork


@pytest.fixture(scope="module")
def network():
    return ProposalNetwork(size=8, channels=(4, 6), features=5)


def inputs(seed, count=6):
    rng = np.random.default_rng(seed)
    pose, box = rng.random((count, 8, 8, 3)), rng.random((count, 8, 8, 1))
    return {"pose": pose.astype("float32"), "box": box.astype("float32")}


def test_probability_is_the_formula(network):
    x = inputs(0)
    pose, box = (
        ops.convert_to_numpy(branch(x[name]))
        for name, branch in (("pose", network.pose), ("box", network.box))
    )
    distance = np.abs(pose - box).sum(axis=1)
    width = float(ops.convert_to_numpy(network.width))
    found = ops.convert_to_numpy(network(x))
    np.testing.assert_allclose(found, np.exp(-(distance**2) / (2 * width**2)), rtol=1e-5)
    assert found.shape == (6,) and (found > 0).all() and (found <= 1).all()
    assert len(np.unique(found)) == 6


def test_equal_features_are_certain(network):
    features = np.random.default_rng(1).normal(size=(4, 5)).astype("float32")
    energy = ops.convert_to_numpy(network.energy(features, features))
    np.testing.assert_array_equal(np.exp(-energy), 1)
    apart = ops.convert_to_numpy(network.energy(features, features + 0.1))
    assert (apart > 0).all()


def test_all_pairs_by_broadcasting(network):
    rng = np.random.default_rng(2)
    poses, boxes = (rng.normal(size=(n, 5)).astype("float32") for n in (3, 4))
    pairs = ops.convert_to_numpy(network.energy(poses[:, None], boxes[None]))
    for i in range(3):
        for j in range(4):
            one = network.energy(poses[i], boxes[j])
            assert pairs[i, j] == pytest.approx(float(ops.convert_to_numpy(one)), rel=1e-5)


def test_branches_share_no_weight(network):
    own = [{weight.path for weight in branch.weights} for branch in (network.pose, network.box)]
    assert not own[0] & own[1] and own[0] | own[1] < {weight.path for weight in network.weights}

    def count(depth):  # two convolutions of 3 x 3 and a dense layer on 2 x 2 cells
        return 9 * depth * 4 + 4 + 9 * 4 * 6 + 6 + 4 * 6 * 5 + 5

    assert network.count_params() == count(3) + count(1) + 1
    before, x = ops.convert_to_numpy(network(inputs(3))), inputs(3)
    x["pose"] = x["pose"][..., ::-1]  # other colours
    assert np.abs(ops.convert_to_numpy(network(x)) - before).max() > 1e-6


def test_neither_certain_nor_impossible_at_first():
    network = ProposalNetwork(size=32)
    found = ops.convert_to_numpy(network({k: v.repeat(4, 1).repeat(4, 2) for k, v in
                                          inputs(4).items()}))  # fmt: skip
    assert (found > 0.1).all() and (found < 0.999).all()


def test_saving(network, tmp_path):
    network.save_weights(tmp_path / "a.weights.h5")
    copy = ProposalNetwork.from_config(network.get_config())
    copy.load_weights(tmp_path / "a.weights.h5")
    np.testing.assert_allclose(
        ops.convert_to_numpy(copy(inputs(5))), ops.convert_to_numpy(network(inputs(5))), rtol=1e-6
    )
    saved = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(network))
    assert saved.get_config() == network.get_config()


def test_size_must_fit_the_convolutions():
    with pytest.raises(ValueError, match="size is 24; use a multiple of 16"):
        ProposalNetwork(size=24)
