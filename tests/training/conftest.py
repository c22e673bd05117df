"""Labels that several rooms train on."""

import pytest
from prn_labels import crowd_of, write


@pytest.fixture
def labels(tmp_path):
    return write(tmp_path / "a.json", crowd_of(12, 0) + crowd_of(5, 1, image=2))
