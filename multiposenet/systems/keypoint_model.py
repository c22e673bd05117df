"""A single-person network with its decoder: pictures of persons in, their keypoints out."""

import keras
from keras import Input, Model, layers, ops

from multiposenet.maths.heatmaps import GaussianHeatmaps
from multiposenet.networks.layers import register


def keypoint_model(network, codec=None):
    """The whole way from pictures of persons to their keypoints in one graph.

    Args:
        network: ``keras.Model`` from pictures ``(B, H, W, 3)``, RGB 0-255, to a dict of the maps
            that the codec decodes, in the pictures' frame, such as
            ``networks.sppe.inference_model``.
        codec: a ``maths.codec.Codec``; by default Gaussians, of the stride that the maps have.

    Returns:
        A ``keras.Model`` from pictures to a dict: ``keypoints (B, K, 2)`` xy in pixels of the
        pictures and ``keypoint_scores (B, K)`` from 0 to 1.
    """
    pictures = Input(network.input_shape[1:], name="proposals")
    # Estimators compile models for images of any size; the network needs to know its own.
    images = ops.reshape(pictures, (-1, *network.input_shape[1:]))
    maps = network(images)
    if codec is None:
        codec = GaussianHeatmaps(images.shape[1] // maps["heatmaps"].shape[1])
    return Model(pictures, KeypointDecoder(codec, name="keypoints")(maps))


def exportable(network, codec, skeleton):
    """The keypoint model of a network, of operations that all runtimes have.

    Args:
        network, codec: as of ``keypoint_model``.
        skeleton: its keypoints.

    Returns:
        As of ``keypoint_model``, with the attributes ``skeleton`` and ``image_size`` that
        ``runtimes.export`` asks for.
    """
    model = keypoint_model(network, None if codec is None else codec.portable())
    model.skeleton, model.image_size = skeleton, tuple(network.input_shape[1:3])
    return model


@register
class KeypointDecoder(layers.Layer):
    """``Codec.decode_single`` as a layer, since it needs the number of pictures.

    Args:
        codec: a ``maths.codec.Codec``.
    """

    def __init__(self, codec, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.codec = codec

    def call(self, maps):
        keypoints, scores = self.codec.decode_single(maps)
        return {"keypoints": keypoints, "keypoint_scores": scores}

    def compute_output_shape(self, input_shape):
        (batch, _, _, count) = input_shape["heatmaps"]
        return {"keypoints": (batch, count, 2), "keypoint_scores": (batch, count)}

    def get_config(self):
        return {
            **super().get_config(),
            "codec": keras.saving.serialize_keras_object(self.codec),
        }

    @classmethod
    def from_config(cls, config):
        codec = keras.saving.deserialize_keras_object(config["codec"])
        return cls(**{**config, "codec": codec})
