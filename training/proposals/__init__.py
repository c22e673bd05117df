"""Person boxes as a detector would draw them, to train a pose estimator on (RMPE).

offsets.py      detections matched to true persons; box offsets and what may become of them
mixtures.py     Gaussian mixtures by expectation-maximization
generator.py    what both generators share
pgpg.py         pose-guided generator: atomic poses, a mixture of offsets for each
rendering.py    poses and boxes as small images
dpg.py          deep generator: random boxes, chosen by a dizygotic Siamese network
box_noise.py    Gaussian noise, of a detector about which nothing is known
pose_clusters.py k-means of poses under OKS

Both generators have ``sample(keypoints, boxes, rng, count)``.
"""

from multiposenet.training.proposals.dpg import DPG
from multiposenet.training.proposals.pgpg import PGPG, fit

__all__ = ["DPG", "PGPG", "fit"]
