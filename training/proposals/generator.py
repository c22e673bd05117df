"""What both generators of person boxes share."""

import numpy as np

from multiposenet.training.proposals import offsets


class Generator:
    """Base of the generators; a subclass has ``draw`` and ``names``, the names of its keypoints."""

    names: tuple[str, ...]

    def draw(self, keypoints, boxes, rng, count=1) -> np.ndarray:
        """(N, count, 4) offsets for some persons; arguments as of ``sample``."""
        raise NotImplementedError

    def sample(self, keypoints, boxes, rng, count=1, image_size=None, **options) -> np.ndarray:
        """Boxes as the detector would draw them.

        Args:
            keypoints: (N, K, 3) x, y, v in pixels; a person may have no keypoint.
            boxes: (N, 4) xyxy, the true boxes.
            rng: NumPy's ``Generator``.
            count: boxes per person.
            image_size: (height, width) of the photo, or (N, 2) of them, to which boxes are cut;
                None does not cut.
            **options: of the generator's ``draw``.

        Returns:
            (N, count, 4) float32 xyxy, at least a pixel wide and high.

        Raises:
            ValueError: the keypoints are not those of the generator.
        """
        keypoints = np.asarray(keypoints)
        if keypoints.shape[1:] != (len(self.names), 3):
            raise ValueError(
                f"keypoints: shape {keypoints.shape}; give (N, {len(self.names)}, 3), "
                "the keypoints that the generator was fitted on"
            )
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        drawn = self.draw(keypoints, boxes, rng, count, **options)
        return offsets.clipped(offsets.moved(boxes[:, None], drawn), image_size).astype(np.float32)
