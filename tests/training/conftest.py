"""Labels and photos that several rooms train on."""

import pytest
from prn_labels import crowd_of, write

from multiposenet.training.datasets import synthetic


@pytest.fixture(autouse=True, scope="module")
def quick_nano():
    """The backbone `nano` has one block a stage: nothing trained here depends on how many."""
    from multiposenet.networks import backbones
    from multiposenet.networks.backbones.compact import nano

    with pytest.MonkeyPatch.context() as patch:
        few = {"filters": (24,) * 4, "blocks": (1,) * 4}
        patch.setitem(backbones.BUILDERS, "nano", lambda weights: nano(**few))
        yield


@pytest.fixture
def labels(tmp_path):
    return write(tmp_path / "a.json", crowd_of(12, 0) + crowd_of(5, 1, image=2))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scenes")
    synthetic.write(folder, photos=4, seed=5, people=(2, 3))
    return folder
