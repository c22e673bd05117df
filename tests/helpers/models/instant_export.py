"""Exports in no time: a file of nothing that "runs" the model."""

import numpy as np

from multiposenet.runtimes import exported


def exports_are_the_model(monkeypatch, model, shift=0.0):
    """From now on, every exported file is the model, with keypoints moved by ``shift`` pixels."""

    def open_function(path, runtime):
        def run(batch, names=None):
            found = model(batch, training=False)
            found = {k: np.asarray(v) + shift * (k == "keypoints") for k, v in found.items()}
            return {name: found[name] for name in names or found}

        return run

    monkeypatch.setattr(
        "multiposenet.runtimes.export.write", lambda m, path, *rest: path.write_bytes(b"")
    )
    monkeypatch.setattr(exported, "open_function", open_function)
