"""Recipes: the paper's numbers, typed changes, and docstrings that begin with the command."""

import dataclasses
import inspect
import re

import pytest

from multiposenet.errors import InputError
from multiposenet.training import recipes
from multiposenet.training.registry import STAGES, of_system

ALL = [
    pytest.param(stage, name, id=f"{stage}-{name}")
    for stage in STAGES
    for name in STAGES[stage].recipes
]


def test_every_stage_of_a_system_has_both_recipes():
    for stage in (*of_system("multiposenet"), *of_system("rmpe")):
        assert set(stage.recipes) - {"nano-gpu", "movenet", "small"} == {"nano", "paper"}


@pytest.mark.parametrize("stage, name", ALL)
def test_docstring_opens_with_command_cost_result(stage, name):
    recipe = STAGES[stage].recipe(name)
    text = inspect.getdoc(recipe)
    command = text.split("\n\n")[1]
    assert command.startswith(f"    multiposenet train {stage} ")
    assert (f"--recipe {name} " in command) == (name != "nano")
    assert text.index("Cost: ") < text.index("Result: ")


@pytest.mark.parametrize("stage, name", ALL)
def test_every_field_is_documented(stage, name):
    recipe = STAGES[stage].recipe(name)
    text = "\n".join(inspect.getdoc(kind) or "" for kind in recipe.__mro__)
    for field in dataclasses.fields(recipe):
        assert re.search(rf"^    (\w+, )*{field.name}(, \w+)*: ", text, re.MULTILINE), field.name


def test_the_papers_keypoint_stage():
    """MultiPoseNet, section 3.5."""
    recipe = recipes.PaperKeypoints()
    assert recipe.patch_size(0) == recipe.patch_size(recipe.steps) == 480
    assert (recipe.rotation, recipe.scale, recipe.flip) == (40.0, (0.8, 1.2), 0.3)
    assert (recipe.learning_rate, recipe.weight_decay, recipe.loss) == (1e-4, 0.0, "l2")
    assert (recipe.schedule, recipe.plateau_factor) == ("plateau", 0.1)


def test_the_papers_person_stage():
    """MultiPoseNet, section 3.5."""
    recipe = recipes.PaperPerson()
    assert (recipe.gamma, recipe.alpha, recipe.learning_rate) == (2.0, 0.25, 1e-5)
    assert recipe.shorter_edge == 800 and recipe.patch_size == 0


def test_the_papers_prn_stage():
    recipe = recipes.PaperPRN()
    assert (recipe.learning_rate, recipe.weight_decay) == (1e-4, 0.0)


def test_the_papers_hourglass():
    """Newell et al. 2016, sections 3.1 and 3.2."""
    recipe = recipes.PaperSPPE()
    sizes = (recipe.image_size, recipe.stacks, recipe.width, recipe.sigma)
    assert sizes == ((256, 256), 8, 256, 4.0)
    assert (recipe.rotation, recipe.scale) == (30.0, (0.75, 1.25))
    assert (recipe.learning_rate, recipe.weight_decay, recipe.loss) == (2.5e-4, 0.0, "l2")


def test_all_stages_of_a_kind_have_one_backbone():
    for kind in ("nano", "nano-gpu", "paper"):
        known = [stage for stage in of_system("multiposenet") if kind in stage.recipes]
        assert len({stage.recipe(kind)().backbone for stage in known}) == 1


def test_change():
    recipe = recipes.NanoKeypoints()
    changed = recipes.change(
        recipe, {"steps": 5, "zoom": 2, "patch_sizes": [[0, 64], [0.5, 96]], "loss": "l2"}
    )
    assert (changed.steps, changed.zoom, changed.loss) == (5, 2.0, "l2")
    assert changed.patch_sizes == ((0.0, 64), (0.5, 96)) and type(changed.zoom) is float
    assert recipes.change(recipe, {}) == recipe


@pytest.mark.parametrize(
    "values, problem",
    [
        ({"step": 7}, "step: the recipe has no such field; use one of: "),
        ({"steps": "many"}, "steps: 'many' is no int"),
        ({"steps": 1.5}, "steps: 1.5 is no int"),
        ({"steps": True}, "steps: True is no int"),
        ({"backbone": 50}, "backbone: 50 is no str"),
        ({"person_size": (1, "a")}, "person_size: "),
        ({"sigma_limits": (1, 2, 3)}, "sigma_limits: "),
        ({"patch_sizes": ((0.0, 64, 1),)}, "patch_sizes: "),
        ({"patch_sizes": ((0.0, 50),)}, "patch_sizes: .*multiples of 32"),
        ({"loss": "l1"}, "loss: unknown name 'l1'"),
        ({"scale": (0.8, 1.2)}, "scale, person_size"),
        ({"learning_rate": -1}, "learning_rate: "),
        ({"learning_rate": 10**400}, "learning_rate: 10+ is no float"),
        ({"seed": 2**32}, "seed: 4294967296 is out of range"),
    ],
)
def test_change_refuses(values, problem):
    with pytest.raises(InputError, match=f"--set: {problem}"):
        recipes.change(recipes.NanoKeypoints(), values)


@pytest.mark.parametrize(
    "values, problem",
    [
        ({"loss": "focal", "sigmoid": False}, "loss: 'focal'"),
        ({"generator": "rpn"}, "generator: 'rpn'.*noise, pgpg, dpg"),
        ({"scale": (1.2, 0.8)}, "scale: "),
        ({"scale": (1.0,)}, "scale: "),
        ({"flip": 2}, "flip: "),
        ({"sigma": 0}, "sigma: "),
        ({"sppe_rate": 0.5}, "sppe_rate: the recipe has no such field"),
    ],
)
def test_change_of_an_sppe_refuses(values, problem):
    with pytest.raises(InputError, match=f"--set: {problem}"):
        recipes.change(recipes.NanoSPPE(), values)


@pytest.mark.parametrize(
    "values, problem",
    [({"sppe_rate": 0}, "sppe_rate: 0"), ({"precision": "onednn_bfloat16"}, "precision: 'onednn")],
)
def test_an_sstn_refuses(values, problem):
    with pytest.raises(ValueError, match=problem):
        recipes.NanoSSTN(**values)


def test_small_patches_need_float32():
    with pytest.raises(ValueError, match="patch_size: 64 in onednn_bfloat16"):
        recipes.NanoPerson(patch_size=64)
    recipes.NanoPerson(patch_size=64, precision="float32")
