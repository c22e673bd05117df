"""The stage of the pose-guided proposals generator (RMPE ICCV, section 3.3)."""

from multiposenet.training.proposals import offsets, pgpg


def train_stage(job):
    """Fits the generator of a run, see ``registry.Stage``."""
    recipe, skeleton = job.recipe, job.samples.skeleton
    pairs = offsets.collect_file(job.samples, job.detections, recipe)
    pairs = pairs + pairs.mirrored(skeleton.flip_indices)
    return [pgpg.fit(pairs, skeleton.keypoints, **recipe.fitting)]
