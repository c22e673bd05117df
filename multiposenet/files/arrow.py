"""pyarrow, which reads and writes tables and other file systems, where it is installed."""

from multiposenet.errors import InputError


def modules(name):
    """`pyarrow`, `pyarrow.parquet` and `pyarrow.fs`.

    Args:
        name: what they are wanted for, for the message.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import fs, parquet
    except ImportError as error:
        raise InputError(
            f"{name}: parquet: pyarrow is not installed; pip install 'multiposenet[parquet]'"
        ) from error
    return pyarrow, parquet, fs
