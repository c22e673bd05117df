"""Makes `docs/equations.md`: every equation, table and figure of the papers, and where it is here.

    python docs/make_equations.py

A docstring cites a paper as `(MultiPoseNet, section 3.2, figure 3)`, `(RMPE, equations 5 and 6)` or
by a formula's name, `(G-RMI, OKS-NMS)`. RMPE is its first version on arXiv, of which the equations
are numbered so; RMPE ICCV the published one. In the help of a verb a citation on the line of a
choice, `pr-curves   precision ...`, belongs to that choice. `docs/papers.yaml` lists what there is.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from multiposenet import cli

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "equations.md"
PACKAGES = {"multiposenet": "multiposenet", "training": "multiposenet.training"}
_NUMBERS = r"\d+(?:\.\d+)*(?:(?:, | and | to )\d+(?:\.\d+)*\b)*"
_ITEM = rf"(section|equation|table|figure)s? ({_NUMBERS})"
VERBS = {module.__name__: verb for verb, module in cli.VERBS.items()}

INTRODUCTION = """# Equations, tables and figures of the papers

Where each of them is: the function, class or module whose docstring cites it, or the command that
makes it. Made from the docstrings by `python docs/make_equations.py`; a test keeps it so.
"""


def papers() -> dict:
    """`docs/papers.yaml`: for each paper `title`, `items` (name -> what it is) and `notes`."""
    return yaml.safe_load((ROOT / "docs" / "papers.yaml").read_text(encoding="utf-8"))


def cited(text: str, known: dict) -> Iterator[tuple[str, str]]:
    """The (paper, item) that a text cites, such as ("RMPE", "equation 7")."""
    text = " ".join(text.split())
    names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    for start in re.finditer(rf"\b({names}), ", text):
        paper, rest = start[1], text[start.end() :]
        while match := re.match(rf"{_ITEM}(?:,? (?:and )?)?", rest):
            for number in _each(match[2]):
                yield paper, f"{match[1]} {number}"
            rest = rest[match.end() :]
        for item in known[paper]["items"]:
            if rest.startswith(item) and not re.match(_ITEM, item):
                yield paper, item


def _each(numbers: str) -> list[str]:
    """ "5, 6 and 9 to 11" -> 5, 6, 9, 10, 11."""
    found = []
    for word, number in re.findall(r"(, | and | to |^)(\d+(?:\.\d+)*)", numbers):
        if word == " to ":
            found += map(str, range(int(found[-1]) + 1, int(number)))
        found.append(number)
    return found


def docstrings() -> Iterator[tuple[str, Path, str]]:
    """Name, file and text of every docstring of the code, those of constants included."""
    for folder, package in PACKAGES.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            inner = path.relative_to(ROOT / folder).with_suffix("").parts
            module = ".".join([package, *inner]).removesuffix(".__init__")
            for name, text in _within(ast.parse(path.read_text(encoding="utf-8")), module):
                yield name, path, text


def _within(node, name: str) -> Iterator[tuple[str, str]]:
    if text := ast.get_docstring(node):
        yield name, text
    before = None
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef):
            yield from _within(child, f"{name}.{child.name}")
        elif isinstance(before, ast.Assign) and _is_text(child):
            yield f"{name}.{before.targets[0].id}", child.value.value
        before = child


def _is_text(node) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def places(known: dict) -> dict[tuple[str, str], list[str]]:
    """(paper, item) -> what stands for it, as Markdown, commands last."""
    found, commands = {}, {}
    for name, path, text in docstrings():
        shown = f"[`{name.removeprefix('multiposenet.')}`](../{path.relative_to(ROOT).as_posix()})"
        if name not in VERBS:
            for key in cited(text, known):
                found.setdefault(key, []).append(shown)
            continue
        for line in text.splitlines():
            choice = re.match(r"([a-z-]+) {2,}", line)
            command = f"`multiposenet {VERBS[name]}{' ' + choice[1] if choice else ''}`"
            for key in cited(line, known):
                commands.setdefault(key, []).append(command)
    keys = [*found, *(key for key in commands if key not in found)]
    return {key: list(dict.fromkeys(found.get(key, []) + commands.get(key, []))) for key in keys}


def page() -> str:
    """The text of `docs/equations.md`."""
    known, parts = papers(), [INTRODUCTION]
    where = places(known)
    for paper, described in known.items():
        parts.append(f"## {paper}\n\n{described['title']}.\n")
        rows = ["| | what | where | remark |", "|---|---|---|---|"]
        for item, what in described["items"].items():
            here = ", ".join(where.get((paper, item), []))
            if here or not item.startswith("section"):
                remark = described.get("notes", {}).get(item, "")
                rows.append(" ".join(f"| {item} | {what} | {here} | {remark} |".split()))
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
