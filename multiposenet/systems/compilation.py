"""Models as functions of images of any size, compiled once."""

import threading

from multiposenet.runtimes import exported, forks

_ONE_AT_A_TIME = threading.Lock()  # of all models, since some share parts


def fills_processors(model) -> bool:
    """Whether larger batches are known to be no faster (docs/speed.md)."""
    if isinstance(model, exported.ExportedModel):
        return True
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow

    return not tensorflow.config.list_physical_devices("GPU")


def compiled(model, names=None, many=False):
    """Compiles a model once for all sizes of images, where the backend can.

    Args:
        model: a `keras.Model` from images (B, H, W, 3) to a dict, or an `ExportedModel`.
        names: of the outputs that are wanted, None for all; where the backend or the runtime can,
            the others are not computed.
        many: whether many batches are to be seen, by as many threads at the same time as an
            `ExportedModel` has lanes.

    Returns:
        A function from a batch of images to the model's outputs at inference, as arrays, by the
        options that the model has when it is called. Threads may call it at the same time.
    """
    if isinstance(model, exported.ExportedModel):
        return lambda images: model(images, names, many)
    import keras

    forks.check(forks.KERAS)
    if keras.backend.backend() != "tensorflow":

        def one_at_a_time(images):
            forks.check(forks.KERAS)  # before the lock, which a fork may have left locked
            with _ONE_AT_A_TIME:  # the model's state is handed over and back
                return model.predict_on_batch(images)

        return one_at_a_time
    import tensorflow as tf

    def traced():
        # Keras' own function would be traced, and compiled with XLA, anew for every shape of the
        # input; this one is traced once for all.
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def graph(images):
            outputs = model(images, training=False)
            return {name: outputs[name] for name in names or outputs}

        if not tf.config.functions_run_eagerly():
            graph.get_concrete_function()  # traces now, within the lock
        return graph

    graphs = {}  # one, of the options that the model has

    def run(images):
        forks.check(forks.KERAS)
        with _ONE_AT_A_TIME:
            options = getattr(model, "options", None)
            if options not in graphs:
                graphs.clear()
                graphs[options] = traced()
            graph = graphs[options]
        return {name: output.numpy() for name, output in graph(images).items()}

    return run
