"""The stage of the pose-guided proposals generator (RMPE ICCV, section 3.3)."""

from multiposenet.training.proposals import offsets, pgpg


def train_stage(job):
    """Fits the generator of a run, see ``registry.Stage``."""
    recipe, skeleton = job.recipe, job.samples.skeleton
    pairs = offsets.collect(
        job.samples,
        offsets.read_detections(job.detections),
        iou=recipe.iou,
        min_score=recipe.min_score,
        exclusive=True,
        path=job.detections,
    )
    pairs = pairs + pairs.mirrored(skeleton.flip_indices)
    return [pgpg.fit(pairs, skeleton.keypoints, **recipe.fitting)]
