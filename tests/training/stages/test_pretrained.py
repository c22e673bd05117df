"""What a stage begins with: a model of the zoo, another run, a snapshot of keras-retinanet."""

import json
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.files import checksums
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import recipes, run_folder
from multiposenet.training.loop.engine import Engine
from multiposenet.training.registry import STAGES, of_system
from multiposenet.training.stages import pretrained, run_model
from multiposenet.training.stages.job import Job

REFERENCE = np.load(Path(__file__).parents[2] / "reference" / "keras_retinanet.npz")
PARTS = [part for stage in of_system("multiposenet") for part in stage.parts]


def save(model, run, stage):
    parts = [getattr(model, part) for part in STAGES[stage].parts]
    return run_folder.save_parts(run, stage, parts)


def arrays(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def test_what_a_released_model_gives(monkeypatch, tmp_path):
    keras.utils.set_random_seed(5)
    released = MultiPoseNet("nano")
    released.save_weights(tmp_path / "m.weights.h5")
    entry = {"architecture": {"backbone": "nano"}, "file": "m.weights.h5", "url": None}
    monkeypatch.setattr(zoo, "entry", lambda name: {"name": name, **entry})
    monkeypatch.setattr(zoo, "resolve", lambda name: tmp_path / "m.weights.h5")
    monkeypatch.setattr(zoo, "names", lambda: ("m",))
    for skeleton, taken in (
        (COCO_17, STAGES["keypoints"].parts),
        (LSP_14, ("backbone", "keypoint_pyramid")),  # of the subnet what fits
    ):
        keras.utils.set_random_seed(6)
        model = MultiPoseNet("nano", skeleton)
        pretrained.take(model, "m")
        for part in PARTS:
            ours, theirs = (arrays(getattr(m, part)) for m in (model, released))
            same = all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
            assert same == (part in taken), part
    model = MultiPoseNet("nano")
    before = arrays(model.keypoint_pyramid)
    pretrained.take(model, "m", parts=("backbone",))
    for part, wanted in (("backbone", arrays(released.backbone)), ("keypoint_pyramid", before)):
        np.testing.assert_equal(arrays(getattr(model, part)), wanted)
    other = SimpleNamespace(backbone=SimpleNamespace(name="efficientnet_lite0"))
    with pytest.raises(WeightsError, match="backbone: is nano, the recipe's is efficientnet_lite0"):
        pretrained.take(other, "m")


def test_what_another_run_gives(tmp_path):
    keras.utils.set_random_seed(5)
    first = run_folder.new_model(tmp_path, "nano", COCO_17)
    with pytest.raises(WeightsError, match="train keypoints` first"):
        pretrained.take(first, tmp_path)
    for stage in ("keypoints", "person"):
        save(first, tmp_path, stage)
        keras.utils.set_random_seed(6)
        model = MultiPoseNet("nano")
        pretrained.take(model, tmp_path, stage)
        for part in PARTS:
            ours, theirs = (arrays(getattr(m, part)) for m in (model, first))
            same = all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
            assert same == (part in STAGES[stage].parts), part


def test_what_a_snapshot_of_keras_retinanet_gives(tmp_path):
    layouts = json.loads(str(REFERENCE["layouts"]))
    path = tmp_path / "snapshot.h5"
    with h5py.File(path, "w") as file:
        for place, shape in layouts["datasets"].items():
            file.create_dataset(place, shape, "float32", fillvalue=0.5)
    assert recipes.PersonRecipe(pretrained=str(path)).pretrained == str(path)
    with pytest.raises(ValueError, match="pretrained: .*or a FILE.h5 of keras-retinanet"):
        recipes.PersonRecipe(pretrained=str(tmp_path / "none.h5"))
    model = MultiPoseNet("resnet50", architecture=Architecture(prn_nodes=8))
    before = arrays(model.keypoint_pyramid)
    pretrained.take(model, str(path), "person")
    for part in (model.person_pyramid, model.person_subnet):
        assert all((values == 0.5).all() for values in arrays(part))
    for first, second in zip(before, arrays(model.keypoint_pyramid), strict=True):
        np.testing.assert_array_equal(first, second)
    with pytest.raises(WeightsError, match="snapshot.h5: "):
        pretrained.take(MultiPoseNet("nano"), str(path), "person")


def test_a_head_keeps_the_keypoints_that_both_know(tmp_path):
    """By name, in any spelling; the mask, and whatever is not of keypoints, stays."""
    keras.utils.set_random_seed(5)
    first = run_folder.new_model(tmp_path, "nano", COCO_17)
    save(first, tmp_path, "keypoints")
    keras.utils.set_random_seed(6)
    names = ["tail", "LWrist", "RWrist", "nose"]
    model = MultiPoseNet("nano", Skeleton.from_dict({"keypoints": names, "sigmas": [0.1] * 4}))
    before = {weight.path: ops.convert_to_numpy(weight) for weight in model.keypoint_subnet.weights}
    pretrained.take(model, tmp_path)
    theirs = {w.path: ops.convert_to_numpy(w) for w in first.keypoint_subnet.weights}
    places = [COCO_17.index(name) for name in ("left_wrist", "right_wrist", "nose")]
    for weight in model.keypoint_subnet.weights:
        value, known = ops.convert_to_numpy(weight), theirs[weight.path]
        if "prediction" in weight.path:
            np.testing.assert_array_equal(value[..., 0], before[weight.path][..., 0])
            np.testing.assert_array_equal(value[..., 1:4], known[..., places])
            np.testing.assert_array_equal(value[..., 4], known[..., -1])
        else:
            np.testing.assert_array_equal(value, known)
    for ours, others in zip(arrays(model.backbone), arrays(first.backbone), strict=True):
        np.testing.assert_array_equal(ours, others)


def test_other_keypoints_get_another_prn(tmp_path):
    first = run_folder.new_model(tmp_path, "nano", LSP_14)
    save(first, tmp_path, "prn")
    fields = {"keypoints": [f"dot {number}" for number in range(14)], "sigmas": [0.1] * 14}
    for skeleton, same in ((LSP_14, True), (Skeleton.from_dict(fields), False)):
        model = MultiPoseNet("nano", skeleton)
        pretrained.take(model, str(tmp_path), "prn")
        kernels = (ops.convert_to_numpy(m.prn.weights[0]) for m in (model, first))
        assert np.array_equal(*kernels) == same


def as_before_octaves(run):
    path = run / "model.json"
    recorded = json.loads(path.read_text())
    del recorded["architecture"]["architecture"]["octaves"]
    path.write_text(json.dumps(recorded))
    checksums.sidecar(path).unlink()


def test_the_octaves_of_a_start(tmp_path):
    """Those that are recorded; a run of before there were octaves and a snapshot have one."""
    run_folder.new_model(tmp_path / "two", "movenet_lightning", COCO_17, octaves=2)
    assert pretrained.octaves_of(str(tmp_path / "two")) == 2
    as_before_octaves(tmp_path / "two")
    assert pretrained.octaves_of(str(tmp_path / "two")) == 1
    assert pretrained.octaves_of("snapshot.h5") == 1


@pytest.mark.parametrize("chosen, expected", [(0, 2), (1, 1)])
def test_a_stage_sees_in_as_many_octaves_as_its_start(tmp_path, chosen, expected):
    start, run = tmp_path / "start", tmp_path / "run"
    known = run_folder.new_model(start, "movenet_lightning", COCO_17, octaves=2)
    attention = known.keypoint_subnet.get_layer("attention_prediction")
    attention.bias.assign(np.arange(18.0))
    save(known, start, "keypoints")
    fields = {"backbone": "movenet_lightning", "pretrained": str(start), "octaves": chosen}
    recipe = recipes.MoveNetKeypoints(**fields)
    job = Job(run, recipe, [], Engine(), LSP_14)
    model = run_model.begin(job, "keypoints", "none")
    assert model.architecture.octaves == expected
    if expected == 2:  # of the keypoints that both know, and of the mask
        found = LSP_14.indices_from(COCO_17)
        bias = ops.convert_to_numpy(model.keypoint_subnet.get_layer("attention_prediction").bias)
        np.testing.assert_array_equal(bias, [*np.where(found >= 0, found, 0), 17])
    assert run_model.begin(job, "keypoints", "none").architecture.octaves == expected


def test_a_run_of_before_there_were_octaves_goes_on(tmp_path):
    run_folder.new_model(tmp_path, "nano", COCO_17)
    as_before_octaves(tmp_path)
    assert run_folder.new_model(tmp_path, "nano", COCO_17).architecture.octaves == 1


def test_the_backbone_of_a_start(tmp_path):
    run_folder.new_model(tmp_path, "nano", COCO_17)
    assert pretrained.backbone_of(str(tmp_path)) == "nano"
    assert pretrained.backbone_of("multiposenet-nano") == "movenet_multipose"
    with pytest.raises(InputError, match="no-such: start: neither a model nor a run's folder"):
        pretrained.backbone_of("no-such")
