"""How the bundled ``joint-assigner`` is made, from labels alone.

    python -m multiposenet.training.release.joint_assigner person_keypoints_train2017.json RUN

leaves ``joint-assigner.weights.h5`` in RUN; run again, it goes on from the last checkpoint. It is
the stage ``joint-assigner`` by its recipe.
"""

import sys

from multiposenet.annotations import CocoAnnotations
from multiposenet.training import pipeline
from multiposenet.training.recipes.joint_assigner import NanoJointAssigner


def main(labels, run, recipe=None):
    """Trains a ``JointAssigner`` and saves it.

    Args:
        labels: path of COCO keypoint annotations.
        run: folder of checkpoints and the result.
        recipe: a ``JointAssignerRecipe``; by default ``NanoJointAssigner``.

    Returns:
        Path of the weights.
    """
    annotations = CocoAnnotations.load(labels)
    options = {"skeleton": annotations.skeleton, "resume": True}
    (path,) = pipeline.train(
        "joint-assigner", annotations, run, recipe or NanoJointAssigner(), **options
    )
    return path


if __name__ == "__main__":
    print(main(*sys.argv[1:3]))
