"""RMPE's stages, one after the other, on any samples.

    multiposenet train sppe --data lsp:PHOTOS --run RUN
    multiposenet train sstn --data lsp:PHOTOS --run RUN     needs the first

``pipeline.train`` comes here for both. What they leave in RUN is in ``rmpe_parts``.
"""

from pathlib import Path

import keras

from multiposenet.errors import InputError, WeightsError
from multiposenet.files import save_weights
from multiposenet.networks.sppe import inference_model
from multiposenet.training import rmpe_run_folder, run_folder
from multiposenet.training.datasets import coco
from multiposenet.training.loop.engine import Engine
from multiposenet.training.proposals import PGPG
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.stages import sppe
from multiposenet.training.stages.localisation import locate
from multiposenet.training.validation.sppe import PoseValidation


def train(
    stage,
    samples,
    run,
    recipe,
    *,
    skeleton,
    val_annotations=None,
    val_images=None,
    devices=1,
    workers=0,
    resume=False,
):
    """Trains one stage and saves its parts.

    Args:
        stage: ``"sppe"`` or ``"sstn"``.
        val_annotations: ``CocoAnnotations`` on which the stage is measured; those of another
            skeleton are, by the joints that both have.
        samples, run, recipe, skeleton, val_images, devices, workers, resume: as of
            ``pipeline.train``.

    Returns:
        The files written; of several processes, the first one writes.

    Raises:
        InputError: the folder holds an earlier run of the stage and ``resume`` is not set, or the
            recipe does not fit.
        AnnotationError: the samples do not hold what the stage learns from.
        WeightsError: an earlier stage's result or the generator is missing or of another model.
    """
    if not resume:
        run_folder.refuse_finished(run, stage, rmpe_run_folder.STAGES[stage])
    Path(run).mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(recipe.seed)
    engine = Engine(devices, recipe.precision, workers)
    with engine.scope():
        networks = _networks(stage, recipe, run, skeleton, engine)
        proposals = generator(recipe, run, skeleton)
        validate = None
        if val_annotations is not None:
            photos = coco.from_annotations(val_annotations, val_images, skeleton=skeleton)
            shown = {}
            if stage == "sstn":
                margin = rmpe_run_folder.load_architecture(run)[1].margin
                shown = {"proposals": proposals, "margin": margin}
            validate = PoseValidation(inference_model(*networks), photos, skeleton, **shown)
        if stage == "sstn" and recipe.located:
            _locate(*networks, samples, recipe, run, skeleton, proposals, engine)
        fit = sppe.train if stage == "sppe" else sppe.train_sstn
        if recipe.steps:
            fit(
                *networks,
                samples,
                recipe,
                skeleton.flip_indices,
                run,
                proposals=proposals,
                resume=resume,
                validate=validate,
                engine=engine,
            )
    return rmpe_run_folder.save_parts(run, stage, networks) if engine.writes else []


def generator(recipe, run, skeleton):
    """The recipe's generator of proposals; None for true boxes.

    Raises:
        WeightsError: the run has no ``pgpg.npz``, or it is of other joints.
    """
    if recipe.generator == "noise":
        return BoxNoise(skeleton.keypoints, recipe.box_noise) if recipe.box_noise else None
    return load_pgpg(Path(run) / "pgpg.npz", skeleton)


def load_pgpg(path, skeleton):
    """A fitted generator of proposals.

    Raises:
        WeightsError: the file is missing, damaged or of other joints.
    """
    found = PGPG.load(path)
    if found.names != skeleton.keypoints:
        raise WeightsError(
            f"{path}: names: it was fitted on other joints than {skeleton.name}; "
            "fit it on annotations of the same"
        )
    return found


def _networks(stage, recipe, run, skeleton, engine):
    """Those of the stage's parts, in their order."""
    if stage == "sppe":
        try:
            architecture = recipe.architecture()
            networks = (architecture.hourglass(skeleton.num_keypoints),)
        except ValueError as error:
            raise InputError(f"--set: {error}") from error
        if recipe.pretrained != "none":
            networks = (_pretrained(recipe.pretrained, skeleton, architecture),)
    else:
        architecture = rmpe_run_folder.load_architecture(run)[1]
        own = rmpe_run_folder.load_sppe(run)
        networks = own, architecture.localisation(own)
        if recipe.located and architecture.localiser != "pose":
            raise InputError(
                "--set: located: of the localiser 'pose', and the run's is "
                f"{architecture.localiser!r}; use 0"
            )
    described = rmpe_run_folder.describe(skeleton, architecture)
    run_folder.record_architecture(Path(run) / "rmpe.json", described, engine.writes)
    if recipe.loss == "focal" and not architecture.sigmoid:
        raise InputError(
            "--set: loss: 'focal' is of sigmoid maps, and the run's SPPE has linear ones; use 'l2'"
        )
    return networks


def _locate(own, localisation, samples, recipe, run, skeleton, proposals, engine):
    """Lets a localisation network learn where boxes are, or takes what it has learnt before."""
    path = Path(run) / rmpe_run_folder.LOCATED
    if path.is_file():
        run_folder.load_part(localisation, path, "sstn")
        return
    size = own.input_shape[1:3]
    before, after = locate(localisation, samples, recipe, skeleton.flip_indices, proposals, size)
    if engine.writes:
        print(f"located: corner error {before:.4f} -> {after:.4f} on {recipe.located} crops")
        save_weights(localisation, path)


def _pretrained(run, skeleton, architecture):
    """The SPPE of another run.

    Raises:
        WeightsError: there is none, or it has other sizes or joints.
    """
    if rmpe_run_folder.load_architecture(run) != (skeleton, architecture):
        raise WeightsError(
            f"{run}: rmpe.json: is of other sizes or joints; make them equal, or "
            "--set pretrained=none"
        )
    return rmpe_run_folder.load_sppe(run)
