"""`evaluate --data`: data sets that are measured by their own protocol."""

from multiposenet.commands import systems
from multiposenet.commands.labelled import photos
from multiposenet.errors import InputError

PROTOCOLS = ("mpii", "waf")


def score(args) -> tuple[dict, int, int]:
    """The figures of a data set's protocol.

    Args:
        args: of `evaluate`, with `data`.

    Returns:
        The figures, the number of photos, and of those that could not be read, on which nobody is
        found.

    Raises:
        InputError: there is no protocol for the data, an option does not go with it, or the data
            cannot be read.
        AnnotationError: its annotations are malformed.
    """
    from multiposenet.training import datasets

    kind, _, _ = datasets.split(args.data)
    if kind not in PROTOCOLS:
        raise InputError(
            f"{args.data}: --data: no protocol for {kind}; give one of {', '.join(PROTOCOLS)}, or "
            "--annotations and --images"
        )
    for option in ("annotations", "masks", "skeleton"):
        if getattr(args, option):
            raise InputError(f"--{option}: no option of --data; leave it out")
    if args.metrics not in (None, [kind]):
        raise InputError(f"--metrics: {args.data} is measured by {kind} alone; leave it out")
    measure, skeleton = _protocol(kind)
    samples = datasets.read(args.data, skeleton)
    if not samples:
        raise InputError(f"{args.data}: --data: no photo; give a folder with annotations")
    # Average precision ranks all detections: a threshold would only cut its tail off.
    pose = systems.load_system(args, score=0.0)
    found = photos.answers(
        pose, [sample.path for sample in samples], [sample.image_size for sample in samples]
    )
    return _figures(measure, samples, found, pose.skeleton)


def _figures(measure, samples, found, skeleton):
    from multiposenet.poses import Poses

    failures, pairs = 0, []
    for sample, item in zip(samples, found, strict=True):
        failed = isinstance(item, InputError)
        failures += failed
        poses = Poses.empty(skeleton, sample.image_size) if failed else item[1]
        pairs.append((sample, poses))
    return measure(pairs), len(samples), failures


def _protocol(kind):
    """What measures samples with their poses, and the skeleton of the labels."""
    from multiposenet.skeleton import LSP_14, MPII_16

    return {"mpii": (_mpii, MPII_16), "waf": (_waf, LSP_14)}[kind]


def _waf(pairs) -> dict[str, float]:
    from multiposenet.evaluation import waf

    return waf.evaluate([waf.people(sample.keypoints, poses) for sample, poses in pairs])


def _mpii(pairs) -> dict[str, float]:
    """AP on photos of several persons, PCKh on those of one."""
    import numpy as np

    from multiposenet.evaluation import mpii
    from multiposenet.evaluation.pck import overlapping

    figures = {}
    groups = [(sample, poses) for sample, poses in pairs if not sample.single]
    if groups:
        figures |= mpii.multi_person(
            [
                mpii.people(sample.keypoints, sample.head_sizes, _in_region(sample.boxes, poses))
                for sample, poses in groups
            ]
        )
    alone = [(sample, poses) for sample, poses in pairs if sample.single]
    if alone:
        places = mpii.places(alone[0][1].skeleton)
        figures |= mpii.single_person(
            np.concatenate(
                [
                    overlapping(sample.boxes, sample.keypoints, poses, places)
                    for sample, poses in alone
                ]
            ),
            np.concatenate([sample.keypoints for sample, _ in alone]),
            np.concatenate([sample.head_sizes for sample, _ in alone]),
        )
    return figures


def _in_region(boxes, poses):
    """The poses in the region of a group of persons, told by their boxes."""
    from multiposenet.evaluation import mpii

    centres, heights = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 3] - boxes[:, 1]
    return mpii.in_region(poses, centres, heights)
