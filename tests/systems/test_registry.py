"""The registry of systems: every entry is complete, and its arguments do not collide."""

import argparse
import inspect

import pytest

from multiposenet.commands import systems
from multiposenet.errors import InputError
from multiposenet.runtimes import exported
from multiposenet.systems import registry
from multiposenet.systems.argument import change, share, with_rules
from multiposenet.systems.pose_nms import OKSNMS


@pytest.mark.parametrize("name", registry.SYSTEMS)
def test_entries_are_complete(name):
    entry = registry.get(name)
    assert entry.summary and set(entry.runtimes) <= set(exported.RUNTIMES)
    assert set(entry.formats) <= set(exported.FORMATS)
    assert {"model", "runtime"} <= set(inspect.signature(entry.load).parameters)
    for argument in entry.arguments:
        assert (
            argument.flag.startswith("--") and argument.help and "default" not in argument.options
        )


def test_arguments_are_parsed_for_every_system():
    parser = argparse.ArgumentParser()
    systems.add_model_arguments(parser)
    args = parser.parse_args(["--system", "rmpe", "--box-overlap", "0.5", "--score", "0.1"])
    assert (args.system, args.box_overlap, args.score, args.set) == ("rmpe", 0.5, 0.1, None)
    assert parser.parse_args([]).system == "multiposenet"


def test_texts():
    assert share("0.25") == 0.25
    for text in ("1.5", "nan", "x"):
        with pytest.raises(argparse.ArgumentTypeError):
            share(text)
    assert change("a=0.5") == ("a", 0.5) and change("a=b") == ("a", "b")
    with pytest.raises(argparse.ArgumentTypeError):
        change("a")


@pytest.mark.parametrize("wrong", ["nms_iou=2", "nms=0.5", "max_people=none"])
def test_a_wrong_option_is_one_line(wrong):
    parser = argparse.ArgumentParser()
    systems.add_model_arguments(parser)
    args = parser.parse_args(["--runtime", "keras", "--set", wrong])
    with pytest.raises(InputError, match=f"^--set: {wrong.partition('=')[0]}: .*; ") as caught:
        systems.load_system(args)
    assert "\n" not in str(caught.value)


def test_rules_by_name_or_as_they_are():
    assert with_rules({"pose_nms": "oks", "score": 0.1}) == {"pose_nms": OKSNMS(), "score": 0.1}
    assert with_rules({"pose_nms": OKSNMS(0.3)}) == {"pose_nms": OKSNMS(0.3)}
    assert with_rules({"pose_nms": None}) == {"pose_nms": None} and with_rules({}) == {}
