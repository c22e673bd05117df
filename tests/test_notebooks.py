"""Notebooks run from top to bottom and are stored with the outputs of such a run.

`python notebooks/execute.py` stores them anew.
"""

import importlib.util
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
_SPEC = importlib.util.spec_from_file_location("execute_notebooks", FOLDER / "execute.py")
runner = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(runner)
# What a reader elsewhere should not see: folders of this machine, warnings, log lines.
NOISE = re.compile(
    r"/(home|root|work|tmp|var|usr|Users|private|mnt|opt)/|[Ww]arning|WARN|\b[IWE]0000\b|tensorflow/"
)
# Each has the names of its own cells alone. What is learnt is no fact; that everything runs is
# shown by one step, and tracing a graph would take longer than that.
FIRST = """
%reset -f
import tensorflow as tf
from multiposenet.training.loop import fitting

def few(*args, **options):
    tf.config.run_functions_eagerly(True)
    try:
        return fitting.whole(*args, **options | {"steps": 1})
    finally:
        tf.config.run_functions_eagerly(False)

fitting.whole = getattr(fitting, "whole", fitting.fit)
fitting.fit = few
"""
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def text_of(output):
    return output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))


def pictures(notebook):
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def test_there_are_notebooks():
    assert [path.name[:3] for path in NOTEBOOKS] == [f"{number:02}_" for number in range(1, 9)]


@each
def test_stored_outputs_are_of_one_clean_run(path):
    notebook = nbformat.read(path, as_version=4)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert pictures(notebook)
    for output in outputs(notebook):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert not NOISE.search(text_of(output)), text_of(output)
    assert path.stat().st_size < 2_000_000


@each
def test_titles_are_titles(path):
    """One heading of the first level, on the first line; the others are below it."""
    notebook = nbformat.read(path, as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    levels = re.findall(r"^(#+) \S", "\n".join(texts), re.M)
    assert texts[0].startswith("# ") and notebook.cells[0].cell_type == "markdown"
    assert levels.count("#") == 1 and set(levels) == {"#", "##"}


@pytest.fixture(scope="module")
def kernel():
    """One process for all of them: in each, TensorFlow would start anew."""
    with runner.kernel() as client:
        yield client


@each
def test_facts_are_of_today(path, kernel):
    """Runs it, its training cut short: parameter counts, recipes, shapes and such are as stored."""
    stored = nbformat.read(path, as_version=4)
    run = runner.execute(path, kernel, FIRST)
    assert runner.facts(run) == runner.facts(stored) and all(runner.facts(stored))
    assert pictures(run) == pictures(stored)
    if path.name.startswith("01"):
        assert any(text.startswith("<Poses: 1 person") for text in runner.facts(run))
