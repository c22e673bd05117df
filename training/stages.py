"""The stages of training: which parts learn, from which tensors, by which loss."""

import keras
from keras import layers, ops

from multiposenet.training import keypoint_losses


class KeypointStage(keras.Model):
    """Backbone, keypoint pyramid and keypoint subnet with its intermediate predictions.

    Args:
        model: a ``MultiPoseNet``, trained in place.
        loss: function of target, maps and weight.
        intermediate: weight of each intermediate loss.
    """

    def __init__(self, model, loss=keypoint_losses.weighted_l2, intermediate=1.0):
        super().__init__(name="keypoint_stage")
        self.system = model
        self.loss_function, self.intermediate = loss, intermediate
        for part in (model.person_pyramid, model.person_subnet, model.prn):
            part.trainable = False
        finest = min(model.keypoint_strides.values())
        self.upsample = {
            key: layers.UpSampling2D(stride // finest)
            for key, stride in model.keypoint_strides.items()
        }
        self.built = True

    def call(self, images, training=None):
        return self.system.keypoint_maps(
            self.system.backbone(images, training=training), training=training
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, weight = y["target"], y["weight"]
        loss = self.loss_function(target, ops.cast(y_pred["maps"], "float32"), weight)
        for key, upsample in self.upsample.items():
            maps = upsample(ops.cast(y_pred[key], "float32"))
            loss = loss + self.intermediate * self.loss_function(target, maps, weight)
        return loss
