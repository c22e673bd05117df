"""Candidate poses: RMPE on proposals that find a person several times, before its pose NMS."""

from multiposenet.errors import InputError
from multiposenet.sources import Frame, read_image
from multiposenet.systems.keypoint_system import detector_of
from multiposenet.systems.rmpe import RMPE

OVERLAP = 0.6
"""IoU up to which a detector's boxes are proposals, in place of its own NMS: RMPE leaves it to pose
NMS to tell who was found twice (20 to 30 proposals per photo: RMPE, section 3.2.2)."""
LEAST = 0.2
"""Score of a proposal: of ``multiposenet-lite0`` 17 per photo, 2.3 for each person found."""


def detect(name, paths, overlap=None, least=0.0):
    """Boxes of a detector.

    Args:
        name: of a model, as for ``multiposenet.load``.
        paths: of the photos.
        overlap: IoU up to which boxes of a photo are kept; None: the model's own.
        least: boxes that score less are left out.

    Returns:
        For each photo (N, 4) boxes xyxy in its pixels and (N,) scores.

    Raises:
        InputError: a photo cannot be read.
    """
    detector, found = detector_of(name, overlap), []
    frames = (Frame(read_image(path), str(path), path) for path in paths)
    for item in detector.stream(frames):
        if isinstance(item, InputError):
            raise item
        boxes, scores = item[1].boxes, item[1].box_scores
        found.append((boxes[scores >= least], scores[scores >= least]))
    return found


def poses(network, skeleton, margin, paths, proposals):
    """All poses in the proposals of some photos.

    Args:
        network: of ``systems.sppe_files.load_network``.
        skeleton: its keypoints.
        margin: of its proposals.
        paths: of the photos.
        proposals: as of ``detect``.

    Returns:
        List of ``Poses``, best first.
    """
    system = RMPE(None, network, skeleton, margin=margin, pose_nms=None, score=0.0)
    return [
        system.poses_in(path, boxes, scores)
        for path, (boxes, scores) in zip(paths, proposals, strict=True)
    ]
