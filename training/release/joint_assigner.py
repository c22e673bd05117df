"""How the bundled ``joint-assigner`` is made, from labels alone.

    python -m multiposenet.training.release.joint_assigner person_keypoints_train2017.json RUN

leaves ``joint-assigner.weights.h5`` in RUN; run again, it goes on from the last checkpoint.
"""

import sys
from pathlib import Path

import keras

from multiposenet.annotations import CocoAnnotations
from multiposenet.files import save_weights
from multiposenet.networks.joint_assigner import JointAssigner
from multiposenet.training.recipes.joint_assigner import NanoJoint
from multiposenet.training.stages import joint_assigner


def main(labels, run, recipe=None):
    """Trains a ``JointAssigner`` and saves it.

    Args:
        labels: path of COCO keypoint annotations.
        run: folder of checkpoints and the result.
        recipe: a ``JointRecipe``; by default ``NanoJoint``.

    Returns:
        Path of the weights.
    """
    recipe = recipe or NanoJoint()
    annotations = CocoAnnotations.load(labels)
    skeleton = annotations.skeleton
    keras.utils.set_random_seed(recipe.seed)
    assigner = JointAssigner(skeleton.num_keypoints)
    photos = joint_assigner.Photos(annotations)
    joint_assigner.train(assigner, photos, recipe, skeleton.flip_indices, run, resume=True)
    path = Path(run) / "joint-assigner.weights.h5"
    save_weights(assigner, path)
    return path


if __name__ == "__main__":
    print(main(*sys.argv[1:3]))
