"""The keypoint subnet (MultiPoseNet, section 3.2) in separable convolutions.

It has the form of ``keypoint_subnet`` at a tenth of the products, and its last layers those of
MoveNet's heatmap head: fed with MoveNet's pyramid and weights (``movenet_weights``), its heatmaps
are MoveNet's from the start.
"""

import keras
from keras import layers

from multiposenet.networks.layers import NEAR_ZERO, PRIOR_LOGIT
from multiposenet.networks.movenet_pyramid import separable_unit

MASK_LOGIT = -1.5  # of a fifth, people's share of photos with people; a keypoint has one of 1 %


def separable_keypoint_subnet(
    strides,
    level_channels,
    num_keypoints,
    *,
    channels=24,
    head_channels=128,
    attention=False,
    name="keypoint_subnet",
):
    """From K2...K5 to logits of a heatmap per keypoint and a person mask, as large as K2.

    Every level is batch-normalized, since MoveNet's differ a hundredfold in size, and goes through
    two separable 3x3 convolutions (D2...D5; D2 is added to K2), is upsampled to K2's resolution and
    concatenated; a separable 3x3 convolution with ReLU and a linear 1x1 convolution follow. A 1x1
    head on every normalized level gives the intermediate predictions.

    Args:
        strides: ``{"K2": 4, "K3": 8, ...}``.
        level_channels: ``{"K2": channels, ...}``.
        num_keypoints: K; the output has K + 1 channels, the last one is the person mask.
        channels: depth of D3...D5; that of D2 is K2's.
        head_channels: depth of the convolution after concatenation.
        attention: whether there is one, see ``octaves``; at first all octaves have the same.
        name: name of the model.

    Returns:
        A ``keras.Model`` as of ``keypoint_subnet`` with ``sigmoid``; with ``"attention"``, as large
        as the maps, beside them.
    """
    inputs = {
        key: keras.Input((None, None, level_channels[key]), name=key) for key in sorted(strides)
    }
    finest = min(strides, key=strides.get)
    bias = keras.initializers.Constant([PRIOR_LOGIT] * num_keypoints + [MASK_LOGIT])
    head = {"kernel_initializer": NEAR_ZERO, "bias_initializer": bias}
    outputs, merged = {}, []
    for key, level in inputs.items():
        x = layers.BatchNormalization(name=f"{key.lower()}_bn")(level)
        outputs[key] = layers.Conv2D(
            num_keypoints + 1, 1, name=f"{key.lower()}_prediction", **head
        )(x)
        name_of, depth = f"d{key[-1]}", level.shape[-1] if key == finest else channels
        x = separable_unit(x, depth, name=f"{name_of}_conv1")
        if key == finest:
            x = separable_unit(
                x, depth, name=f"{name_of}_conv2", relu=False, kernel_initializer="zeros"
            )
            x = layers.Add(name=f"{name_of}_added")([level, x])
        else:
            x = separable_unit(x, depth, name=f"{name_of}_conv2")
            factor = strides[key] // strides[finest]
            x = layers.UpSampling2D(factor, name=f"{name_of}_upsampled")(x)
        merged.append(x)
    x = layers.Concatenate(name="merged")(merged)
    x = separable_unit(x, head_channels, name="merged_conv")
    outputs["maps"] = layers.Conv2D(num_keypoints + 1, 1, name="prediction", **head)(x)
    if attention:
        outputs["attention"] = layers.Conv2D(
            num_keypoints + 1, 1, kernel_initializer="zeros", name="attention_prediction"
        )(x)
    return keras.Model(inputs, outputs, name=name)
