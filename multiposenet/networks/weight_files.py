"""Loading of weight files without the silent gaps that Keras allows."""

import warnings


def load_completely(model, path):
    """``model.load_weights(path)`` that raises wherever Keras only warns that it skips something.

    Args:
        model: ``keras.Model``.
        path: ``.weights.h5`` file.

    Raises:
        Exception: of a kind that depends on what is damaged, missing or does not fit.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Skipping")
        model.load_weights(path)
