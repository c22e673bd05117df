"""What a run was made with: a JSON file beside its checkpoint, appended to at every start."""

import dataclasses
import datetime
import json
import platform
import subprocess
from pathlib import Path

import keras
import numpy as np

import multiposenet
from multiposenet.errors import InputError
from multiposenet.files import bounded_files
from multiposenet.files.writing import write_json

_MAX_BYTES = 1 << 26  # of the file, to which every start adds
# What may grow when a run goes on.
_LENGTHS = ("steps", "recipe.steps", "recipe.epochs")


class RunRecord:
    """The record of one stage of a run.

    It holds the stage's name, its steps, the recipe with all fields, the seed, the fingerprints of
    the data and of the photos' files, and for every start: time, step, versions, git revision,
    devices and what came out.

    Args:
        path: the JSON file.
        stage: name.
        steps: optimizer steps.
        recipe: a ``Recipe``.
        data: fingerprint of the training data, or ``None``.
        photos: fingerprint of their files, or ``None``.
    """

    def __init__(self, path, stage, steps, recipe, data, photos=None):
        self.path = Path(path)
        self._former_names = recipe.FORMER_NAMES
        kind = {"name": type(recipe).__name__}
        self.content = {
            "stage": stage,
            "steps": steps,
            "seed": recipe.seed,
            "recipe": kind | json.loads(json.dumps(dataclasses.asdict(recipe))),
            "data": data,
            "photos": photos,
            "starts": [],
        }

    def go_on(self):
        """Checks that the run so far is the same one, or a shorter one, and takes over its starts.

        Raises:
            InputError: a field differs, or the file is damaged.
        """
        if not self.path.exists():
            return
        try:
            before = bounded_files.read_json(self.path, _MAX_BYTES)
            known = _flat(before, self._former_names)
            self.content["starts"] = list(before["starts"])
        except (
            bounded_files.Unreadable, ValueError, KeyError, TypeError, AttributeError
        ) as error:  # fmt: skip
            raise InputError(f"{self.path}: file: damaged; restore or remove it") from error
        for field, value in _flat(self.content).items():
            # A recipe of an older version may lack a field.
            if field not in known or known[field] == value:
                continue
            if field in _LENGTHS and known[field] < value:
                continue
            more = " or more" if field in _LENGTHS else ""
            raise InputError(
                f"{self.path}: {field}: the run was begun with {_short(known[field])}, not "
                f"{_short(value)}; resume with the same{more}, or use another folder"
            )

    def start(self, step, engine):
        """Notes a start at a step and writes the file."""
        self.content["starts"].append(
            {
                "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "step": step,
                "versions": versions(),
                "git": revision(),
                "devices": engine.devices,
                "processes": engine.processes,
            }
        )
        write_json(self.path, self.content)

    def end(self, figures):
        """Adds figures to the last start and writes the file."""
        self.content["starts"][-1].update(figures)
        write_json(self.path, self.content)


def versions():
    """Versions of what computes."""
    backend = keras.backend.backend()
    return {
        "multiposenet": multiposenet.__version__,
        "keras": keras.__version__,
        backend: __import__(backend).__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def revision(folder=Path(__file__).parent):
    """Git revision of the checkout that holds this file, and whether it was changed since.

    Returns:
        ``{"revision": ..., "changed": ...}``; ``None`` outside a checkout.
    """

    def git(*arguments):
        command = ["git", "-C", str(folder), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    try:
        # Not the repository of a project that merely has its environment inside.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        changed = bool(git("status", "--porcelain", "--untracked-files=no"))
        return {"revision": git("rev-parse", "HEAD"), "changed": changed}
    except (OSError, subprocess.SubprocessError):
        return None


def _flat(content, former_names=None):
    names = former_names or {}
    recipe = {f"recipe.{names.get(name, name)}": v for name, v in content["recipe"].items()}
    fields = {name: content[name] for name in ("stage", "steps", "data")}
    return fields | {"photos": content.get("photos")} | recipe


def _short(value):
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
