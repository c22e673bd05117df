"""RMPE's parts in a run's folder, beside those of a MultiPoseNet (``parts``).

RUN/rmpe.json                    skeleton and sizes, noted by the first stage
RUN/sppe.weights.h5              stage sppe: the SPPE, for exact boxes
RUN/located.weights.h5           stage sstn: what turns proposals, before the stage tunes it
RUN/tuned_sppe.weights.h5        stage sstn: the SPPE as it became behind the STN
RUN/localisation.weights.h5      stage sstn: what turns proposals
RUN/rmpe.weights.h5              stage sstn: the network for inference, of the two
"""

import dataclasses
from pathlib import Path

from multiposenet import skeleton as skeletons
from multiposenet.errors import WeightsError
from multiposenet.files import save_weights
from multiposenet.networks.sppe import SPPEArchitecture, inference_model
from multiposenet.training import run_folder

LOCATED = "located.weights.h5"
STAGES = {"sppe": ("sppe",), "sstn": ("tuned_sppe", "localisation")}


def describe(skeleton, architecture):
    """What a run trains, as JSON takes it."""
    return {
        "skeleton": run_folder.describe_skeleton(skeleton),
        "architecture": dataclasses.asdict(architecture),
    }


def load_architecture(run):
    """The ``Skeleton`` and the ``SPPEArchitecture`` of a run.

    Raises:
        WeightsError: no stage has noted them, or the file is damaged.
    """
    path = Path(run) / "rmpe.json"
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train sppe` first")
    try:
        fields = run_folder.read_architecture(path)
        skeleton = fields["skeleton"]
        known = isinstance(skeleton, str)
        return (
            skeletons.get(skeleton) if known else skeletons.Skeleton(**skeleton),
            SPPEArchitecture(**fields["architecture"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: file: damaged; restore it or use another folder") from error


def finished(run, stage):
    """Whether a run's folder has all parts of a stage."""
    return run_folder.finished(run, STAGES[stage])


def load_sppe(run, part="sppe"):
    """The SPPE of a run, as stage sppe left it, or as ``"tuned_sppe"``.

    Raises:
        WeightsError: its stage has not been run, or a file is damaged.
    """
    skeleton, architecture = load_architecture(run)
    sppe = architecture.hourglass(skeleton.num_keypoints)
    stage = next(stage for stage, names in STAGES.items() if part in names)
    run_folder.load_part(sppe, Path(run) / f"{part}.weights.h5", stage)
    return sppe


def save_parts(run, stage, networks):
    """Writes what a stage has trained, and the network for inference after the last one.

    Args:
        run: the folder.
        stage: name.
        networks: of the stage's parts, in their order.

    Returns:
        The files written.
    """
    files = [Path(run) / f"{part}.weights.h5" for part in STAGES[stage]]
    for network, path in zip(networks, files, strict=True):
        save_weights(network, path)
    if stage == "sstn":
        files.append(Path(run) / "rmpe.weights.h5")
        save_weights(inference_model(*networks), files[-1])
    return files
