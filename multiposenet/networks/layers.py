"""The small layers that several networks share."""

import math

import keras
from keras import layers, ops

# The logit of 0.01: heads that find rare things start with this probability everywhere, or their
# first steps would be spent on the background (RetinaNet, section 4.1).
PRIOR_LOGIT = -math.log((1 - 0.01) / 0.01)

# Heads of maps that are nearly empty start near zero: a Glorot kernel on features that nothing
# normalizes costs a thousand times the loss of predicting nothing, and undoing it takes the first
# hundreds of steps.
NEAR_ZERO = keras.initializers.RandomNormal(stddev=1e-3, seed=0)

register = keras.saving.register_keras_serializable(package="multiposenet")


@register
class ImageNormalization(layers.Layer):
    """Turns RGB images of 0-255 into what a backbone expects.

    Args:
        mode: ``"caffe"`` gives BGR minus the ImageNet mean (the ResNets of
            ``keras.applications`` and of keras-retinanet); ``"torch"`` gives RGB of 0-1 minus the
            ImageNet mean, divided by the deviation (torchvision's networks); ``"centered"`` gives
            RGB in [-1, 1], ``"unit"`` in [0, 1].
    """

    BGR_MEAN = (103.939, 116.779, 123.68)
    RGB_MEAN, RGB_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    MODES = ("caffe", "torch", "centered", "unit")

    def __init__(self, mode, **kwargs):
        super().__init__(**kwargs)
        if mode not in self.MODES:
            raise ValueError(
                f"ImageNormalization: mode is {mode!r}; use one of {', '.join(self.MODES)}"
            )
        self.mode = mode

    def call(self, images):
        images = ops.cast(images, self.compute_dtype)
        if self.mode == "centered":
            return images / 127.5 - 1.0
        if self.mode == "unit":
            return images / 255.0
        if self.mode == "torch":
            mean, deviation = (
                ops.convert_to_tensor(values, images.dtype)
                for values in (self.RGB_MEAN, self.RGB_DEVIATION)
            )
            return (images / 255.0 - mean) / deviation
        return ops.flip(images, axis=-1) - ops.convert_to_tensor(self.BGR_MEAN, images.dtype)

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "mode": self.mode}


@register
class UpsampleLike(layers.Layer):
    """Nearest-neighbour upsampling of a coarse map to the size of a finer one.

    The coarse map may be up to one cell short of an exact factor, as it is when a strided
    convolution meets an odd size; the surplus is cut at the right and bottom.
    """

    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.upsample = layers.UpSampling2D(factor)

    def build(self, coarse_shape, fine_shape):
        # Otherwise Keras would build by a call, which the torch backend makes with real tensors
        # of thousands of channels.
        self.upsample.build(coarse_shape)

    def call(self, coarse, fine):
        height, width = ops.shape(fine)[1:3]
        return self.upsample(coarse)[:, :height, :width]

    def compute_output_shape(self, coarse_shape, fine_shape):
        return (*fine_shape[:3], coarse_shape[3])

    def get_config(self):
        return {**super().get_config(), "factor": self.factor}


@register
class BilinearDoubling(layers.Layer):
    """Maps of twice the size, interpolated between the centres of cells.

    Equal to ``UpSampling2D(2, interpolation="bilinear")``, which needs a fixed size.
    """

    def call(self, x):
        return _doubled(_doubled(x, 1), 2)

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return (batch, height and 2 * height, width and 2 * width, channels)


def _doubled(x, axis):
    """Rows (axis 1) or columns (axis 2) of ``(B, H, W, C)`` at a quarter and three quarters."""
    cells = (slice(None),) * axis
    before = ops.concatenate([x[(*cells, slice(1))], x[(*cells, slice(-1))]], axis)
    after = ops.concatenate([x[(*cells, slice(1, None))], x[(*cells, slice(-1, None))]], axis)
    both = ops.stack([0.75 * x + 0.25 * before, 0.75 * x + 0.25 * after], axis + 1)
    shape = list(ops.shape(x))
    shape[axis] = 2 * shape[axis]
    return ops.reshape(both, (-1, *shape[1:]))


def conv_unit(
    x,
    filters,
    kernel_size=3,
    *,
    name,
    strides=1,
    padding="same",
    norm=False,
    relu=True,
    **kwargs,
):
    """Convolution, optionally batch-normalized, optionally rectified (functional)."""
    x = layers.Conv2D(
        filters, kernel_size, strides, padding, use_bias=not norm, name=name, **kwargs
    )(x)
    if norm:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x) if relu else x


@register
class FrozenCopy(layers.Layer):
    """A copy of a model as it is now, which never learns and always acts as in inference.

    Args:
        model: a ``keras.Model``.
    """

    def __init__(self, model, **kwargs):
        super().__init__(**kwargs)
        self.model = type(model).from_config(model.get_config())
        self.model.set_weights(model.get_weights())
        self.model.trainable = False

    @property
    def trainable(self):
        """Always false, also if the models around it are made trainable."""
        return False

    @trainable.setter
    def trainable(self, value):
        pass

    def call(self, x):
        # Said here, since a functional model hands `training` to every layer whose call has it.
        return self.model(x, training=False)

    def compute_output_spec(self, x):
        """By the layers' own; else Keras would trace the model's whole call."""
        return self.model.compute_output_spec(x, training=False)

    def get_config(self):
        return {**super().get_config(), "model": keras.saving.serialize_keras_object(self.model)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config.pop("model")), **config)
