"""TensorBoard's event files."""

from pathlib import Path


class EventWriter:
    """Writes scalars that ``tensorboard --logdir RUN/tensorboard`` shows.

    Needs TensorFlow, but not TensorBoard; without TensorFlow nothing is written.

    Args:
        folder: of the event files; every start of a training adds one.
    """

    def __init__(self, folder):
        self._writer = None
        try:
            import tensorflow as tf
        except ImportError:
            return
        self._tensorflow = tf
        self._writer = tf.summary.create_file_writer(str(Path(folder)))
        proto = tf.compat.v1.SummaryMetadata
        self._kind = proto(plugin_data=proto.PluginData(plugin_name="scalars"))

    def write(self, step, figures):
        """Writes a dict of numbers for a step."""
        if self._writer is None:
            return
        tf = self._tensorflow
        # Kept off an accelerator, and out of a strategy's hands.
        with self._writer.as_default(), tf.device("CPU:0"):
            for name, value in figures.items():
                # tf.summary.scalar is this line, but only where TensorBoard is installed.
                tf.summary.write(name, tf.constant(value, tf.float32), step, self._kind)
            self._writer.flush()

    def close(self):
        """Finishes the file."""
        if self._writer is not None:
            self._writer.close()
