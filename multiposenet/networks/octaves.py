"""An image seen at several sizes by the same network, each half the one before: octaves.

A network finds best those people who are as large as the ones that it has learnt from. With its
maps it says for every place how well it sees there, its attention; where the larger image shows a
person too large for it, the smaller one's maps take over (attention to scale, Chen et al. 2016,
arXiv 1511.03339; with one head for all sizes, as Tao et al. 2020, arXiv 2005.10821).
"""

import keras
from keras import layers, ops

from multiposenet.maths.geometry import PADDING
from multiposenet.networks.layers import BilinearDoubling, register


@register
class Halved(layers.Layer):
    """Images at half their size, each pixel the mean of four, padded where a network needs it.

    Args:
        multiple: of which sides must be; halves are padded to the next one with the letterbox's
            grey, at the right and at the bottom.

    ``(B, H, W, C)`` with sides that are multiples of it, too.
    """

    def __init__(self, multiple=32, **kwargs):
        super().__init__(**kwargs)
        self.multiple = multiple

    def call(self, images):
        surplus = self.multiple // 2
        images = ops.cast(images, self.compute_dtype)
        half = ops.average_pool(images, 2, 2, data_format="channels_last")
        padding = ((0, 0), (0, surplus), (0, surplus), (0, 0))
        half = ops.pad(half, padding, constant_values=PADDING)
        height, width = (self._side(side) for side in ops.shape(images)[1:3])
        return half[:, :height, :width]

    def compute_output_shape(self, shape):
        batch, height, width, channels = shape
        return (batch, height and self._side(height), width and self._side(width), channels)

    def _side(self, side):
        return (side + self.multiple) // (2 * self.multiple) * self.multiple

    def get_config(self):
        return {**super().get_config(), "multiple": self.multiple}


@register
class MeanOfOctaves(layers.Layer):
    """The mean of the maps of an image and of its half, weighted by a softmax of their attention.

    ``(fine, coarse)``: each a dict of ``"maps"`` and ``"attention"``, both ``(B, H, W, C)``; the
    coarse ones at least half as large as the fine ones, whose surplus is cut. The result is such a
    dict as large as the fine one, its attention that of both together, so that it may be averaged
    with still larger maps.
    """

    def call(self, fine, coarse):
        height, width = ops.shape(fine["maps"])[1:3]
        double = BilinearDoubling()
        maps, attention = (double(coarse[key])[:, :height, :width] for key in ("maps", "attention"))
        share = ops.sigmoid(fine["attention"] - attention)
        return {
            "maps": maps + share * (fine["maps"] - maps),
            "attention": ops.logaddexp(fine["attention"], attention),
        }

    def compute_output_spec(self, fine, coarse):
        maps = fine["maps"]
        return {key: keras.KerasTensor(maps.shape, maps.dtype) for key in ("maps", "attention")}


def fused(octaves):
    """``MeanOfOctaves`` of all, a list of their dicts, finest first; ``"maps"`` of the result."""
    octaves = list(octaves)
    mean = octaves.pop()
    while octaves:
        mean = MeanOfOctaves()(octaves.pop(), mean)
    return mean["maps"]
