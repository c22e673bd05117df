"""A localisation network that sees with a trained SPPE, whose heatmaps tell where the person is."""

from keras import Input, Model, layers, ops

from multiposenet.networks.layers import FrozenCopy
from multiposenet.networks.spatial_transformer import BoundedAffine

_UNITS = (128, 64)


def pose_localisation(sppe, image_size, *, linear=0.4, shift=0.5, scale=1.0, name="localisation"):
    """Where to look, from where the first heatmaps of an SPPE are high.

    RMPE's localisation network learns to see from the pose's error alone. This one has a frozen
    copy of the SPPE up to its first heatmaps, which sees the whole proposal. Of every heatmap the
    greatest value in each row and in each column goes through two layers, all that is learnt. The
    last one starts at zero, and so theta in the middle.

    Args:
        sppe: ``keras.Model`` from images to a dict of heatmaps ``(B, h, w, K)``, such as a trained
            ``hourglass``; without weights of its own as yet if those of the result are loaded.
        image_size: height and width of the images, which the SPPE sees at its own size.
        linear, shift, scale: see ``BoundedAffine``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to theta ``(B, 2, 3)`` float32.
        Its layer ``features`` has what its layer ``head``, a ``keras.Model``, takes to theta.
    """
    maps = sppe.output.get("stack1", sppe.output["heatmaps"])
    images = Input((*image_size, 3), name="images")
    seen = layers.Resizing(*sppe.input_shape[1:3], name="resized")(images)
    maps = FrozenCopy(Model(sppe.input, maps, name="first_stack"), name="seeing")(seen)
    highest = [layers.Flatten()(ops.max(maps, axis=axis)) for axis in (1, 2)]
    x = layers.Concatenate(name="features", dtype="float32")(highest)
    head = _head(x.shape[-1], linear, shift, scale)
    return Model(images, head(x), name=name)


def _head(features, linear, shift, scale):
    x = seen = Input((features,), name="features")
    for layer, units in enumerate(_UNITS, start=1):
        x = layers.Dense(units, "relu", name=f"dense{layer}", dtype="float32")(x)
    x = layers.Dense(6, kernel_initializer="zeros", name="numbers", dtype="float32")(x)
    theta = BoundedAffine(linear, shift, scale, name="theta")(x)
    return Model(seen, theta, name="head")
