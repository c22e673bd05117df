"""The stages of training: which parts learn, from which tensors, by which loss."""

import keras
import numpy as np
from keras import ops

from multiposenet import boxes as box_ops
from multiposenet.training import keypoint_losses, losses


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
        self.built = True

    def call(self, images, training=None):
        return self.system.keypoint_maps(
            self.system.backbone(images, training=training), training=training
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, weight = y["target"], y["weight"]
        size = tuple(target.shape[1:3])
        loss = self.loss_function(target, ops.cast(y_pred["maps"], "float32"), weight)
        for key in ("K2", "K3", "K4", "K5"):
            maps = ops.image.resize(ops.cast(y_pred[key], "float32"), size, data_format=CHANNELS)
            loss = loss + self.intermediate * self.loss_function(target, maps, weight)
        return loss


CHANNELS = "channels_last"
