"""Would a detector draw this box around this pose? (RMPE, section 3.2.2, figure 7)

A dizygotic Siamese network: two small CNNs of the same kind, whose weights are not shared because
their inputs, a pose image and a box image, are of different kinds. A Gaussian of the l1 distance of
the two feature vectors is the probability.
"""

import keras
from keras import layers, ops

from multiposenet.networks.layers import conv_unit, register


@register
class ProposalNetwork(keras.Model):
    """Probability that a detector would draw a box, given the pose.

    Args:
        size: side of the square images in pixels, a multiple of 2 to the number of channels.
        channels: of the convolutions, each of which halves the resolution.
        features: length of the feature vectors.
        name: name of the model.

    Raises:
        ValueError: the size does not fit the number of convolutions.
    """

    def __init__(self, size=64, channels=(16, 32, 64, 64), features=64, name="proposal_network"):
        super().__init__(name=name)
        if size % 2 ** len(channels):
            raise ValueError(
                f"ProposalNetwork: size is {size}; use a multiple of {2 ** len(channels)}"
            )
        self.size, self.channels, self.features = size, tuple(channels), features
        self.pose = _branch("pose", 3, size, self.channels, features)
        self.box = _branch("box", 1, size, self.channels, features)
        # Width of the Gaussian; the distance of vectors of independent unit normals is about this.
        self.width = self.add_weight(
            shape=(), initializer=keras.initializers.Constant(float(features)), name="width"
        )
        self.built = True

    def call(self, inputs, training=None):
        """``(B,)`` probabilities, above 0 and at most 1.

        Args:
            inputs: dict of ``pose (B, S, S, 3)``, keypoints and limbs in colours of their own on
                black, and ``box (B, S, S, 1)``, the box black on white; both 0 to 1.
        """
        return ops.exp(-self.energy(self.pose(inputs["pose"]), self.box(inputs["box"])))

    def energy(self, pose, box):
        """Negative logarithm of the probability, in float32.

        Args:
            pose, box: ``(..., F)`` features, whose leading shapes broadcast.
        """
        apart = ops.cast(pose, "float32") - ops.cast(box, "float32")
        distance = ops.sum(ops.abs(apart), axis=-1)
        return 0.5 * ops.square(distance / ops.cast(self.width, "float32"))

    def get_config(self):
        return {
            "size": self.size,
            "channels": self.channels,
            "features": self.features,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        return cls(**config)


def _branch(name, depth, size, channels, features):
    image = keras.Input((size, size, depth))
    x = layers.Rescaling(2.0, -1.0)(image)
    for index, filters in enumerate(channels, start=1):
        x = conv_unit(x, filters, strides=2, name=f"{name}{index}")
    x = layers.Dense(features, name=f"{name}_features")(layers.Flatten()(x))
    return keras.Model(image, x, name=name)
