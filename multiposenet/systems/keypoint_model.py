"""A single-person network with its decoder: pictures of persons in, their keypoints out."""

from keras import Input, Model, layers, ops

from multiposenet.maths import heatmaps
from multiposenet.networks.layers import register


def keypoint_model(network, name="rmpe"):
    """The whole way from proposals to joints in one graph.

    Args:
        network: ``keras.Model`` from proposals ``(B, H, W, 3)``, RGB 0-255, to a dict with
            ``heatmaps (B, H/s, W/s, K)`` in the proposals' frame, s whole, such as
            ``networks.sppe.inference_model``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from proposals to a dict: ``keypoints (B, K, 2)`` xy in pixels of the
        proposals' images and ``keypoint_scores (B, K)`` from 0 to 1.
    """
    proposals = Input(network.input_shape[1:], name="proposals")
    # Estimators compile models for images of any size; the network needs to know its own.
    images = ops.reshape(proposals, (-1, *network.input_shape[1:]))
    maps = network(images)["heatmaps"]
    outputs = KeypointDecoder(images.shape[1] // maps.shape[1], name="joints")(maps)
    return Model(proposals, outputs, name=name)


@register
class KeypointDecoder(layers.Layer):
    """``heatmaps.decode_single`` as a layer, since it needs the number of crops.

    Args:
        stride: pixels per cell.
    """

    def __init__(self, stride, *, dtype="float32", **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        self.stride = stride

    def call(self, maps):
        keypoints, scores = heatmaps.decode_single(maps, self.stride)
        # Linear maps, the paper's, are not confined to 0 and 1.
        return {"keypoints": keypoints, "keypoint_scores": ops.clip(scores, 0.0, 1.0)}

    def compute_output_shape(self, input_shape):
        (batch, _, _, joints) = input_shape
        return {"keypoints": (batch, joints, 2), "keypoint_scores": (batch, joints)}

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}
