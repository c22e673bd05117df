"""From a run's folder to a released weight file with its manifest entry."""

import json
from pathlib import Path

import h5py
import numpy as np

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.files import checksums
from multiposenet.files.writing import atomic_write
from multiposenet.training import run_folder


def release(run, out, name="multiposenet-nano", metadata=None):
    """Collects a run's parts in one half-precision file and enters it into the manifest.

    Args:
        run: folder with the parts of all stages.
        out: folder with ``manifest.json``; gets ``NAME.weights.h5``.
        name: of the model in the manifest.
        metadata: further fields of the entry (data, metrics, recipe, licence, card); those of an
            existing entry stay otherwise, but for the metrics of the old weights.

    Returns:
        Path of the weight file.

    Raises:
        WeightsError: a part is missing or damaged, or its weights exceed half precision.
    """
    model = run_folder.load_model(run)
    return enter(model, run_folder.describe_model(model), out, name, metadata)


def enter(model, architecture, out, name, metadata=None, kind="models"):
    """Writes a model's weights in half precision and enters them into the manifest.

    Args:
        model: ``keras.Model``.
        architecture: what makes the model anew, as JSON takes it.
        out, name, metadata: as of ``release``.
        kind: of the model, as of ``zoo.names``.

    Returns:
        Path of the weight file.

    Raises:
        WeightsError: the weights exceed half precision.
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    path, manifest_path = out / f"{name}.weights.h5", out / "manifest.json"
    manifest = {"format": zoo.FORMAT, "models": {}}
    if manifest_path.exists():
        manifest = json.loads(manifest_path.read_text())
    entries = manifest.setdefault(kind, {})
    known = {k: v for k, v in entries.get(name, {}).items() if k != "metrics"}
    with atomic_write(path) as partial:
        model.save_weights(partial)
        half_precision(partial)
        entries[name] = {
            **known,
            **(metadata or {}),
            "architecture": architecture,
            "file": path.name,
            "sha256": checksums.sha256_of(partial),
            "bytes": partial.stat().st_size,
            "url": None,
        }
    with atomic_write(manifest_path) as partial:
        partial.write_text(json.dumps(manifest, indent=2) + "\n")
    return path


def half_precision(path):
    """Rewrites a weight file with float32 arrays stored as compressed float16, in place.

    Raises:
        WeightsError: a value is too large or not finite; the file stays as it is.
    """
    source = Path(path)

    def copy(name, item):
        if isinstance(item, h5py.Group):
            group = new.require_group(name)
        else:
            value = item[()]
            if value.dtype == np.float32:
                with np.errstate(over="ignore"):
                    value = value.astype(np.float16)
                if not np.isfinite(value).all():
                    raise WeightsError(
                        f"{source}: {name}: exceeds half precision; keep the file in float32"
                    )
            options = {"compression": 9} if value.ndim else {}
            group = new.create_dataset(name, data=value, **options)
        group.attrs.update(item.attrs)

    with atomic_write(source) as target:
        with h5py.File(source) as old, h5py.File(target, "w") as new:
            old.visititems(copy)
            new.attrs.update(old.attrs)
