"""The parts of networks in a run's folder: what one stage leaves and the next one finds.

    RUN/model.json              the arguments of MultiPoseNet; a detector's untrained parts
    RUN/rmpe.json               skeleton and sizes of RMPE's network
    RUN/PART.weights.h5         a file for each part (``registry``), written when its stage is done
    RUN/model.weights.h5        the whole MultiPoseNet, once all parts are there
    RUN/rmpe.weights.h5         RMPE's network for inference, of tuned_sppe and localisation

``multiposenet predict --model RUN/model.weights.h5`` and ``--system rmpe --sppe RUN`` run the
results.
"""

import dataclasses
import json
from pathlib import Path

import keras

from multiposenet import skeleton as skeletons
from multiposenet.errors import InputError, WeightsError
from multiposenet.files import checksums
from multiposenet.files.writing import remove_partials, save_weights
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.networks.sppe import SPPEArchitecture, current_names, inference_model
from multiposenet.systems import architecture_files, options
from multiposenet.systems.architecture import architecture_for
from multiposenet.systems.multiposenet import MultiPoseNet
from multiposenet.training.registry import STAGES, of_system

# What a run trains

_CHOSEN = ("concatenated", "octaves")  # of the architecture, by the keypoint stage's recipe
_RECORDS = {"multiposenet": "model.json", "rmpe": "rmpe.json"}


def record_architecture(path, architecture, write=True):
    """Records what a run's stages train, or checks that it is what earlier ones recorded.

    Args:
        path: JSON file in the run's folder.
        architecture: arguments of the model, as JSON takes them.
        write: whether to record them; of several processes one does.

    Raises:
        WeightsError: an earlier stage of the run trained another model.
    """
    wanted = json.loads(json.dumps(architecture))
    if path.exists():
        known = read_architecture(path)
        if isinstance(known.get("architecture"), dict):
            known["architecture"] = current_names(known["architecture"])
            if "backbone" in wanted:  # of before there were octaves
                known["architecture"].setdefault("octaves", 1)
        for field, value in wanted.items():
            if known.get(field) != value:
                raise WeightsError(
                    f"{path}: {field}: the run's other stages have {_short(known.get(field))}, "
                    f"this one {_short(value)}; make them equal or use another run folder"
                )
    elif write:
        architecture_files.write(path, wanted)


def read_architecture(path):
    """What ``record_architecture`` wrote.

    Raises:
        WeightsError: the file is damaged.
    """
    return options.current(
        architecture_files.read(path, "restore it, run the first stage, or use another folder")
    )


def recorded_skeleton(run, system):
    """The keypoints that the stages of a system train in a run; None if none has begun.

    Raises:
        WeightsError: the file is damaged.
    """
    path = Path(run) / _RECORDS.get(system, "")
    if system not in _RECORDS or not path.exists():
        return None
    architecture = read_architecture(path)
    try:
        return architecture_files.skeleton_of(architecture)
    except (InputError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: skeleton: damaged; restore it or use another folder"
        ) from error


def describe_model(model):
    """The arguments that make a ``MultiPoseNet`` anew, as JSON takes them."""
    return {
        "backbone": model.get_config()["backbone"],
        "skeleton": describe_skeleton(model.skeleton),
        "architecture": dataclasses.asdict(model.architecture),
    }


def describe_sppe(skeleton, architecture):
    """The keypoints and the ``SPPEArchitecture`` of RMPE's network, as JSON takes them."""
    return {
        "skeleton": describe_skeleton(skeleton),
        "architecture": dataclasses.asdict(architecture),
    }


def describe_skeleton(skeleton):
    """The name of a known skeleton, or the fields of another, as JSON takes them."""
    known = skeleton in (skeletons.COCO_17, skeletons.MPII_16, skeletons.LSP_14)
    return skeleton.name if known else dataclasses.asdict(skeleton)


