"""Skeletons: names and limbs of the data sets, mirrored keypoints, conversion, YAML."""

import dataclasses
import json

import numpy as np
import pytest

from multiposenet import skeleton
from multiposenet.errors import InputError
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16, Skeleton

BUILT_IN = [COCO_17, MPII_16, LSP_14]
HAND = {
    "name": "hand",
    "keypoints": ["wrist_point", "left_tip", "right_tip"],
    "limbs": [["wrist_point", "left_tip"], [0, 2]],
    "sigmas": {"wrist_point": 0.05, "left_tip": 0.03, "right_tip": 0.03},
}


@pytest.mark.parametrize(
    ("folder", "expected"), [("coco_photos/test", COCO_17), ("lsp_extended/test", LSP_14)]
)
def test_names_and_limbs_are_those_of_the_annotation_files(data_dir, folder, expected):
    annotations = json.loads((data_dir / folder / "annotations.json").read_text())
    category = annotations["categories"][0]
    assert list(expected.keypoints) == category["keypoints"]
    assert [[a + 1, b + 1] for a, b in expected.limbs] == category["skeleton"]


def test_coco_sigmas_are_those_of_pycocotools():
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    np.testing.assert_allclose(COCO_17.sigmas, cocoeval.Params("keypoints").kpt_oks_sigmas)


@pytest.mark.parametrize("built_in", BUILT_IN, ids=lambda s: s.name)
def test_flip_swaps_left_and_right_and_nothing_else(built_in):
    flipped = [built_in.keypoints[i] for i in built_in.flip_indices]
    swapped = [
        name.replace("left_", "#").replace("right_", "left_").replace("#", "right_")
        for name in built_in.keypoints
    ]
    assert flipped == swapped
    np.testing.assert_array_equal(
        built_in.flip_indices[built_in.flip_indices], np.arange(built_in.num_keypoints)
    )


@pytest.mark.parametrize("built_in", BUILT_IN, ids=lambda s: s.name)
def test_limbs_and_sigmas_are_symmetric(built_in):
    mirror = built_in.flip_indices
    limbs = {frozenset(limb) for limb in built_in.limbs}
    assert {frozenset(mirror[list(limb)]) for limb in built_in.limbs} == limbs
    np.testing.assert_array_equal(np.array(built_in.sigmas)[mirror], built_in.sigmas)


def test_indices_from_another_skeleton():
    indices = LSP_14.indices_from(COCO_17)
    assert indices[LSP_14.index("neck")] == indices[LSP_14.index("head_top")] == -1
    shared = indices >= 0
    assert shared.sum() == 12
    assert [COCO_17.keypoints[i] for i in indices[shared]] == list(LSP_14.keypoints[:12])
    np.testing.assert_array_equal(COCO_17.indices_from(COCO_17), np.arange(17))


def test_index_of_an_unknown_keypoint_lists_the_known_ones():
    assert COCO_17.index("left_wrist") == 9
    with pytest.raises(KeyError, match="no keypoint 'tail'.*nose"):
        COCO_17.index("tail")


@pytest.mark.parametrize("built_in", BUILT_IN, ids=lambda s: s.name)
def test_yaml_round_trip(tmp_path, built_in):
    path = tmp_path / "any.yaml"
    built_in.to_yaml(path)
    assert Skeleton.from_yaml(path) == built_in == skeleton.get(path)


def test_own_skeleton_takes_names_or_indices_and_known_sigmas():
    hand = Skeleton.from_dict(HAND)
    assert hand.limbs == ((0, 1), (0, 2))
    assert hand.sigmas == (0.05, 0.03, 0.03)
    assert Skeleton.from_dict({"keypoints": ["nose", "pelvis"]}).sigmas == (0.026, 0.107)


def test_pairs_go_before_what_names_tell(tmp_path):
    fields = {"keypoints": ["kopf", "links", "rechts"], "sigmas": [0.1, 0.1, 0.1]}
    named = Skeleton.from_dict(fields)
    assert named.flip_indices.tolist() == [0, 1, 2]
    paired = Skeleton.from_dict({**fields, "pairs": [["rechts", "links"]]})
    assert paired.flip_indices.tolist() == [0, 2, 1] and paired.pairs == ((1, 2),)
    saved = json.loads(json.dumps(dataclasses.asdict(paired)))
    assert Skeleton(**saved) == paired != named and hash(Skeleton(**saved)) == hash(paired)
    paired.to_yaml(tmp_path / "kopf.yaml", ["a note"])
    assert Skeleton.from_yaml(tmp_path / "kopf.yaml") == paired
    assert (tmp_path / "kopf.yaml").read_text().startswith("# a note\n")
    alone = Skeleton.from_dict({"keypoints": ["left_knee", "nose"], "pairs": []})
    assert alone.flip_indices.tolist() == [0, 1]
    assert alone.plain_keypoints == ("left_knee", "nose")


def test_pairs_that_the_names_tell_are_nothing_new():
    assert Skeleton.from_dict(COCO_17.to_dict()) == COCO_17
    assert Skeleton.from_dict({**HAND, "pairs": [[2, 1]]}) == Skeleton.from_dict(HAND)
    assert Skeleton.from_dict({**HAND, "pairs": []}).flip_indices.tolist() == [0, 1, 2]


