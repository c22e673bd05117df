"""The stages of training: which parts learn, from which tensors, by which loss.

Predictions reach ``compute_loss`` in float32, whatever the network computes in; see ``loop.fit``.
"""

import keras
from keras import layers, ops

from multiposenet.maths import boxes as box_ops
from multiposenet.training import losses
from multiposenet.training.stages.fine_tuning import freeze


class KeypointStage(keras.Model):
    """Backbone, keypoint pyramid and keypoint subnet with its intermediate predictions.

    Args:
        model: a ``MultiPoseNet``, trained in place.
        loss: function of target, maps and weight.
        intermediate: weight of each intermediate loss.
        frozen: the backbone's level up to which nothing is trained, and behind which only the
            convolutions are that mix channels; see ``fine_tuning.freeze``. ``"none"`` trains all.
        backbone_rate: the backbone's share of the learning rate.

    Attributes:
        rates: share of the learning rate of each trainable variable.
    """

    def __init__(
        self,
        model,
        loss=losses.weighted_l2,
        intermediate=1.0,
        frozen="none",
        backbone_rate=1.0,
    ):
        super().__init__(name="keypoint_stage")
        self.system = model
        self.loss_function, self.intermediate = loss, intermediate
        _train_only(model, model.backbone, model.keypoint_pyramid, model.keypoint_subnet)
        if frozen != "none":
            freeze(model.backbone, frozen)
        finest = min(model.keypoint_strides.values())
        self.upsample = {
            key: layers.UpSampling2D(stride // finest, dtype="float32")
            for key, stride in model.keypoint_strides.items()
        }
        self.final = keras.metrics.Mean("final")
        self.between = keras.metrics.Mean("intermediate")
        self.built = True
        slow = {id(variable) for variable in model.backbone.trainable_variables}
        self.rates = [
            backbone_rate if id(variable) in slow else 1.0 for variable in self.trainable_variables
        ]

    def call(self, images, training=None):
        return self.system.keypoint_maps(
            self.system.backbone(images, training=training), training=training
        )

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        target, weight = (ops.cast(y[name], "float32") for name in ("target", "weight"))
        final = self.loss_function(target, y_pred["maps"], weight)
        between = sum(
            self.loss_function(target, upsample(y_pred[key]), weight)
            for key, upsample in self.upsample.items()
        )
        self.final.update_state(final)
        self.between.update_state(between)
        return final + self.intermediate * between


class PersonStage(keras.Model):
    """Person pyramid and person subnet on a frozen backbone, batch statistics included.

    Args:
        model: a ``MultiPoseNet``, trained in place.
        gamma: focusing exponent of the focal loss.
        alpha: weight of the positive anchors in it.
    """

    def __init__(self, model, gamma=2.0, alpha=0.25):
        super().__init__(name="person_stage")
        self.system = model
        self.gamma, self.alpha = gamma, alpha
        self.focal = keras.metrics.Mean("focal")
        self.smooth_l1 = keras.metrics.Mean("smooth_l1")
        _train_only(model, model.person_pyramid, model.person_subnet)
        self.built = True

    def call(self, images, training=None):
        features = self.system.backbone(images, training=False)
        logits, deltas, anchors = self.system.person_predictions(features, training=training)
        return {"logits": logits, "deltas": deltas, "anchors": anchors}

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        deltas = box_ops.encode(y_pred["anchors"], y["boxes"])
        focal = losses.focal(y["labels"], y_pred["logits"], self.gamma, self.alpha)
        smooth_l1 = losses.smooth_l1(y["labels"], deltas, y_pred["deltas"])
        self.focal.update_state(focal)
        self.smooth_l1.update_state(smooth_l1)
        return focal + smooth_l1


def _train_only(model, *parts):
    for part in model.blocks.values():
        part.trainable = part in parts
