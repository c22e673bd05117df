"""What pip installs: from a wheel (built from the source archive) and from an editable install,
each in an environment of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ["setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"]
FOLDERS = ["multiposenet", "training", "weights"]

# Imports the packages and prints their files as paths within `multiposenet`; in a wheel the two
# others are folders of the first, in an editable install they are elsewhere.
LIST = """
import importlib.resources
import multiposenet, multiposenet.training, multiposenet.weights, multiposenet.zoo
for package in "", "training/", "weights/":
    root = importlib.resources.files(("multiposenet." + package).rstrip("./"))
    for path in root.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            print(package + path.relative_to(root).as_posix())
multiposenet.zoo.names()
"""

TOP_LEVEL = "from importlib.util import find_spec as f; print(f('training'), f('weights'))"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    """A copy of the project: building leaves nothing in the real one."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    junk = shutil.ignore_patterns("__pycache__")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=junk)
    # Whatever there is now: a weight file, a card and a package within training/ are installed too.
    (folder / "weights" / "extra.weights.h5").write_bytes(b"weights")
    (folder / "weights" / "cards").mkdir(exist_ok=True)
    (folder / "weights" / "cards" / "extra.md").write_text("# Card\n")
    (folder / "training" / "inner").mkdir()
    (folder / "training" / "inner" / "__init__.py").write_text("")
    return folder


@pytest.fixture(scope="module")
def expected(checkout) -> set[str]:
    """Everything that has to be installed, as paths within `multiposenet`."""
    homes = {"": "multiposenet", "training/": "training", "weights/": "weights"}
    return {
        prefix + path.relative_to(checkout / folder).as_posix()
        for prefix, folder in homes.items()
        for path in (checkout / folder).rglob("*")
        if path.is_file()
    }


def test_wheel(checkout, expected, tmp_path):
    # build makes the source archive first and the wheel from it, so both are complete.
    python(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path / "dist", checkout)
    (archive,) = (tmp_path / "dist").glob("*.tar.gz")
    assert any(name.endswith("/LICENSE") for name in tarfile.open(archive).getnames())
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"multiposenet"}

    environment = make_environment(tmp_path / "env")
    install(environment, wheel)
    assert installed(environment, tmp_path) == expected
    assert python(environment, "-I", "-c", TOP_LEVEL).split() == ["None", "None"]
    script = environment.parent / ("multiposenet.exe" if os.name == "nt" else "multiposenet")
    assert python(script, "--version", cwd=tmp_path).startswith("multiposenet 0.")


def test_editable_install(checkout, expected, tmp_path):
    environment = make_environment(tmp_path / "env")
    # The build backend of this environment builds for the other one: no network needed.
    (site_packages(environment) / "backend.pth").write_text(sysconfig.get_path("purelib"))
    install(environment, "--no-build-isolation", "--editable", checkout)
    assert installed(environment, tmp_path) == expected
    assert python(environment, "-I", "-c", TOP_LEVEL).split() == ["None", "None"]
    # From within the checkout too, where the folder `multiposenet` itself is on the path.
    assert installed(environment, checkout, isolated=False) == expected
    (checkout / "training" / "later.py").write_text("VALUE = 3\n")
    code = "from multiposenet.training.later import VALUE; print(VALUE)"
    assert python(environment, "-I", "-c", code, cwd=tmp_path).strip() == "3"
    (checkout / "training" / "later.py").unlink()


def make_environment(folder: Path) -> Path:
    """An empty virtual environment without pip; returns its Python."""
    venv.create(folder, with_pip=False, symlinks=os.name != "nt")
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def site_packages(environment: Path) -> Path:
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    return Path(python(environment, "-I", "-c", code).strip())


def install(environment, *what):
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    python(sys.executable, "-m", "pip", "--python", environment, "install", *options, *what)


def installed(environment, folder, isolated=True) -> set[str]:
    flags = ["-I"] if isolated else []
    return set(python(environment, *flags, "-c", LIST, cwd=folder).splitlines())


def python(*command, cwd=None) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PIP_"))}
    clean["PYTHONDONTWRITEBYTECODE"] = "1"
    command = [str(part) for part in command]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=clean)
    assert answer.returncode == 0, f"{command}\n{answer.stdout}\n{answer.stderr}"
    return answer.stdout


def test_python_started_in_the_checkout_has_weights_and_training():
    """Without the finder of an editable install: the checkout hides an installed package."""
    program = """
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path_hooks[:] = [hook for hook in sys.path_hooks if "editable" not in repr(hook).lower()]
sys.path.insert(0, ".")
import multiposenet.zoo
print(multiposenet.__file__, multiposenet.zoo.resolve("multiposenet-nano").is_file())
import multiposenet.training.datasets
"""
    answer = subprocess.run(
        [sys.executable, "-I", "-c", program], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == [str(ROOT / "multiposenet" / "__init__.py"), "True"]
