"""Keras loads saved models of the package once it has been imported."""

import importlib
import subprocess
import sys

import keras
import numpy as np
from random_model import random_model

from multiposenet import keras_objects
from multiposenet.networks.layers import BilinearDoubling


def test_all_that_is_registered_is_known():
    known = {}
    for module, names in keras_objects.MODULES.items():
        importlib.import_module(module)
        known |= {f"multiposenet>{name}": f"{module}.{name}" for name in names}
    registered = {
        name: f"{thing.__module__}.{thing.__qualname__}"
        for name, thing in keras.saving.get_custom_objects().items()
        if name.startswith("multiposenet>") and thing.__module__.startswith("multiposenet.")
    }
    assert registered == known


def test_a_stand_in_makes_what_it_stands_for(monkeypatch):
    registered = keras.saving.get_custom_objects()
    monkeypatch.delitem(registered, "multiposenet>BilinearDoubling")
    keras_objects.register()
    stand_in = registered["multiposenet>BilinearDoubling"]
    assert stand_in is not BilinearDoubling
    layer = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(BilinearDoubling(name="twice"))
    )
    assert isinstance(layer, BilinearDoubling) and layer.name == "twice"


def test_what_has_registered_itself_stays(monkeypatch):
    keras_objects.register()
    assert keras.saving.get_custom_objects()["multiposenet>BilinearDoubling"] is BilinearDoubling


def test_looking_for_keras_changes_nothing(monkeypatch):
    finder = keras_objects._AfterKeras()
    monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
    assert finder.find_spec("json") is None
    assert importlib.util.find_spec("keras").name == "keras" and finder in sys.meta_path


CODE = """
import sys
import multiposenet
assert not {"keras", "numpy"} & {*sys.modules}
import keras, numpy
model = keras.models.load_model(sys.argv[1])
assert type(model) is multiposenet.MultiPoseNet
numpy.save(sys.argv[2], model(numpy.full((1, 64, 64, 3), 90, "float32"))["keypoints"])
"""


def test_the_package_first_then_keras(tmp_path):
    model, (file, found) = random_model(), (tmp_path / "poses.keras", tmp_path / "found.npy")
    model.save(file)
    told = subprocess.run([sys.executable, "-c", CODE, file, found], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    truth = model(np.full((1, 64, 64, 3), 90, "float32"))["keypoints"]
    np.testing.assert_allclose(np.load(found), keras.ops.convert_to_numpy(truth), atol=1e-3)
