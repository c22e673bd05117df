"""How a localisation network learns where true boxes are, before the SSTN stage tunes it.

RMPE's localisation network learns from the error of poses alone. In a short run that is too little:
the error tells hardly more than in which direction a joint is nearer. The true boxes are known, and
what an exact STN would do follows from them.
"""

import keras
import numpy as np
from keras import ops

from multiposenet.networks.spatial_transformer import transform
from multiposenet.networks.sppe import MARGIN
from multiposenet.training.patches.targets import centring_theta
from multiposenet.training.stages.sppe import Batches

EPOCHS = 20
BATCH = 128
_RATE, _DECAY = 1e-3, 1e-2
_CORNERS = ((-1.0, -1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, 1.0))
_FAR = 0.2  # errors beyond it count linearly; 1 is half of a proposal


def locate(localisation, samples, recipe, flip_indices, proposals, image_size):
    """Trains the head of a ``pose_localisation`` in place.

    Args:
        localisation: the network.
        samples, flip_indices, proposals: as of ``sppe.train_sstn``.
        recipe: an ``SSTNRecipe``; ``located`` is how many crops are looked at, once.
        image_size: height and width of the SPPE's images.

    Returns:
        The mean ``corner_error`` on these crops, before and after.

    Raises:
        AnnotationError: no person of the samples has a labelled joint.
    """
    batches = LocatingBatches(
        samples, recipe, localisation.input_shape[1:3], flip_indices, proposals, image_size
    )
    seeing = keras.Model(localisation.input, localisation.get_layer("evidence").output)
    seen, thetas = [], []
    count = -(-recipe.located // recipe.batch_size)
    for step in range(recipe.steps, recipe.steps + count):  # crops that the stage does not see
        images, theta = batches(step)
        seen.append(seeing.predict_on_batch(images))
        thetas.append(theta)
    seen, thetas = np.concatenate(seen), np.concatenate(thetas)
    head = localisation.get_layer("head")
    updates = EPOCHS * -(-len(seen) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(_RATE, updates)
    head.compile(keras.optimizers.AdamW(rate, weight_decay=_DECAY), corner_error)
    before = head.evaluate(seen, thetas, BATCH, verbose=0)
    head.fit(seen, thetas, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    return before, head.evaluate(seen, thetas, BATCH, verbose=0)


def corner_error(exact, theta):
    """Huber error of where two maps send the corners of the STN's result, (B,).

    Args:
        exact: ``(B, 2, 3)``.
        theta: prediction of the same shape.
    """
    corners = ops.convert_to_tensor([_CORNERS], "float32")
    errors = keras.losses.huber(transform(exact, corners), transform(theta, corners), delta=_FAR)
    return ops.mean(errors, axis=-1)


class LocatingBatches(Batches):
    """``sppe.Batches`` with the maps of an exact STN as targets, ``(B, 2, 3)``."""

    def _targets(self, crops):
        boxes = np.stack([crop.box for crop in crops])
        return centring_theta(boxes, self.size, self.image_size, MARGIN)
