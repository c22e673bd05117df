"""The poses that a Pose Residual Network has learnt, in clusters (MultiPoseNet, figure 2, right).

The paper takes the network's highest cell of every keypoint, and clusters the poses so made by
k-means under OKS. So do `outputs` and `clusters`; `draw` shows the centres.
"""

import numpy as np
from keras import ops
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from multiposenet import plotting
from multiposenet.errors import AnnotationError
from multiposenet.networks import roi_crop
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.training.proposals import pose_clusters

# Area of a person as a share of its box: the mean over COCO's persons.
AREA_SHARE = 0.53
LEAST_KEYPOINTS = 3
_PERSONS = 256  # in a call of the network, about
_RESTARTS = 12  # the best of which is within 0.2 % of the best of all seen
_COMMON = 0.4  # share of a cluster's members that have a keypoint which is drawn
_COLOURS = {"left": plotting.BLUE, "right": plotting.ORANGE}


def outputs(prn, annotations) -> tuple[np.ndarray, np.ndarray]:
    """Where the network expects the keypoints of every person, given all keypoints of the photo.

    Args:
        prn: a `PoseResidualNetwork` or another assigner with `logits`.
        annotations: `CocoAnnotations`; persons with more than two keypoints count.

    Returns:
        (n, K, 2) xy in cells of the grid, 36 wide and 56 high, and (n, K) bool: the keypoints that
        the person's labels have.

    Raises:
        AnnotationError: there is no such person.
    """
    # Photos with as many persons go together: shapes are few and nothing is padding.
    by_count = {}
    for record in annotations.images:
        by_count.setdefault(len(record), []).append(record)
    poses, visible = [], []
    for count, records in by_count.items():
        size = max(1, _PERSONS // max(count, 1))
        for start in range(0, len(records) if count else 0, size):
            batch = records[start : start + size]
            places, labelled = _outputs(prn, batch)
            crowd = np.concatenate([record.crowd for record in batch])
            kept = ~crowd & (labelled.sum(axis=1) >= LEAST_KEYPOINTS)
            poses.append(places[kept])
            visible.append(labelled[kept])
    if not sum(map(len, poses)):
        raise AnnotationError(
            f"{annotations.path}: keypoints: no person has more than two; "
            "give annotations with keypoints"
        )
    return np.concatenate(poses), np.concatenate(visible)


def _outputs(prn, records):
    boxes = np.stack([record.boxes for record in records])
    keypoints = np.stack([record.keypoints for record in records])  # (B, N, K, 3)
    points = ops.convert_to_tensor(keypoints[..., :2].transpose(0, 2, 1, 3))
    scores = ops.convert_to_tensor((keypoints[..., 2] > 0).transpose(0, 2, 1).astype(np.float32))
    rows, columns, _ = roi_crop.grid_weights(points, ops.convert_to_tensor(boxes))
    maps = prn.logits(roi_crop.crop(rows, columns, scores), training=False)
    frame = np.tile(np.array([0, 0, WIDTH, HEIGHT], np.float32), (*boxes.shape[:2], 1))
    places = ops.convert_to_numpy(roi_crop.highest_cell(maps, ops.convert_to_tensor(frame)))
    num_keypoints = places.shape[2]
    return places.reshape(-1, num_keypoints, 2), (keypoints[..., 2] > 0).reshape(-1, num_keypoints)


def clusters(poses, visible, skeleton, count=6, seed=0) -> pose_clusters.Clusters:
    """Clusters poses on the grid; arguments as returned by `outputs`."""
    area = AREA_SHARE * WIDTH * HEIGHT
    options = {"seed": seed, "restarts": _RESTARTS}
    return pose_clusters.cluster(poses, visible, area, skeleton.sigmas, count, **options)


def draw(found: pose_clusters.Clusters, visible, skeleton) -> Figure:
    """The centres in boxes of the grid's shape, with the share of the persons in each cluster.

    Keypoints that fewer than 40 % of a cluster's members have are left out.

    Args:
        found: of `clusters`.
        visible: (n, K) bool, the keypoints of the poses that were clustered.
        skeleton: names and limbs of the keypoints.
    """
    count = len(found.centres)
    columns = min(count, 6)
    rows = -(-count // columns)
    with plotting.look():
        figure, axes = plotting.panels(rows, columns, size=(1.4, 2.5))
        for axis in axes.flat:
            axis.set(xlim=(-2, WIDTH + 2), ylim=(HEIGHT + 2, -2), aspect="equal")
            axis.axis("off")
        for index, axis in zip(range(count), axes.flat, strict=False):
            members = np.flatnonzero(found.members == index)
            axis.add_patch(Rectangle((0, 0), WIDTH, HEIGHT, facecolor="#f5f5f3", edgecolor="none"))
            if len(members):
                common = visible[members].mean(axis=0) >= _COMMON
                _skeleton(axis, found.centres[index], common, skeleton)
                similarity = f"OKS {found.similarity[members].mean():.2f}"
                axis.text(WIDTH / 2, HEIGHT + 1, similarity, va="top", ha="center", fontsize=7.5)
            axis.set_title(f"{found.shares[index]:.0%}", loc="center", pad=3)
        figure.supxlabel(
            "share of the persons; mean OKS with the centre; left side blue, right side orange",
            fontsize=7.5,
            color=plotting.GREY,
        )
    return figure


def _skeleton(axis, keypoints, shown, skeleton) -> None:
    colours = [_colour(skeleton, keypoint) for keypoint in range(skeleton.num_keypoints)]
    for start, end in skeleton.limbs:
        if shown[start] and shown[end]:
            # A limb across the body, such as from hip to hip, is of neither side.
            sides = {colours[start], colours[end]} - {plotting.INK}
            colour = sides.pop() if len(sides) == 1 else plotting.INK
            axis.plot(*keypoints[[start, end]].T, color=colour, linewidth=2.6)
    own = [colour for colour, there in zip(colours, shown, strict=True) if there]
    axis.scatter(*keypoints[shown].T, s=9, c=own, zorder=3)


def _colour(skeleton, keypoint) -> str:
    return _COLOURS.get(skeleton.keypoints[keypoint].split("_")[0], plotting.INK)
