"""MultiPoseNet in the registry of systems."""

from multiposenet.errors import InputError
from multiposenet.systems.argument import POSE_NMS, RESCORING, Argument, change, with_rules
from multiposenet.systems.registry import Entry


def _load(model, runtime=None, set=(), **options):
    from multiposenet.systems import estimator
    from multiposenet.systems.options import InferenceOptions, names

    changes = dict(set)
    if unknown := changes.keys() - {*names()}:
        known = ", ".join(names())
        raise InputError(f"--set: {min(unknown)}: no such option; use one of: {known}")
    try:
        InferenceOptions(**changes)
    except ValueError as error:
        raise InputError(f"--set: {error}") from None
    return estimator.load(model, runtime=runtime, **{**with_rules(options), **changes})


ENTRY = Entry(
    title="MultiPoseNet",
    summary="finds and groups all people at once",
    load=_load,
    arguments=(
        Argument(
            "--set",
            "an option of inference, such as nms_iou=0.5; may be repeated",
            {"type": change, "action": "append", "metavar": "NAME=VALUE"},
        ),
        POSE_NMS,
        RESCORING,
    ),
    runtimes=("keras", "openvino", "openvino-bf16", "onnx"),
    formats=("saved_model", "onnx", "openvino", "litert"),
)
