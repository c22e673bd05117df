"""How errors are worded."""


def assert_one_line(error, *parts):
    """Of ``pytest.raises``: the message is one line and has these parts."""
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert str(part) in text
