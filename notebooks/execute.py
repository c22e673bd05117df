"""Executes notebooks from top to bottom and stores their outputs.

    python notebooks/execute.py [NOTEBOOK ...]

Without names all of them. What libraries say on stderr while they start is not stored, and pictures
are stored in 256 colours. Cells tagged `fact` print what must be the same on every machine, such as
parameter counts: `tests/test_notebooks.py` runs the notebooks, too, and compares these.
"""

import base64
import contextlib
import io
import os
import sys
from pathlib import Path

import nbclient
import nbformat
from PIL import Image

FOLDER = Path(__file__).resolve().parent
SECONDS = 600  # for one cell
QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "PYTHONWARNINGS": "ignore"}


@contextlib.contextmanager
def kernel():
    """A `nbclient.NotebookClient` with a process that executes what it is given, until the end."""
    options = {"timeout": SECONDS, "kernel_name": "python3", "record_timing": False}
    client = nbclient.NotebookClient(nbformat.v4.new_notebook(), **options)
    with client.setup_kernel(cwd=str(FOLDER), env={**os.environ, **QUIET}):
        yield client


def execute(path: Path, client, first: str = ""):
    """The notebook with the outputs of a new run; CellExecutionError if a cell fails.

    Args:
        path: of the notebook.
        client: of a `kernel`.
        first: code that runs before its first cell.
    """
    client.nb = notebook = nbformat.read(path, as_version=4)
    if first:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(first))
    client.execute(cleanup_kc=False)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(o for o in cell.outputs if o.get("name") != "stderr")
    return notebook


def facts(notebook) -> list[str]:
    """What the cells tagged `fact` print or show as text."""
    return [
        "".join(output.get("text", "") or output.data["text/plain"] for output in cell.outputs)
        for cell in notebook.cells
        if "fact" in cell.metadata.get("tags", ())
    ]


def store(notebook, path: Path):
    """Writes a notebook that has been run."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output.data["image/png"] = _smaller(output.data["image/png"])
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


def _joined(outputs) -> list:
    """Texts that were printed one after the other as one, however they were cut in transit."""
    result = []
    for output in outputs:
        if result and output.output_type == "stream" == result[-1].output_type:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def _smaller(picture: str) -> str:
    """The same PNG, in base64, of 256 colours: a third of the size."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    file = io.BytesIO()
    image.quantize(256).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


if __name__ == "__main__":
    for name in sys.argv[1:] or sorted(FOLDER.glob("*.ipynb")):
        with kernel() as client:
            store(execute(Path(name), client), Path(name))
