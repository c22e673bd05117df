"""Stacked hourglass networks (Newell, Yang, Deng 2016, arXiv 1603.06937): pose of one person."""

from keras import Input, Model, layers

from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.layers import PRIOR_LOGIT, ImageNormalization

STEMS = {"centered": "centered", "torch": "unit"}  # and the mode of their normalization


def hourglass(
    num_keypoints,
    *,
    image_size=(256, 256),
    stacks=8,
    units=1,
    width=256,
    levels=4,
    sigmoid=False,
    stem="centered",
    name="hourglass",
):
    """A stack of hourglasses; every one gives heatmaps and hands them to the next.

    The defaults are the paper's; 2 stacks of 4 units have its depth, too.

    Args:
        num_keypoints: K.
        image_size: height and width of the images, multiples of ``4 * 2**levels``.
        stacks: hourglasses, 1 to 8 in the paper.
        units: residual units at every place of an hourglass.
        width: channels; a multiple of 8.
        levels: how often an hourglass halves the resolution.
        sigmoid: the maps are sigmoids, 0.01 at the start, instead of the paper's linear maps.
        stem: how images come in: ``"centered"``, RGB in [-1, 1], or ``"torch"``, in [0, 1] and
            padded alike on all sides, as published weights for PyTorch have it
            (``hourglass_weights``).
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to a dict of heatmaps
        ``(B, H/4, W/4, K)``: ``"heatmaps"``, the prediction, by the last stack, and ``"stack1"``,
        ``"stack2"``..., the intermediate predictions of those before it, which training
        supervises, too.

    Raises:
        ValueError: a number does not fit.
    """
    multiple = STRIDE * 2**levels
    if any(side % multiple or side < multiple for side in image_size):
        raise ValueError(f"hourglass: image_size is {image_size}; use multiples of {multiple}")
    if min(stacks, units, levels) < 1 or width % 8 or width < 8:
        raise ValueError(
            f"hourglass: stacks, units, levels, width are {stacks}, {units}, {levels}, {width}; "
            "use 1 or more and a multiple of 8 for width"
        )
    if stem not in STEMS:
        raise ValueError(f"hourglass: stem is {stem!r}; use one of {', '.join(STEMS)}")
    head = {"kernel_size": 1, "dtype": "float32"}
    if sigmoid:
        bias = {"class_name": "Constant", "config": {"value": PRIOR_LOGIT}}
        head |= {"activation": "sigmoid", "bias_initializer": bias}
    images = Input((*image_size, 3), name="images")
    x = _stem(images, width, stem)
    outputs = {}
    for stack in range(1, stacks + 1):
        place = f"stack{stack}"
        y = _hourglass(x, levels, units, place)
        y = _residuals(y, units, f"{place}_out")
        y = layers.Conv2D(width, 1, use_bias=False, name=f"{place}_features")(y)
        y = _norm_relu(y, f"{place}_features")
        maps = layers.Conv2D(num_keypoints, name=f"{place}_maps", **head)(y)
        outputs[place if stack < stacks else "heatmaps"] = maps
        if stack < stacks:
            x = layers.Add(name=f"{place}_add")(
                [
                    x,
                    layers.Conv2D(width, 1, name=f"{place}_features_back")(y),
                    layers.Conv2D(width, 1, name=f"{place}_maps_back")(maps),
                ]
            )
    return Model(images, outputs, name=name)


def compact(num_keypoints, *, image_size=(256, 256), width=96, name="hourglass"):
    """The variant for CPUs: two stacks of one unit, sigmoid maps; see ``hourglass``.

    0.95 M parameters and 1.2 G multiply-adds for an image of 256 x 256 pixels at 96 channels,
    0.43 M and 0.56 G at 64; the paper's network has 25.5 M and 27.4 G.
    """
    return hourglass(
        num_keypoints, image_size=image_size, stacks=2, width=width, sigmoid=True, name=name
    )


def _stem(images, width, stem):
    """Images to features at stride 4."""
    padding = "same"
    x = ImageNormalization(STEMS[stem], name="normalization")(images)
    if stem == "torch":
        x, padding = layers.ZeroPadding2D(3, name="stem_pad")(x), "valid"
    x = layers.Conv2D(width // 4, 7, 2, padding, use_bias=False, name="stem_conv")(x)
    x = _norm_relu(x, "stem_conv")
    x = _residual(x, width // 2, "stem_unit1")
    x = layers.MaxPooling2D(2, name="stem_pool")(x)
    x = _residual(x, width // 2, "stem_unit2")
    return _residual(x, width, "stem_unit3")


def _hourglass(x, levels, units, name):
    """Features of the same shape that have seen the whole map (figure 3 of the paper)."""
    place = f"{name}_level{levels}"
    fine = _residuals(x, units, f"{place}_skip")
    x = layers.MaxPooling2D(2, name=f"{place}_pool")(x)
    x = _residuals(x, units, f"{place}_down")
    if levels > 1:
        x = _hourglass(x, levels - 1, units, name)
    else:
        x = _residuals(x, units, f"{place}_coarsest")
    x = _residuals(x, units, f"{place}_up")
    x = layers.UpSampling2D(2, name=f"{place}_upsampled")(x)
    return layers.Add(name=f"{place}_add")([fine, x])


def _residuals(x, units, name):
    for unit in range(1, units + 1):
        x = _residual(x, x.shape[-1], f"{name}{unit}")
    return x


def _residual(x, filters, name):
    """The paper's unit: 1x1, 3x3, 1x1, half of the channels between, normalized before each."""
    shortcut = x
    if x.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, name=f"{name}_0_conv")(x)
    for index, (channels, kernel) in enumerate(
        ((filters // 2, 1), (filters // 2, 3), (filters, 1)), start=1
    ):
        x = _norm_relu(x, f"{name}_{index}")
        x = layers.Conv2D(
            channels, kernel, padding="same", use_bias=index == 3, name=f"{name}_{index}_conv"
        )(x)
    return layers.Add(name=f"{name}_add")([shortcut, x])


def _norm_relu(x, name):
    x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
