"""TensorBoard's event files."""

import errno
import shutil
from contextlib import contextmanager

import keras


class EventWriter:
    """Writes scalars that ``tensorboard --logdir RUN/tensorboard`` shows.

    Needs TensorFlow as the backend, though not TensorBoard; on others it does nothing.

    Args:
        folder: of the event files, emptied first: what a run that was killed has written after
            its last checkpoint is written again.
        known: iterable of ``(step, figures)``, those before this start.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, folder, known=()):
        self._writer = None
        if keras.backend.backend() != "tensorflow":
            return
        import tensorflow as tf

        shutil.rmtree(folder, ignore_errors=True)
        self._tensorflow, self._folder = tf, str(folder)
        self._writer = tf.summary.create_file_writer(str(folder))
        metadata = tf.compat.v1.SummaryMetadata
        self._scalar = metadata(plugin_data=metadata.PluginData(plugin_name="scalars"))
        for step, figures in known:
            self.write(step, figures)

    def write(self, step, figures):
        """Writes a dict of numbers for a step."""
        if self._writer is None:
            return
        tf = self._tensorflow
        with self._plain_errors(), self._writer.as_default(), tf.device("CPU:0"):
            for name, value in figures.items():
                # What tf.summary.scalar does, which exists only where TensorBoard is installed.
                tf.summary.write(name, tf.constant(value, tf.float32), step, self._scalar)
            self._writer.flush()

    def close(self):
        """Finishes the file."""
        if self._writer is not None:
            with self._plain_errors():
                self._writer.close()

    @contextmanager
    def _plain_errors(self):
        try:
            yield
        except self._tensorflow.errors.OpError as error:
            self._writer = None  # it would fail again at its end
            what = "cannot be written; is the disk full?"
            raise OSError(errno.EIO, what, self._folder) from error
