"""The parts of a model in a run's folder: what one stage leaves and the next one finds.

    RUN/model.json              the arguments of MultiPoseNet
    RUN/PART.weights.h5         one file per part, written when its stage is complete
    RUN/model.weights.h5        the whole model, once all parts are there

``multiposenet predict --model RUN/model.weights.h5`` runs the result.
"""

import dataclasses
import json
from pathlib import Path

from multiposenet import skeleton as skeletons
from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.files import save_weights, write_json
from multiposenet.networks.weight_files import load_completely
from multiposenet.systems import options
from multiposenet.systems.multiposenet import MultiPoseNet

STAGES = {
    "keypoints": ("backbone", "keypoint_pyramid", "keypoint_subnet"),
    "person": ("person_pyramid", "person_subnet"),
    "prn": ("prn",),
}
PARTS = tuple(part for parts in STAGES.values() for part in parts)


def new_model(run, backbone, skeleton, weights=None, write=True):
    """The model that a run trains, noted in the run's folder by the first stage.

    Args:
        run: the folder.
        backbone: name of the backbone.
        skeleton: a ``Skeleton``.
        weights: ``None``, or ``"imagenet"`` for the backbone.
        write: whether to note it; of several processes one does.

    Returns:
        A ``MultiPoseNet`` with initial weights.

    Raises:
        WeightsError: an earlier stage of the run trained another model.
    """
    Path(run).mkdir(parents=True, exist_ok=True)
    model = MultiPoseNet(backbone, skeleton, weights=weights)
    record_architecture(Path(run) / "model.json", describe(model), write)
    return model


def record_architecture(path, architecture, write=True):
    """Notes what a run's stages train, or checks that it is what earlier ones noted.

    Args:
        path: JSON file in the run's folder.
        architecture: arguments of the model, as JSON takes them.
        write: whether to note them; of several processes one does.

    Raises:
        WeightsError: an earlier stage of the run trained another model.
    """
    wanted = json.loads(json.dumps(architecture))
    if path.exists():
        known = read_architecture(path)
        for field, value in wanted.items():
            if known.get(field) != value:
                raise WeightsError(
                    f"{path}: {field}: the run's other stages have {_short(known.get(field))}, "
                    f"this one {_short(value)}; make them equal or use another run folder"
                )
    elif write:
        write_json(path, {"architecture": wanted})


def take_pretrained(model, name, stage="keypoints"):
    """Gives a model the weights of a stage of a model of the zoo or of another run.

    The backbone must be the same. Pyramid and subnet are taken if they are, too; with other joints,
    say, they begin anew.

    Raises:
        WeightsError: the other model has another backbone, or cannot be had.
    """
    if name in zoo.names():
        source = MultiPoseNet.from_config({**zoo.entry(name)["architecture"], "weights": name})
    else:
        source = MultiPoseNet.from_config(read_architecture(Path(name) / "model.json"))
        load_parts(source, name, STAGES[stage])
    if source.backbone.name != model.backbone.name:
        raise WeightsError(
            f"{name}: backbone: is {source.backbone.name}, the recipe's is {model.backbone.name}; "
            "make them equal or use another model"
        )
    for part in STAGES[stage]:
        values = getattr(source, part).get_weights()
        if [v.shape for v in values] == [tuple(w.shape) for w in getattr(model, part).weights]:
            getattr(model, part).set_weights(values)


def describe(model):
    """The arguments that make a ``MultiPoseNet`` anew, as JSON takes them."""
    return {
        "backbone": model.get_config()["backbone"],
        "skeleton": describe_skeleton(model.skeleton),
        "architecture": dataclasses.asdict(model.architecture),
    }


def describe_skeleton(skeleton):
    """The name of a known skeleton, or the fields of another, as JSON takes them."""
    known = skeleton in (skeletons.COCO_17, skeletons.MPII_16, skeletons.LSP_14)
    return skeleton.name if known else dataclasses.asdict(skeleton)


def refuse_finished(run, stage, parts=None):
    """A stage's result is not overwritten.

    Args:
        run: the folder.
        stage: name.
        parts: names of the stage's parts; by default of MultiPoseNet's stage.

    Raises:
        InputError: the run's folder has a part of the stage.
    """
    for part in parts or STAGES[stage]:
        path = Path(run) / f"{part}.weights.h5"
        if path.exists():
            raise InputError(
                f"{path}: file: the {stage} stage of this run is finished; use another folder, "
                "go on with --resume, or move the file away"
            )


def finished(run, parts):
    """Whether a run's folder has all of these parts."""
    return all((Path(run) / f"{part}.weights.h5").exists() for part in parts)


def save_parts(model, run, stage):
    """Writes the parts that a stage has trained, and the whole model if it is complete.

    Returns:
        The files written.
    """
    files = []
    for part in STAGES[stage]:
        files.append(Path(run) / f"{part}.weights.h5")
        save_weights(getattr(model, part), files[-1])
    if finished(run, PARTS):
        files.append(Path(run) / "model.weights.h5")
        save_weights(load_model(run), files[-1])
    return files


def load_model(run):
    """The finished model of a run.

    Raises:
        WeightsError: a stage has not been run, or a file is damaged.
    """
    path = Path(run) / "model.json"
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train` first")
    model = MultiPoseNet.from_config(read_architecture(path))
    load_parts(model, run, PARTS)
    return model


def load_parts(model, run, parts):
    """Loads parts of a model from a run's folder.

    Raises:
        WeightsError: a file is missing, damaged, or of another architecture.
    """
    for part in parts:
        stage = next(stage for stage, names in STAGES.items() if part in names)
        load_part(getattr(model, part), Path(run) / f"{part}.weights.h5", stage)


def load_part(network, path, stage):
    """Loads the weights of a part that a stage leaves.

    Raises:
        WeightsError: the file is missing, damaged, or of another architecture.
    """
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train {stage}` first")
    try:
        load_completely(network, path)
    except Exception as error:  # depends on what does not fit
        raise WeightsError(
            f"{path}: weights: damaged or of another architecture; "
            f"run `multiposenet train {stage}` again"
        ) from error


def read_architecture(path):
    """What ``record_architecture`` wrote.

    Raises:
        WeightsError: the file is damaged.
    """
    try:
        return options.current(json.loads(path.read_text(encoding="utf-8"))["architecture"])
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path}: file: damaged; restore it or use another folder") from error


def _short(value):
    text = str(value.get("name", value) if isinstance(value, dict) else value)
    return text if len(text) <= 60 else text[:57] + "..."
