"""G-RMI in the registry of systems."""

from multiposenet.systems.argument import BOX_OVERLAP, POSE_NMS, RESCORING, Argument, with_rules
from multiposenet.systems.registry import Entry


def _load(model, runtime=None, grmi=None, **options):
    from multiposenet.systems import grmi as system

    named = {} if grmi is None else {"network": grmi}
    return system.load_grmi(detector=model, runtime=runtime, **named, **with_rules(options))


ENTRY = Entry(
    title="G-RMI",
    summary="finds the keypoints in each of the model's boxes by disks and offsets",
    load=_load,
    arguments=(
        Argument(
            "--grmi",
            "what finds the keypoints, of the zoo, a run folder of `multiposenet train` or an "
            "exported file",
            {"metavar": "NAME|RUN|FILE"},
        ),
        POSE_NMS,
        RESCORING,
        BOX_OVERLAP,
    ),
    runtimes=("keras", "openvino", "openvino-bf16", "onnx"),
    formats=("saved_model", "onnx", "openvino", "litert"),
)
