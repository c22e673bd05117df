"""Notebooks run from top to bottom on the bundled weights and are stored without outputs."""

from pathlib import Path

import pytest

from multiposenet import zoo

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MODEL = "multiposenet-nano"


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_stripped(path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert not cell.outputs and cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path):
    if MODEL not in zoo.names():
        pytest.skip(f"no bundled weights of {MODEL} in this checkout yet")
    notebook = nbformat.read(path, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3")
    client.execute(cwd=str(FOLDER))
    cells = code_cells(notebook)
    outputs = [output for cell in cells for output in cell.outputs]
    assert all(cell.execution_count for cell in cells)
    assert any("image/png" in output.get("data", {}) for output in outputs)
    results = [output.get("data", {}).get("text/plain", "") for output in outputs]
    results = [text for text in results if text.startswith("<Poses: ")]
    assert results and not any(text.startswith("<Poses: 0 ") for text in results)
