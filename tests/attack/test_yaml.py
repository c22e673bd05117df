"""Damaged skeletons in YAML."""

import pytest
import yaml
from attacked import answer, is_error
from damage import damaged_bytes, damaged_values
from hypothesis import given

from multiposenet.skeleton import COCO_17, Skeleton

FIELDS = [
    COCO_17.to_dict(),
    {"name": "two", "keypoints": ["left_a", "right_a"], "limbs": [[0, 1]]},
    {"keypoints": ["a"], "sigmas": {"a": 0.1}},
]
TEXTS = [yaml.safe_dump(fields, default_flow_style=flow) for fields in FIELDS for flow in (0, None)]
TEXTS += ["&a [*a, *a]", "a: &b [1, 2]\nc: *b\n", "!!python/object/apply:os.system ['true']"]
TEXTS += ["{" * 60, "? [a]\n: b\n", "keypoints: !!binary aGk=\n", "keypoints: !!set {a, b}\n"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("yaml") / "skeleton.yaml"


def check(path, found):
    if is_error(found):
        assert str(found).startswith(f"{path}: ")
        return
    said = yaml.safe_load(path.read_bytes())
    assert list(found.keypoints) == said["keypoints"]
    assert len(found.sigmas) == len(found.keypoints) and min(found.sigmas) > 0
    assert sorted(found.flip_indices) == list(range(len(found.keypoints)))
    assert all(0 <= end < len(found.keypoints) for limb in found.limbs for end in limb)
    assert Skeleton.from_dict(found.to_dict()) == found


@given(damaged_bytes([text.encode() for text in TEXTS]))
def test_a_skeleton_whose_text_is_damaged(path, content):
    path.write_bytes(content)
    check(path, answer(Skeleton.from_yaml, path))


@given(damaged_values(FIELDS))
def test_a_skeleton_that_says_something_else(path, fields):
    try:
        path.write_text(yaml.safe_dump(fields), encoding="utf-8", errors="surrogatepass")
    except yaml.YAMLError:
        return
    check(path, answer(Skeleton.from_yaml, path))
