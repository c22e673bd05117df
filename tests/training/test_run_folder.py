"""A run's folder: parts go from stage to stage, and the finished model runs by its file name."""

import json

import keras
import numpy as np
import pytest
from keras import ops

from multiposenet.errors import InputError, WeightsError
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.systems import estimator
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import run_folder
from multiposenet.training.registry import STAGES, of_system

SYSTEM = of_system("multiposenet")
PARTS = [part for stage in SYSTEM for part in stage.parts]


def save(model, run, stage):
    parts = [getattr(model, part) for part in STAGES[stage].parts]
    return run_folder.save_parts(run, stage, parts)


def arrays(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def test_the_stages_train_every_part_once():
    model = MultiPoseNet("nano")
    named = {id(getattr(model, part)) for part in PARTS}
    assert named == set(map(id, model.blocks.values())) and len(PARTS) == len(named)


def test_stages_build_up_a_model_that_can_be_loaded(tmp_path):
    keras.utils.set_random_seed(3)
    trained = run_folder.new_model(tmp_path, "nano", LSP_14)
    keras.utils.set_random_seed(4)
    later = run_folder.new_model(tmp_path, "nano", LSP_14)
    for stage in (stage.name for stage in SYSTEM):
        files = save(trained, tmp_path, stage)
        whole = tmp_path / "model.weights.h5"
        assert (whole in files) == whole.exists() == (stage == "prn")
        if stage != "prn":
            with pytest.raises(WeightsError, match="model.weights.h5: missing, not all stages"):
                estimator.load(tmp_path)
        run_folder.load_parts(later, tmp_path, stage)
        for part in STAGES[stage].parts:
            for found, wanted in zip(
                arrays(getattr(later, part)), arrays(getattr(trained, part)), strict=True
            ):
                np.testing.assert_array_equal(found, wanted)
    model = estimator.load(str(tmp_path)).model  # the folder's name is enough
    assert model.skeleton == LSP_14
    for found, wanted in zip(arrays(model), arrays(trained), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_finished_stage_is_not_overwritten(tmp_path):
    run_folder.refuse_finished(tmp_path, "prn")
    (tmp_path / "prn.weights.h5").touch()
    run_folder.refuse_finished(tmp_path, "person")
    with pytest.raises(InputError, match=r"prn\.weights\.h5: .*--resume"):
        run_folder.refuse_finished(tmp_path, "prn")


def test_another_model_is_refused(tmp_path):
    run_folder.new_model(tmp_path, "nano", COCO_17)
    run_folder.new_model(tmp_path, "nano", COCO_17)
    with pytest.raises(WeightsError, match="skeleton: the run's other stages have coco_17.*lsp"):
        run_folder.new_model(tmp_path, "nano", LSP_14)
    described = json.loads((tmp_path / "model.json").read_text())
    described["architecture"]["backbone"] = "resnet50"
    (tmp_path / "model.json").write_text(json.dumps(described))
    with pytest.raises(WeightsError, match="model.json: sha256: "):
        run_folder.new_model(tmp_path, "nano", COCO_17)
    (tmp_path / "model.json.sha256").unlink()  # it was changed on purpose
    with pytest.raises(WeightsError, match="backbone: the run's other stages have resnet50"):
        run_folder.new_model(tmp_path, "nano", COCO_17)
    (tmp_path / "model.json").write_text("{")
    with pytest.raises(WeightsError, match="model.json: file: damaged"):
        run_folder.new_model(tmp_path, "nano", COCO_17)


def test_missing_and_damaged_parts(tmp_path):
    with pytest.raises(WeightsError, match="model.json: file: missing"):
        run_folder.load_model(tmp_path)
    model = run_folder.new_model(tmp_path, "nano", COCO_17)
    with pytest.raises(WeightsError, match="train keypoints` first"):
        run_folder.load_parts(model, tmp_path, "keypoints", "prn")


@pytest.mark.parametrize("content", [b"not HDF5", None])
def test_damaged_part(tmp_path, content):
    """Not a weight file, or that of another part."""
    model = run_folder.new_model(tmp_path, "nano", COCO_17)
    if content is None:
        model.person_subnet.save_weights(tmp_path / "other.weights.h5")
        content = (tmp_path / "other.weights.h5").read_bytes()
    (tmp_path / "prn.weights.h5").write_bytes(content)
    with pytest.raises(WeightsError, match=r"prn\.weights\.h5: .*train prn` again") as error:
        run_folder.load_parts(model, tmp_path, "prn")
    assert "\n" not in str(error.value)


def test_later_stages_concatenate_as_the_first_one(tmp_path):
    first = run_folder.new_model(tmp_path, "nano", COCO_17, concatenated=False)
    assert first.keypoint_subnet.get_layer("merged_conv").input.shape[-1] == 48  # D2's alone
    assert not run_folder.new_model(tmp_path, "nano", COCO_17).architecture.concatenated
    with pytest.raises(WeightsError, match="architecture: the run's other stages have"):
        run_folder.new_model(tmp_path, "nano", COCO_17, concatenated=True)