def test_lists_from_a_saved_configuration_give_an_equal_skeleton():
    saved = json.loads(json.dumps(dataclasses.asdict(LSP_14)))
    assert Skeleton(**saved) == LSP_14 and hash(Skeleton(**saved)) == hash(LSP_14)


def test_yaml_without_a_name_is_called_after_its_file(tmp_path):
    (tmp_path / "face.yml").write_text("keypoints: [nose]\n")
    assert skeleton.get(str(tmp_path / "face.yml")).name == "face"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": None}, "keypoints: missing or not a list"),
        ({"keypoints": "nose"}, "keypoints: missing or not a list"),
        ({"keypoints": [], "limbs": [], "sigmas": None}, "keypoints: none given"),
        ({"keypoints": ["nose", "nose"], "limbs": [], "sigmas": None}, "'nose' is listed twice"),
        ({"keypoints": ["left_knee"], "limbs": [], "sigmas": None}, "add 'right_knee'"),
        ({"limbs": [["wrist_point", "thumb"]]}, "limbs: 'thumb' is not among"),
        ({"limbs": [[0, 3]]}, r"limbs: \(0, 3\) is no pair"),
        ({"limbs": [[0, 1, 2]]}, "limbs: .* is no pair"),
        ({"sigmas": {"thumb": 0.1}}, "sigmas: 'thumb' is not among"),
        ({"sigmas": None}, "sigmas: none known for 'wrist_point'"),
        ({"sigmas": [0.1, 0.1]}, "sigmas: 2 values for 3 keypoints"),
        ({"sigmas": [0.1, 0.1, 26]}, "not between 0 and 1"),
        ({"sigmas": ["a", "b", "c"]}, "sigmas: not a list of numbers"),
        ({"joints": []}, "joints: unknown field"),
        ({"pairs": [["left_tip", "thumb"]]}, "pairs: 'thumb' is not among"),
        ({"pairs": [[1, 2], [2, 0]]}, "pairs: 'right_tip' occurs twice"),
        ({"pairs": [[1, 1]]}, "pairs: 'left_tip' occurs twice"),
        ({"pairs": [[1, 3]]}, "pairs: .* is no pair"),
        ({"pairs": 7}, "pairs: 7 is no pair"),
    ],
)
def test_wrong_fields_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        Skeleton.from_dict({**HAND, **change})


@pytest.mark.parametrize("text", ["keypoints: [nose", "- nose", "", "keypoints: [left_ear]"])
def test_wrong_yaml_is_a_one_line_error_naming_the_file(tmp_path, text):
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="wrong.yaml: .*; ") as caught:
        skeleton.get(path)
    assert "\n" not in str(caught.value)


def test_get_by_name():
    assert skeleton.get("coco_17") is COCO_17
    assert skeleton.get("LSP_14") is LSP_14
    assert skeleton.get(MPII_16) is MPII_16
    with pytest.raises(InputError, match="coco_18: skeleton: unknown name; use coco_17"):
        skeleton.get("coco_18")
    with pytest.raises(InputError, match="missing.yaml: file: No such file"):
        skeleton.get("missing.yaml")


BOMB = "a: &a [" + "x," * 9 + "x]\n" + "".join(
    f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
) + "keypoints: *i\n"  # fmt: skip


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (BOMB, "has an alias"),
        ("keypoints: &a [nose]\nlimbs: *a\n", "has an alias"),
        ("[" * 100_000, "not valid YAML"),
        ("x: " * 50_000, "not valid YAML"),
        ("keypoints: [" + "nose, " * 100_000 + "]", "more than 0.25 MiB"),
        (b"keypoints: [n\xe9z]", "not UTF-8"),
        (b"", "not a mapping"),
        (b"\0", "not valid YAML"),
        ("keypoints: [2024-99-99]", "not valid YAML"),
        ("keypoints: [nose, [a]]", "not a list of names"),
        ("keypoints: [nose]\nlimbs: [[nose, [a]]]", "limbs: "),
        ("keypoints: [nose]\nlimbs: {nose: nose}", "limbs: "),
        ("keypoints: [nose]\nsigmas: {[a]: 1}", "file: not valid YAML"),
        ("keypoints: [nose]\nsigmas: [.nan]", "not between 0 and 1"),
        ("keypoints: [nose]\n? [a]\n: 1", "file: not valid YAML"),
        ("!!python/object/apply:os.system ['true']", "not valid YAML"),
    ],
)
def test_hostile_yaml_is_one_line(tmp_path, content, told):
    path = tmp_path / "a.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError) as caught:
        skeleton.get(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ") and told in message and "; " in message
    assert "\n" not in message and len(message) < len(str(path)) + 200


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("keypoints", 3),
        ("keypoints", [1, 2]),
        ("keypoints", ["nose", ""]),
        ("limbs", 3),
        ("limbs", [1, 2]),
        ("limbs", [[0, "nose"]]),
        ("limbs", [[0, 1.5]]),
        ("sigmas", None),
        ("sigmas", ["0.1", "0.1"]),
        ("sigmas", [[0.1], 0.1]),
    ],
)
def test_saved_fields_of_wrong_types(field, value):
    saved = {"name": "own", "keypoints": ["nose", "neck"], "limbs": [[0, 1]], "sigmas": [0.1, 0.1]}
    with pytest.raises(ValueError, match=f"{field}: .*; "):
        Skeleton(**{**saved, field: value})
