"""Systems are loaded once, when they are asked for, and by no other name."""

import pytest

from multiposenet.web.choices import Choices


def test_each_is_loaded_once():
    loaded = []

    def load(system, model):
        loaded.append((system, model))
        return object()

    choices = Choices(load, ["multiposenet", "rmpe"], ["nano", "lite0"])
    assert choices.get() is choices.get("multiposenet", "nano")
    assert choices.get("rmpe") is not choices.get()
    assert loaded == [("multiposenet", "nano"), ("rmpe", "nano")]
    for names in (("grmi", "nano"), ("rmpe", "/etc/passwd")):
        with pytest.raises(ValueError, match="not offered"):
            choices.get(*names)


def test_one_that_failed_is_tried_again():
    answers = [OSError("no network"), "a system"]

    def load(system, model):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    choices = Choices(load, ["multiposenet"], ["nano"])
    with pytest.raises(OSError):
        choices.get()
    assert choices.get() == "a system"
