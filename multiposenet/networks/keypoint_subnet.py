"""Keypoint and person-segmentation subnet (MultiPoseNet, section 3.2, figure 3)."""

import keras
from keras import layers

from multiposenet.networks.layers import NEAR_ZERO, PRIOR_LOGIT, conv_unit


def keypoint_subnet(
    strides,
    num_keypoints,
    *,
    pyramid_channels=256,
    channels=128,
    head_channels=256,
    norm=False,
    sigmoid=False,
    concatenated=True,
    name="keypoint_subnet",
):
    """From K2...K5 to one heatmap per keypoint and a person mask at the resolution of K2.

    Every level goes through two 3x3 convolutions (D2...D5), is upsampled to K2's resolution and
    concatenated; a 3x3 convolution with ReLU and a linear 1x1 convolution follow. A 1x1 head on
    every K level gives the intermediate predictions that training supervises. All predictions are
    near zero, or the prior, at the start.

    Args:
        strides: ``{"K2": 4, "K3": 8, ...}``.
        num_keypoints: K; the output has K + 1 channels, the last one is the person mask.
        pyramid_channels: depth of K2...K5.
        channels: depth of D2...D5 (paper: 128).
        head_channels: depth of the 3x3 convolution after concatenation (the paper does not say).
        norm: batch-normalize the convolutions.
        sigmoid: the outputs are logits of a sigmoid, biased to a prior of 0.01 at the start,
            instead of the paper's linear maps.
        concatenated: D2...D5 make the final maps together; otherwise D2 does alone, "no concat" of
            MultiPoseNet, table 2.
        name: name of the model.

    Returns:
        A ``keras.Model`` from the dict K2...K5 to a dict: ``"maps"`` ``(B, H/4, W/4, K + 1)``
        and ``"K2"`` ... ``"K5"``, the intermediate predictions at their own resolution.
    """
    inputs = {key: keras.Input((None, None, pyramid_channels), name=key) for key in strides}
    head = {"kernel_initializer": NEAR_ZERO}
    if sigmoid:
        head["bias_initializer"] = keras.initializers.Constant(PRIOR_LOGIT)
    outputs, merged = {}, []
    finest = min(strides.values())
    for key, x in inputs.items():
        outputs[key] = layers.Conv2D(
            num_keypoints + 1, 1, name=f"{key.lower()}_prediction", **head
        )(x)
        if not concatenated and strides[key] > finest:
            continue
        suffix = key[-1]
        for index in (1, 2):
            x = conv_unit(x, channels, norm=norm, name=f"d{suffix}_conv{index}")
        factor = strides[key] // finest
        if factor > 1:
            x = layers.UpSampling2D(factor, name=f"d{suffix}_upsampled")(x)
        merged.append(x)
    x = layers.Concatenate(name="merged")(merged) if concatenated else merged[0]
    x = conv_unit(x, head_channels, norm=norm, name="merged_conv")
    outputs["maps"] = layers.Conv2D(num_keypoints + 1, 1, name="prediction", **head)(x)
    return keras.Model(inputs, outputs, name=name)
