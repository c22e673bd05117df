"""RMPE in the registry of systems."""

from multiposenet.systems.argument import BOX_OVERLAP, POSE_NMS, RESCORING, Argument, with_rules
from multiposenet.systems.registry import Entry


def _load(model, runtime=None, **options):
    from multiposenet.systems import rmpe

    return rmpe.load_rmpe(detector=model, runtime=runtime, **with_rules(options))


ENTRY = Entry(
    title="RMPE",
    summary="finds the keypoints in each of the model's boxes",
    load=_load,
    arguments=(
        Argument(
            "--sppe",
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
