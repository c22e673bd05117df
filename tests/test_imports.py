"""Imports point one way: a module imports only what stands before it in ORDER."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The one list of the order. A name stands for the module or for every module of the package; the
# modules within one package may import each other as long as there is no cycle.
ORDER = [
    "multiposenet",  # __init__: imports nothing when imported
    "multiposenet.keras_objects",
    "multiposenet.errors",
    "multiposenet.keras_start",
    "multiposenet.overlapped",
    "multiposenet.signals",
    "multiposenet.ranges",
    "multiposenet.files",
    "multiposenet.weights",
    "multiposenet.zoo",
    "multiposenet.keypoint_names",
    "multiposenet.skeleton",
    "multiposenet.maths",
    "multiposenet.drawing",
    "multiposenet.plotting",
    "multiposenet.sources",
    "multiposenet.person",
    "multiposenet.formats",
    "multiposenet.poses",
    "multiposenet.result_tables",
    "multiposenet.video",
    "multiposenet.json_table",
    "multiposenet.categories",
    "multiposenet.segmentations",
    "multiposenet.annotations",
    "multiposenet.label_formats",
    "multiposenet.networks",
    "multiposenet.runtimes",
    "multiposenet.systems",
    "multiposenet.web",
    "multiposenet.live",
    "multiposenet.ray",
    "multiposenet.evaluation",
    "multiposenet.training",  # __init__
    "multiposenet.training.registry",
    "multiposenet.training.recipe_help",
    "multiposenet.training.recipes",
    "multiposenet.training.losses",
    "multiposenet.training.datasets",
    "multiposenet.training.proposals",
    "multiposenet.training.patches",
    "multiposenet.training.loop",
    "multiposenet.training.grouping",
    "multiposenet.training.validation",
    "multiposenet.training.run_folder",
    "multiposenet.training.stages",
    "multiposenet.training.pipeline",
    "multiposenet.training.runs",
    "multiposenet.training.pose_nms",
    "multiposenet.training.figures",
    "multiposenet.training.tables",
    "multiposenet.training.release",
    "multiposenet.commands",
    "multiposenet.cli",
    "multiposenet.__main__",
]
# Allowed to import upwards, but only inside a function or for type checking.
LAZY = {"multiposenet"}
PACKAGES = {
    "multiposenet": ROOT / "multiposenet",
    "multiposenet.training": ROOT / "training",
    "multiposenet.weights": ROOT / "weights",
}


def modules() -> dict[str, Path]:
    """Dotted name -> file of every module of the project."""
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            name = ".".join([package, *parts]).removesuffix(".__init__")
            found[name] = path
    return found


def imports(name: str, path: Path, known) -> set[str]:
    """Project modules that a module imports anywhere in its code, `from package import module`
    counted as an import of the module."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [base])])
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in known else base)
    return {module for module in found if module.split(".")[0] == "multiposenet"} - {name}


def place(name: str) -> str | None:
    """The entry of ORDER a module belongs to; None when it has none."""
    if name in ORDER:
        return name
    package = name.rpartition(".")[0]
    # "multiposenet" stands for its __init__ alone, else every module would have a place.
    return place(package) if package != "multiposenet" and package else None


def upward(edges: dict[str, set[str]]) -> list[str]:
    return sorted(
        f"{name} imports {target}"
        for name, targets in edges.items()
        if name not in LAZY
        for target in targets
        if None not in (place(name), place(target))
        and ORDER.index(place(target)) > ORDER.index(place(name))
    )


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Modules on one import cycle, or an empty list."""
    done = set()

    def visit(name, path):
        if name in path:
            return path[path.index(name) :] + [name]
        if name not in done:
            for target in sorted(edges.get(name, ())):
                if found := visit(target, [*path, name]):
                    return found
            done.add(name)
        return []

    for name in sorted(edges):
        if found := visit(name, []):
            return found
    return []


@pytest.fixture(scope="module")
def edges():
    known = modules()
    return {name: imports(name, path, known) for name, path in known.items()}


def test_every_module_has_a_place(edges):
    assert [name for name in edges if place(name) is None] == []


def test_every_place_is_taken(edges):
    assert [name for name in ORDER if name not in edges] == []


def test_imports_name_modules_that_exist(edges):
    missing = {(name, t) for name, targets in edges.items() for t in targets if t not in edges}
    assert missing == set()


def test_no_import_points_upwards(edges):
    assert upward(edges) == []


def test_no_cycle(edges):
    assert cycle({name: targets for name, targets in edges.items() if name not in LAZY}) == []


def test_library_does_not_know_training(edges):
    """But for `multiposenet.fit`, of which `multiposenet` knows where it is once it is asked for;
    its import for type checkers is the only one."""
    users = {
        name
        for name, targets in edges.items()
        for target in targets
        if target.startswith("multiposenet.training")
        and not name.startswith("multiposenet.training")
        and (name, target) != ("multiposenet", "multiposenet.training.runs.fit")
    }
    allowed = ("multiposenet.cli", "multiposenet.commands")
    assert {name for name in users if not name.startswith(allowed)} == set()


def test_the_checks_see_what_they_should(tmp_path):
    (tmp_path / "poses.py").write_text(
        "from .maths import boxes\ndef f():\n    from multiposenet.systems.estimator import load\n"
    )
    known = {"multiposenet.maths.boxes", "multiposenet.systems.estimator", "multiposenet.poses"}
    found = imports("multiposenet.poses", tmp_path / "poses.py", known)
    assert found == {"multiposenet.maths.boxes", "multiposenet.systems.estimator"}
    assert upward({"multiposenet.poses": found}) == [
        "multiposenet.poses imports multiposenet.systems.estimator"
    ]
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) == []
    assert place("multiposenet.unlisted") is None
