"""Arrays of PyTorch checkpoints."""

from pathlib import Path

import numpy as np

from multiposenet.errors import WeightsError


def read(path: str | Path) -> dict[str, np.ndarray]:
    """Reads the weights of a checkpoint; nothing in the file is run.

    Args:
        path: what `torch.save` wrote of a `state_dict`, or of a dict with one.

    Returns:
        Name -> array; names without the `module.` and `model.` that wrappers put before them.

    Raises:
        WeightsError: PyTorch is not installed, or the file is missing, damaged, or holds objects
            other than tensors and plain values.
    """
    try:
        import torch
    except ImportError as error:
        raise WeightsError(
            f"{path}: file: is PyTorch's, which is not installed; pip install torch"
        ) from error
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: file: no such file; check the path")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # whatever zip, pickle and PyTorch object to
        reason = " ".join(str(error).split())[:100]
        raise WeightsError(
            f"{path}: file: no checkpoint of tensors alone ({reason}); save its state_dict"
        ) from error
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    tensors = content.items() if isinstance(content, dict) else ()
    arrays = {
        _plain(name): value.float().numpy()
        for name, value in tensors
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if not arrays:
        raise WeightsError(f"{path}: file: holds no weights; save a model's state_dict")
    return arrays


def _plain(name: str) -> str:
    while name.startswith(("module.", "model.")):
        name = name.partition(".")[2]
    return name
