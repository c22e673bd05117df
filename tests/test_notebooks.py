"""Notebooks run from top to bottom and are stored with the outputs of such a run.

`STORE_NOTEBOOKS=1 pytest tests/test_notebooks.py` stores them anew.
"""

import base64
import io
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from multiposenet import zoo

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MODEL = "multiposenet-nano"
SECONDS = 600  # for one cell; a notebook takes less than 180 on two cores with nothing else to do
# What a reader elsewhere should not see: folders of this machine, warnings, log lines.
NOISE = re.compile(
    r"/(home|root|work|tmp|var|usr|Users|private|mnt|opt)/|[Ww]arning|WARN|\bI0000\b"
)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def outputs(notebook):
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def text_of(output):
    return output.get("text", "") + str(output.get("data", {}).get("text/plain", ""))


def pictures(notebook):
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def test_there_are_notebooks():
    assert [path.name[:3] for path in NOTEBOOKS] == ["01_", "02_", "03_"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_stored_outputs_are_of_one_clean_run(path):
    notebook = nbformat.read(path, as_version=4)
    counts = [cell.execution_count for cell in code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    assert pictures(notebook)
    for output in outputs(notebook):
        assert output.output_type != "error" and output.get("name") != "stderr"
        assert not NOISE.search(text_of(output)), text_of(output)
    assert path.stat().st_size < 2_000_000


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path):
    if MODEL not in zoo.names():
        pytest.skip(f"no bundled weights of {MODEL} in this checkout yet")
    notebook = nbformat.read(path, as_version=4)
    stored = pictures(notebook)
    options = {"timeout": SECONDS, "kernel_name": "python3", "record_timing": False}
    nbclient.NotebookClient(notebook, **options).execute(cwd=str(FOLDER))
    assert all(cell.execution_count for cell in code_cells(notebook))
    if os.environ.get("STORE_NOTEBOOKS"):
        _store(notebook, path)
    else:
        assert pictures(notebook) == stored
    if path.name.startswith("01"):
        results = [text_of(output) for output in outputs(notebook)]
        results = [text for text in results if text.startswith("<Poses: ")]
        assert results and not any(text.startswith("<Poses: 0 ") for text in results)


def _store(notebook, path):
    """Writes a notebook that has been run, without the notes of libraries on this machine."""
    for cell in code_cells(notebook):
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        for output in cell.outputs:
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _smaller(output.data["image/png"])
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


def _smaller(picture):
    """The same PNG, in base64, of 256 colours: a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    file = io.BytesIO()
    image.quantize(256).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
