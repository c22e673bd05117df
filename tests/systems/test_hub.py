"""Models of the Hugging Face Hub, which a folder on the disk stands for here."""

import sys
import types

import keras
import pytest
from keras.src.saving import saving_lib
from one_line import assert_one_line

import multiposenet
from multiposenet.errors import InputError, WeightsError
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet

SMALL = Architecture(
    pyramid_channels=8, keypoint_channels=4, head_channels=8, person_depth=1, prn_nodes=4,
    prn_stride=4,
)  # fmt: skip


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """`huggingface_hub` as Keras uses it: a name to the folder of that name, or an error."""
    module = types.ModuleType("huggingface_hub")

    def snapshot_download(repo_id, **about):
        folder = tmp_path / repo_id
        if not folder.is_dir():
            raise OSError(f"404 Client Error.\nRepository Not Found: {repo_id}")
        return str(folder)

    module.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", module)
    monkeypatch.setattr(saving_lib, "huggingface_hub", module)
    return tmp_path


def test_a_model_of_the_hub(hub):
    model = MultiPoseNet("nano", architecture=SMALL)
    (hub / "someone").mkdir()
    keras.saving.save_model(model, hub / "someone" / "poses", zipped=False)
    pose = multiposenet.load("hf://someone/poses", score=0.4, batch_size=2)
    assert pose.skeleton == model.skeleton and (pose.score, pose.batch_size) == (0.4, 2)
    for ours, theirs in zip(pose.model.weights, model.weights, strict=True):
        assert (keras.ops.convert_to_numpy(ours) == keras.ops.convert_to_numpy(theirs)).all()
    with pytest.raises(InputError) as error:
        multiposenet.load("hf://someone/poses", runtime="onnx")
    assert_one_line(error, "hf://someone/poses: runtime: models of the hub run in Keras, not onnx")


def test_what_is_no_model_of_this_package(hub):
    (hub / "someone").mkdir()
    images = keras.Input((4,))
    other = keras.Model(images, keras.layers.Dense(1)(images))
    keras.saving.save_model(other, hub / "someone" / "other", zipped=False)
    for name, told in (
        ("hf://someone/other", "model: has no skeleton"),
        ("hf://someone/missing", "file: cannot be loaded (404 Client Error)"),
    ):
        with pytest.raises(WeightsError) as error:
            multiposenet.load(name)
        assert_one_line(error, f"{name}: {told}")


@pytest.mark.parametrize("name", ["hf://poses", "hf://a/b/c", "hf://", "hf://a/b?c", "hf://../x y"])
def test_names_of_no_repository(hub, name):
    with pytest.raises(InputError, match="write hf://OWNER/NAME"):
        multiposenet.load(name)


def test_without_the_package_that_knows_the_hub(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(InputError) as error:
        multiposenet.load("hf://someone/poses")
    assert_one_line(error, "huggingface_hub is not installed; pip install 'multiposenet[hub]'")
