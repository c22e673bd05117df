"""Says where the packages are; everything else is in setup.cfg.

The folders `training/` and `weights/` stand beside `multiposenet/` but are installed inside it, so
that site-packages never gets a package with a name as common as `training`. `find:` in setup.cfg
cannot express that, hence this file.

The same mapping has to hold for `pip install -e .`. A plain .pth entry, or the old
`setup.py develop`, puts this folder on `sys.path` and would know `training`, not
`multiposenet.training`. Setuptools 64 and later write an import finder for mapped packages
(PEP 660), and pip takes that way because pyproject.toml declares the build backend.
tests/test_packaging.py checks a wheel and an editable install.
"""

from setuptools import find_packages, setup

BESIDE = {"multiposenet.training": "training", "multiposenet.weights": "weights"}

packages = find_packages(include=["multiposenet", "multiposenet.*"])
for name, folder in BESIDE.items():
    packages += [name, *(f"{name}.{sub}" for sub in find_packages(folder))]

setup(packages=packages, package_dir=BESIDE)
