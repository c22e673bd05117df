"""Known holes in what is installed with the package: no floor is below what mends them."""

import configparser
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parent.parent


def advisories():
    lines = (ROOT / ".ci" / "advisories.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(maxsplit=3) for line in lines if not line.startswith("#")]
    return [(name.lower(), Version(mended), known) for name, mended, known, _ in rows]


def requirements():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [config["options"]["install_requires"], *config["options.extras_require"].values()]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    lines = [line for text in texts for line in text.splitlines()] + build["requires"]
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def floor(requirement):
    """The least version that a requirement lets in."""
    given = [Version(s.version) for s in requirement.specifier if s.operator in (">=", "==", "~=")]
    return max(given, default=Version("0"))


def test_no_floor_is_below_an_advisory():
    low = [
        f"{requirement} lets in {known}, mended in {mended}"
        for requirement in requirements()
        for name, mended, known in advisories()
        if requirement.name.lower() == name and floor(requirement) < mended
    ]
    assert not low


def test_every_advisory_is_of_something_required():
    assert {name for name, _, _ in advisories()} <= {each.name.lower() for each in requirements()}


@pytest.mark.parametrize(("name", "mended", "known"), advisories(), ids=lambda value: str(value))
def test_what_is_installed_here_is_not_below(name, mended, known):
    try:
        installed = Version(metadata.version(name))
    except metadata.PackageNotFoundError:
        pytest.skip("not installed")
    assert installed >= mended, known