def _short(value):
    text = str(value.get("name", value) if isinstance(value, dict) else value)
    return text if len(text) <= 60 else text[:57] + "..."


# What a stage leaves


def finished(run, *stages):
    """Whether a run's folder has all files of these stages."""
    files = (file for stage in stages for file in STAGES[stage].files)
    return all((Path(run) / file).exists() for file in files)


def refuse_finished(run, stage):
    """A stage's result is not overwritten.

    Raises:
        InputError: the run's folder has a file of the stage.
    """
    for file in STAGES[stage].files:
        path = Path(run) / file
        if path.exists():
            raise InputError(
                f"{path}: file: the {stage} stage of this run is finished; use another folder, "
                "go on with --resume, or move the file away"
            )


def save_parts(run, stage, networks):
    """Writes what a stage has trained, and the whole network of its system if it is complete.

    Args:
        run: the folder.
        stage: name.
        networks: of the stage's parts, in their order: ``keras.Model``s, or what has a method
            ``save`` of its own.

    Returns:
        The files written.
    """
    run = Path(run)
    run.mkdir(parents=True, exist_ok=True)
    files = [run / file for file in STAGES[stage].files]
    remove_partials(*files, *map(checksums.sidecar, files))  # of killed processes
    system = STAGES[stage].system
    if system == "multiposenet":
        _note_trained(run, STAGES[stage].parts)
    for network, path in zip(networks, files, strict=True):
        if isinstance(network, keras.Model):
            save_weights(network, path)
        else:
            network.save(path)
    if system and _complete(run, system):
        name, load = NETWORKS[system]
        files.append(run / name)
        save_weights(load(run), files[-1])
    return files


def _complete(run, system):
    """Whether all parts of a system are there, but for those that a detector does without."""
    parts = {part: file for stage in of_system(system) for part, file in _files(stage)}
    return all((run / parts[part]).exists() for part in parts.keys() - set(untrained(run)))


def _files(stage):
    return zip(stage.parts, stage.files, strict=True)


def untrained(run):
    """Parts of a ``MultiPoseNet`` that nobody has trained, if a folder is a detector's alone.

    Raises:
        WeightsError: the folder's ``model.json`` is damaged.
    """
    return architecture_files.untrained(Path(run) / _RECORDS["multiposenet"])


def _note_trained(run, parts):
    """A detector that gets further parts says so before it has them, lest they be overlooked."""
    missing, path = untrained(run), run / "model.json"
    if set(missing) & set(parts):
        left = [part for part in missing if part not in parts]
        architecture_files.write(path, read_architecture(path), left)


def load_part(network, run, part):
    """Loads the weights of a part that a stage has left.

    Raises:
        WeightsError: the file is missing, damaged, or of another architecture.
    """
    stage = next(stage for stage in STAGES.values() if part in stage.parts)
    load_weights(network, Path(run) / stage.files[stage.parts.index(part)], stage.name)


