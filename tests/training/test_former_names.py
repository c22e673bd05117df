"""Files that hold fields under their former names are read as if they had the present ones."""

import dataclasses
import json

import pytest

from multiposenet import zoo
from multiposenet.errors import InputError
from multiposenet.networks.sppe import FORMER_NAMES, SPPEArchitecture, current_names
from multiposenet.skeleton import COCO_17
from multiposenet.training import recipes, run_folder
from multiposenet.training.loop.run_record import RunRecord

KINDS = (recipes.PRNRecipe, recipes.JointAssignerRecipe, recipes.SPPERecipe, recipes.SSTNRecipe)


def former(fields, names):
    """The fields as a file had them before they were renamed."""
    old = {new: name for name, new in names.items()}
    return {old.get(name, name): value for name, value in fields.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_tables_lead_from_unknown_to_known_fields(kind):
    known = {field.name for field in dataclasses.fields(kind)}
    assert kind.FORMER_NAMES
    assert set(kind.FORMER_NAMES.values()) <= known and not set(kind.FORMER_NAMES) & known


def test_the_bundled_sppe():
    fields = zoo.entry("sppe-nano", "sppe")["architecture"]["architecture"]
    architecture = SPPEArchitecture.from_dict(fields)
    assert (architecture.proposal_scale, architecture.localisation_network) == (1.25, "pose")
    assert SPPEArchitecture.from_dict(dataclasses.asdict(architecture)) == architecture
    assert set(current_names(fields)) <= {f.name for f in dataclasses.fields(SPPEArchitecture)}
    with pytest.raises(TypeError, match="viewer"):
        SPPEArchitecture.from_dict({"viewer": 1.25})


def test_a_run_folder(tmp_path):
    architecture = SPPEArchitecture((64, 48), proposal_scale=1.5, localisation_network="pose")
    described = run_folder.describe_sppe(COCO_17, architecture)
    before = described | {"architecture": former(described["architecture"], FORMER_NAMES)}
    assert "view" in before["architecture"]
    path = tmp_path / "rmpe.json"
    path.write_text(json.dumps({"architecture": before}))
    assert run_folder.load_sppe_architecture(tmp_path) == (COCO_17, architecture)
    run_folder.record_architecture(path, described)  # the same run


@pytest.mark.parametrize("kind", (recipes.NanoPRN, recipes.NanoJointAssigner, recipes.NanoSSTN))
def test_a_run_record(kind, tmp_path):
    recipe = kind()
    record = RunRecord(tmp_path / "stage.json", "stage", 3, recipe, "data")
    content = json.loads(json.dumps(record.content))
    content["recipe"] = former(content["recipe"], kind.FORMER_NAMES)
    assert set(kind.FORMER_NAMES) <= set(content["recipe"])
    record.path.write_text(json.dumps(content | {"starts": [{"step": 0}]}))
    record.go_on()
    assert record.content["starts"] == [{"step": 0}]
    name = next(iter(kind.FORMER_NAMES))
    content["recipe"][name] = -1
    record.path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=f"recipe.{kind.FORMER_NAMES[name]}: .* begun with -1"):
        record.go_on()
