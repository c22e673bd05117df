"""Labels and photos that several rooms train on, and networks that are quick to build."""

import dataclasses

import pytest
from prn_labels import crowd_of, write

from multiposenet.training.datasets import synthetic


@pytest.fixture(autouse=True, scope="module")
def quick_nano():
    """The backbone `nano` is a convolution for each level, its heads are of one: nothing trained
    here depends on how many."""
    import keras

    from multiposenet.networks import backbones
    from multiposenet.networks.layers import ImageNormalization, conv_unit
    from multiposenet.systems import architecture

    def nano(weights):
        images = keras.Input((None, None, 3), name="images")
        x = ImageNormalization("centered", name="normalization")(images)
        x, outputs = conv_unit(x, 24, strides=2, norm=True, name="stem"), {}
        for level in ("C2", "C3", "C4", "C5"):
            x = outputs[level] = conv_unit(x, 24, strides=2, norm=True, name=level.lower())
        return keras.Model(images, outputs, name="nano")

    shallow = dataclasses.replace(architecture.NANO, person_depth=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(backbones.BUILDERS, "nano", nano)
        patch.setattr(architecture, "NANO", shallow)
        yield


@pytest.fixture(autouse=True, scope="module")
def quick_plots():
    """The plot that every training ends with is a file; `test_monitor.py` has the picture."""
    from multiposenet.files.writing import atomic_write
    from multiposenet.training.loop import run_plot

    def save(lines, path, title=""):
        with atomic_write(path) as partial:
            partial.write_bytes(b"plot")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_plot, "save", save)
        yield


@pytest.fixture
def labels(tmp_path):
    return write(tmp_path / "a.json", crowd_of(12, 0) + crowd_of(5, 1, image=2))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=4, seed=5, people=(2, 3))
    return folder
