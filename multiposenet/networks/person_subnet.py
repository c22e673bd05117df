"""Person detection subnet: RetinaNet's heads with one class (MultiPoseNet, section 3.3)."""

import keras
from keras import layers, ops

from multiposenet.networks.layers import PRIOR_LOGIT

LEVELS = ("P3", "P4", "P5", "P6", "P7")


def person_subnet(*, num_anchors=9, channels=256, depth=4, norm=False, name="person_subnet"):
    """Classification and box regression heads, shared by P3...P7.

    Focal-loss training needs the classification bias at -log((1 - 0.01) / 0.01), so that every
    anchor starts with a person probability of 0.01 (RetinaNet, section 4.1).

    Args:
        num_anchors: anchors per cell.
        channels: depth of the pyramid and of the heads.
        depth: 3x3 convolutions in each head before the output convolution.
        norm: batch-normalize the convolutions, with statistics of each level's own: sharing them
            over levels of different scale does not train.
        name: name of the model.

    Returns:
        A ``keras.Model`` from the dict P3...P7 to ``{"logits": (B, A), "deltas": (B, A, 4)}``
        with the anchors of all levels in the order of ``anchors.AnchorSpec``.
    """
    inputs = {key: keras.Input((None, None, channels), name=key) for key in LEVELS}
    normal = keras.initializers.RandomNormal(stddev=0.01, seed=0)
    outputs = {}
    for output, values, bias in (("logits", 1, PRIOR_LOGIT), ("deltas", 4, 0.0)):
        maps = dict(inputs)
        for index in range(1, depth + 1):
            convolution = layers.Conv2D(
                channels,
                3,
                padding="same",
                use_bias=not norm,
                kernel_initializer="he_normal" if norm else normal,
                name=f"{output}_conv{index}",
            )
            for key, x in maps.items():
                x = convolution(x)
                if norm:
                    x = layers.BatchNormalization(name=f"{output}_conv{index}_{key.lower()}_bn")(x)
                maps[key] = ops.relu(x)
        convolution = layers.Conv2D(
            num_anchors * values,
            3,
            padding="same",
            kernel_initializer=normal,
            bias_initializer=keras.initializers.Constant(bias),
            name=output,
        )
        flat = layers.Reshape((-1, values), name=f"{output}_flat")
        parts = [flat(convolution(x)) for x in maps.values()]
        outputs[output] = layers.Concatenate(axis=1, name=f"{output}_all")(parts)
    outputs["logits"] = ops.squeeze(outputs["logits"], axis=-1)
    return keras.Model(inputs, outputs, name=name)
