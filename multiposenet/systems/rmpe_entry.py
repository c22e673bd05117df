"""RMPE in the registry of systems."""

from multiposenet.systems.argument import Argument, share
from multiposenet.systems.registry import Entry


def _load(model, runtime=None, **options):
    from multiposenet.systems import rmpe

    if "pose_nms" in options:
        from multiposenet.systems import pose_nms

        options["pose_nms"] = pose_nms.rule(options["pose_nms"])
    return rmpe.load_rmpe(detector=model, **options)


ENTRY = Entry(
    title="RMPE",
    summary="finds the keypoints in each of the model's boxes",
    load=_load,
    arguments=(
        Argument(
            "--sppe",
            "what finds the keypoints, of the zoo or a run folder of `multiposenet train`",
            {"metavar": "NAME|RUN"},
        ),
        Argument(
            "--pose-nms",
            "which poses are of one person: by parameters that learn-pose-nms wrote (default: "
            "those of the SPPE), by OKS-NMS, by OKS-NMS that lowers scores; none keeps all poses",
            {"metavar": "FILE|oks|soft-oks|none"},
        ),
        Argument(
            "--box-overlap",
            "up to which the model's boxes are kept (default: as the SPPE has learnt)",
            {"type": share, "metavar": "IOU"},
        ),
    ),
)
