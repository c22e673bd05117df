"""Small images whose pixels are known, and the error of reading one."""

import numpy as np
import pytest

from multiposenet.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def quarters():
    """(24, 32, 3): red, green over blue, white, so that any turn or channel mix-up shows."""
    image = np.zeros((24, 32, 3), np.uint8)
    image[:12, :16], image[:12, 16:], image[12:, :16], image[12:, 16:] = RED, GREEN, BLUE, WHITE
    return image


def error_of(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert message.count(": ") >= 2 and "; " in message, message
    return message