def load_weights(network, path, stage):
    """Loads a weight file of a stage.

    Raises:
        WeightsError: the file is missing, damaged, or of another architecture.
    """
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train {stage}` first")
    try:
        load_completely(network, path)
    except WeightsError:
        raise
    except Exception as error:  # depends on what does not fit
        raise WeightsError(
            f"{path}: weights: damaged or of another architecture; "
            f"run `multiposenet train {stage}` again"
        ) from error


# MultiPoseNet


def begun(run):
    """Whether a stage of a ``MultiPoseNet`` has recorded in a run's folder what it trains."""
    return (Path(run) / _RECORDS["multiposenet"]).exists()


def new_model(run, backbone, skeleton, weights=None, write=True, **sizes):
    """The model that a run trains, recorded in the run's folder by the first stage.

    Args:
        run: the folder.
        backbone: name of the backbone.
        skeleton: a ``Skeleton``.
        weights: ``None``, or ``"imagenet"`` for the backbone.
        write: whether to record it; of several processes one does.
        **sizes: fields of the ``Architecture``; of ``concatenated`` and ``octaves``, what is not
            given, or None, is as the run's other stages have it.

    Returns:
        A ``MultiPoseNet`` with initial weights.

    Raises:
        WeightsError: an earlier stage of the run trained another model.
    """
    path = Path(run) / "model.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read_architecture(path).get("architecture") if begun(run) else None
    given = {name: size for name, size in sizes.items() if size is not None}
    if isinstance(known, dict):
        given = {name: known[name] for name in _CHOSEN if name in known} | given
    architecture = dataclasses.replace(architecture_for(backbone), **given)
    model = MultiPoseNet(backbone, skeleton, weights=weights, architecture=architecture)
    record_architecture(path, describe_model(model), write)
    return model


def load_parts(model, run, *stages):
    """Loads what stages have left of a ``MultiPoseNet``; of a detector only what it has.

    Raises:
        WeightsError: a file is missing, damaged, or of another architecture.
    """
    missing = untrained(run)
    for stage in stages:
        for part in STAGES[stage].parts:
            if part not in missing:
                load_part(getattr(model, part), run, part)


def go_on_from_detector(model, detector, run, write=True):
    """Makes a run that of a detector, on the backbone of another one.

    Args:
        model: the run's ``MultiPoseNet``, which gets the backbone.
        detector: folder of the other one.
        run: the folder.
        write: whether to write its files; of several processes one does.

    Raises:
        WeightsError: a file is missing, damaged, or of another architecture.
    """
    load_parts(model, detector, "keypoints")
    if not write:
        return
    missing, described = untrained(detector), describe_model(model)
    known = read_architecture(Path(detector) / "model.json")
    if "options" in known:
        described["options"] = known["options"]
    architecture_files.write(Path(run) / "model.json", described, missing)
    for part, file in _files(STAGES["keypoints"]):
        if part not in missing:
            save_weights(getattr(model, part), Path(run) / file)


def load_model(run):
    """The finished ``MultiPoseNet`` of a run.

    Raises:
        WeightsError: a stage has not been run, or a file is damaged.
    """
    path = Path(run) / "model.json"
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train` first")
    model = MultiPoseNet.from_config(read_architecture(path))
    load_parts(model, run, *(stage.name for stage in of_system("multiposenet")))
    return model


# RMPE


def load_sppe_architecture(run):
    """The ``Skeleton`` and the ``SPPEArchitecture`` of a run.

    Raises:
        WeightsError: no stage has recorded them, or the file is damaged.
    """
    path = Path(run) / "rmpe.json"
    if not path.exists():
        raise WeightsError(f"{path}: file: missing; run `multiposenet train sppe` first")
    try:
        fields = read_architecture(path)
        skeleton = architecture_files.skeleton_of(fields)
        return skeleton, SPPEArchitecture.from_dict(fields["architecture"])
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path}: file: damaged; restore it or use another folder") from error


def load_sppe(run, part="sppe"):
    """The SPPE of a run, as stage sppe left it, or as ``"tuned_sppe"``.

    Raises:
        WeightsError: its stage has not been run, or a file is damaged.
    """
    skeleton, architecture = load_sppe_architecture(run)
    sppe = architecture.single_person(skeleton.num_keypoints)
    load_part(sppe, run, part)
    return sppe


def load_rmpe(run):
    """RMPE's finished network for inference, as its weight file has it.

    Raises:
        WeightsError: a stage has not been run, or a file is damaged.
    """
    sppe = load_sppe(run, "tuned_sppe")
    localisation = load_sppe_architecture(run)[1].localisation(sppe)
    load_part(localisation, run, "localisation")
    return inference_model(sppe, localisation)


NETWORKS = {
    "multiposenet": ("model.weights.h5", load_model),
    "rmpe": ("rmpe.weights.h5", load_rmpe),
}
"""Name of the file of a whole network, and what loads its parts, of each system."""
