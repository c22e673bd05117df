"""What every representation of keypoints as maps offers: encoding with decoding, as one object."""

from abc import ABC, abstractmethod


class Codec(ABC):
    """Keypoints to a dict of maps, for training, and back, at inference.

    The dict holds, by name, what the heads of a network predict, all with the same height and
    width in cells: for Gaussians ``"heatmaps"`` alone; another representation adds its own. Cell
    (row i, column j) of stride s has its centre at ((j + 0.5) s, (i + 0.5) s) pixels.

    A codec is hashable, equal to another one of the same numbers, and serializable by Keras.
    """

    @abstractmethod
    def encode(self, keypoints, sizes, size_hw):
        """The targets that a network learns from.

        Args:
            keypoints: ``(n, K, 3)``: x, y in pixels and visibility; those with v = 0 are left out.
            sizes: ``(n,)`` pixels, how far the marks of a person's keypoints reach.
            size_hw: height and width of the maps in cells.

        Returns:
            Dict of arrays ``(H, W, ...)`` float32, ``"heatmaps"`` with K channels.
        """

    @abstractmethod
    def decode(self, maps, max_peaks):
        """The keypoints of everybody in the images.

        Args:
            maps: dict of tensors ``(B, H, W, ...)`` as a network predicts them.
            max_peaks: P, candidates kept per keypoint; the highest ones.

        Returns:
            ``points (B, K, P, 2)`` xy in pixels and ``scores (B, K, P)`` in [0, 1], highest first;
            surplus ones have score 0.
        """

    @abstractmethod
    def decode_single(self, maps):
        """The keypoints of the one person that each image shows.

        Args:
            maps: dict of tensors ``(B, H, W, ...)`` as a network predicts them.

        Returns:
            ``points (B, K, 2)`` xy in pixels and ``scores (B, K)`` in [0, 1].
        """

    def portable(self):
        """The same codec by operations that all runtimes of exported files have."""
        return self
