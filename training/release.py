"""From a run's folder to a released weight file with its manifest entry."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import h5py
import numpy as np

from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training import nano


def release(run, out, name="multiposenet-nano", metadata=None):
    """Collects a run's parts in one half-precision file and enters it into the manifest.

    Args:
        run: folder with the parts of all stages.
        out: folder with ``manifest.json``; gets ``NAME.weights.h5``.
        name: of the model in the manifest.
        metadata: further fields of the entry (data, metrics, recipe, licence, card); those of an
            existing entry stay otherwise.

    Returns:
        Path of the weight file.
    """
    out = Path(out)
    model = MultiPoseNet("nano")
    for parts in nano.PARTS.values():
        nano.load_parts(model, run, parts)
    partial, path = out / f".{name}.partial.weights.h5", out / f"{name}.weights.h5"
    model.save_weights(partial)
    half_precision(partial)
    data = partial.read_bytes()
    os.replace(partial, path)
    manifest_path = out / "manifest.json"
    manifest = json.loads(manifest_path.read_text())
    entry = {
        **manifest["models"].get(name, {}),
        **(metadata or {}),
        "architecture": {
            "backbone": "nano",
            "architecture": dataclasses.asdict(model.architecture),
        },
        "file": path.name,
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
        "url": None,
    }
    manifest["models"][name] = entry
    partial = manifest_path.with_suffix(".partial")
    partial.write_text(json.dumps(manifest, indent=2) + "\n")
    os.replace(partial, manifest_path)
    return path


def half_precision(path):
    """Rewrites a weight file with float32 arrays stored as compressed float16, in place."""
    source, target = Path(path), Path(path).with_suffix(".half")
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name, item):
            if isinstance(item, h5py.Group):
                group = new.require_group(name)
            else:
                value = item[()]
                if value.dtype == np.float32:
                    value = value.astype(np.float16)
                group = new.create_dataset(
                    name, data=value, **({"compression": 9} if value.ndim else {})
                )
            group.attrs.update(item.attrs)

        old.visititems(copy)
        new.attrs.update(old.attrs)
    os.replace(target, source)
