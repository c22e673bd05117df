"""The fields of a stage's recipes, for its help.

They are read from the source of the recipes, since importing these loads Keras.
"""

import ast
import re
import textwrap
from collections import defaultdict
from functools import cache
from pathlib import Path

from multiposenet.training.registry import Stage

_FOLDER = Path(__file__).parent / "recipes"
_WIDTH = 96


def text(stage: Stage) -> str:
    """What each field of a stage's recipes means, and its value in every recipe."""
    recipes = {name: _fields(path) for name, path in stage.recipes.items()}
    names = dict.fromkeys(name for fields in recipes.values() for name in fields)
    lines = [f"fields of the recipes of {stage.name}, for --set NAME=VALUE:"]
    for name in names:
        meaning = next(fields[name][1] for fields in recipes.values() if name in fields)
        values = defaultdict(list)
        for recipe, fields in recipes.items():
            values[fields[name][0] if name in fields else "-"].append(recipe)
        told = "; ".join(f"{', '.join(owners)}: {value}" for value, owners in values.items())
        told = next(iter(values)) if len(values) == 1 else told
        lines += ["", f"  {name}   {told}"]
        indented = {"initial_indent": "      ", "subsequent_indent": "      "}
        lines += textwrap.wrap(meaning, _WIDTH, **indented)
    return "\n".join(lines)


@cache
def _fields(path: str) -> dict[str, tuple[str, str]]:
    """Name -> value and meaning of the fields of ``module.Class``, inherited ones first."""
    module, _, kind = path.partition(".")
    tree = ast.parse((_FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    homes = {
        alias.name: node.module.rpartition(".")[2]
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    node, fields = classes[kind], {}
    for base in (base.id for base in node.bases if isinstance(base, ast.Name)):
        if base in classes or base in homes:
            fields |= _fields(f"{module if base in classes else homes[base]}.{base}")
    meanings = _meanings(ast.get_docstring(node) or "")
    for statement in node.body:
        if isinstance(statement, ast.AnnAssign) and statement.value is not None:
            name = statement.target.id
            known = fields.get(name, ("", ""))[1]
            fields[name] = ast.unparse(statement.value), meanings.get(name, known)
    return {name: (value, meanings.get(name, known)) for name, (value, known) in fields.items()}


def _meanings(docstring: str) -> dict[str, str]:
    """Field name -> meaning, of the section of attributes."""
    _, _, section = docstring.partition("Attributes:\n")
    section = re.split(r"\n\s*\n", section)[0]
    meanings = {}
    for names, meaning in re.findall(r"^    (\w[\w, ]*): (.*(?:\n {8}.*)*)", section, re.M):
        meaning = " ".join(meaning.split()).replace("``", "")
        meanings |= dict.fromkeys((name.strip() for name in names.split(",")), meaning)
    return meanings
