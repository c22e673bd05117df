"""Small images whose pixels are known."""

import numpy as np
import pytest
from coloured_images import BLUE, GREEN, RED, WHITE


@pytest.fixture
def quarters():
    """(24, 32, 3): red, green over blue, white, so that any turn or channel mix-up shows."""
    image = np.zeros((24, 32, 3), np.uint8)
    image[:12, :16], image[:12, 16:], image[12:, :16], image[12:, 16:] = RED, GREEN, BLUE, WHITE
    return image
