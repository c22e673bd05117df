"""What the help tells of recipes is what they have."""

import dataclasses
import re

import pytest

from multiposenet.training import recipe_help
from multiposenet.training.registry import STAGES


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_field_with_its_meaning_and_every_value(stage):
    text = recipe_help.text(stage)
    for name in stage.recipes:
        for field in dataclasses.fields(stage.recipe(name)):
            value, meaning = recipe_help._fields(stage.recipes[name])[field.name]
            assert meaning and re.search(rf"^  {field.name}   ", text, re.M)
            assert re.search(rf"^  {field.name}   .*{re.escape(value)}", text, re.M)
            try:
                shown = eval(value)
            except NameError:  # a constant of another module, shown by its name
                continue
            assert shown == field.default


def test_what_differs_is_told_by_recipe():
    text = recipe_help.text(STAGES["keypoints"])
    assert re.search(r"^  steps   nano: 6500; small: \d+; nano-gpu: 8000; ", text, re.M)
    assert re.search(r"^  accumulate   1\n      parts a step's batch", text, re.M)
