"""Keras imported without its backend's notes, which would bury the error lines."""

import os
import sys
import tempfile
from contextlib import contextmanager

from multiposenet.errors import MultiPoseNetError


def import_keras() -> None:
    """Imports Keras without its backend's start-up notes."""
    with without_start_up_notes():
        import keras  # noqa: F401


@contextmanager
def without_start_up_notes():
    """For whatever imports Keras.

    TensorFlow writes some notes before it reads its log level, so stderr itself is held back. A
    log level set by the user (`TF_CPP_MIN_LOG_LEVEL`) is left as it is and shows everything.
    """
    if "keras" in sys.modules or "TF_CPP_MIN_LOG_LEVEL" in os.environ:
        yield
        return
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    with stderr_held_back():
        yield


@contextmanager
def stderr_held_back():
    """Drops what is written to the file descriptor of stderr, unless something unexpected is
    raised."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except MultiPoseNetError:
            raise  # says in one line all there is to say
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
