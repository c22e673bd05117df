"""Fields of descriptions: of the right kind and within bounds."""

import dataclasses
import math

import pytest

from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.systems.architecture import Architecture
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.systems.options import InferenceOptions

NEVER = [None, "8", [], {}, True, math.nan, math.inf, -1, 10**9, 10**30]


@pytest.mark.parametrize("kind", [Architecture, SPPEArchitecture])
def test_no_field_is_of_another_kind_or_without_bounds(kind):
    for field in dataclasses.fields(kind):
        for value in NEVER:
            if value is True and type(field.default) is bool:
                continue
            with pytest.raises(ValueError, match=f"^{field.name}: ") as error:
                kind(**{field.name: value})
            assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "name", ["max_people", "max_peaks", "candidates_per_box", "image_size", "enlarge"]
)
def test_options_have_bounds(name):
    for value in (10**9, 10**30, math.inf, "many"):
        with pytest.raises(ValueError, match=f"^{name}: "):
            InferenceOptions(**{name: value})


@pytest.mark.parametrize(
    "field, value",
    [
        ("skeleton", None),
        ("skeleton", 7),
        ("architecture", [1]),
        ("options", [1]),
        ("image_size", 64),
        ("image_size", [64]),
        ("image_size", ["64", "64"]),
        ("image_size", [64, 1 << 40]),
        ("backbone", ["nano"]),
        ("backbone", None),
    ],
)
def test_arguments_of_the_network_are_checked_before_it_is_built(field, value):
    with pytest.raises((TypeError, ValueError), match=field):
        MultiPoseNet(**{"backbone": "nano", field: value})
