"""A photo of one person with blobs as joints."""

import pytest
from painted import sample

POINTS = [(100.0, 50.0), (82.0, 84.0), (120.0, 90.0)]


BOX = (70, 40, 134, 112)


@pytest.fixture
def photo(tmp_path):
    return sample(tmp_path, POINTS, [BOX], labelled=[[True, True, False]])
