"""Colours of small images, and the error of reading one."""

import pytest

from multiposenet.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def error_of(function, *arguments):
    with pytest.raises(InputError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    assert message.count(": ") >= 2 and "; " in message, message
    return message
