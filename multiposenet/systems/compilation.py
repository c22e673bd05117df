"""Models as functions of images of any size, compiled once."""

from multiposenet.runtimes import exported


def fills_processors(model) -> bool:
    """Whether larger batches are known to be no faster (docs/speed.md)."""
    if isinstance(model, exported.ExportedModel):
        return True
    import keras

    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow

    return not tensorflow.config.list_physical_devices("GPU")


def compiled(model, names=None):
    """Compiles a model once for all sizes of images, where the backend can.

    Args:
        model: a `keras.Model` from images (B, H, W, 3) to a dict, or an `ExportedModel`.
        names: of the outputs that are wanted, None for all; where the backend or the runtime can,
            the others are not computed.

    Returns:
        A function from a batch of images to the model's outputs at inference, as arrays, by the
        options that the model has when it is called.
    """
    if isinstance(model, exported.ExportedModel):
        return lambda images: model(images, names)
    import keras

    if keras.backend.backend() != "tensorflow":
        return model.predict_on_batch
    import tensorflow as tf

    def traced():
        # Keras' own function would be traced, and compiled with XLA, anew for every shape of the
        # input; this one is traced once for all.
        @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32)])
        def graph(images):
            outputs = model(images, training=False)
            return {name: outputs[name] for name in names or outputs}

        return graph

    graphs = {}  # one, of the options that the model has

    def run(images):
        options = getattr(model, "options", None)
        if options not in graphs:
            graphs.clear()
            graphs[options] = traced()
        return {name: output.numpy() for name, output in graphs[options](images).items()}

    return run
