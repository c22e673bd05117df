"""RMPE's stages on synthetic scenes: targets, losses, what a run leaves and how it is measured."""

import dataclasses
import json

import h5py
import keras
import numpy as np
import pytest
from keras import ops
from tiny_rmpe import RECIPES, SIZES, TINY

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError, WeightsError
from multiposenet.networks.pose_localisation import pose_localisation
from multiposenet.networks.proposal_network import ProposalNetwork
from multiposenet.networks.sppe import SPPEArchitecture, inference_model
from multiposenet.skeleton import COCO_17, LSP_14, Skeleton
from multiposenet.systems.sppe_files import load_network
from multiposenet.training import pipeline, recipes, run_folder
from multiposenet.training.datasets import coco, synthetic
from multiposenet.training.loop import fitting
from multiposenet.training.loop.engine import Engine
from multiposenet.training.proposals import DPG, PGPG, offsets
from multiposenet.training.proposals.mixtures import Mixture
from multiposenet.training.stages import sppe, sstn
from multiposenet.training.stages.job import Job
from multiposenet.training.tables import sppe_boxes

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eagerly", "quick_hourglass")]


@pytest.fixture(autouse=True, scope="module")
def few_epochs():
    """Step by step, an epoch of the localisation network costs more than it tells."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sstn, "EPOCHS", 1)
        yield


@pytest.fixture(scope="module")
def run(scenes, tmp_path_factory, quick_hourglass):
    """Both stages, measured on annotations of another skeleton."""
    folder = tmp_path_factory.mktemp("run")
    foreign = tmp_path_factory.mktemp("foreign")
    synthetic.write(foreign, photos=3, seed=6, people=(1, 1), skeleton=LSP_14)
    for stage, recipe in RECIPES.items():
        pipeline.train(
            stage,
            coco.read(scenes),
            folder,
            recipe,
            val_annotations=CocoAnnotations.load(foreign / "annotations.json"),
            val_images=foreign / "photos",
        )
    return folder


def arrays(model):
    return [ops.convert_to_numpy(weight) for weight in model.weights]


def same(first, second):
    return [np.array_equal(a, b) for a, b in zip(arrays(first), arrays(second), strict=True)]


# What a run leaves


def test_the_saved_result_has_no_parallel_branch(run):
    skeleton, architecture = run_folder.load_sppe_architecture(run)
    assert skeleton == COCO_17 and architecture == RECIPES["sppe"].architecture()
    localisation = architecture.localisation(run_folder.load_sppe(run))
    localisation.load_weights(run / "localisation.weights.h5")
    tuned = run_folder.load_sppe(run, "tuned_sppe")
    network, skeleton = load_network(run)[:2]
    assert skeleton == COCO_17 and all(same(network, inference_model(tuned, localisation)))
    assert len(network.weights) == len(tuned.weights) + len(localisation.weights)
    names = []
    with h5py.File(run / "rmpe.weights.h5") as file:
        file.visit(names.append)
    assert names and not any("parallel" in name for name in names)
    images = np.random.default_rng(0).uniform(0, 255, (2, 80, 80, 3)).astype("float32")
    assert network(images)["heatmaps"].shape == (2, 10, 10, 17)


def test_the_sppe_is_tuned_beside_its_file(run):
    alone, tuned = run_folder.load_sppe(run), run_folder.load_sppe(run, "tuned_sppe")
    assert not all(same(alone, tuned))


@pytest.mark.parametrize(
    "stage, figures", [("sppe", ["pck/true"]), ("sstn", ["pck/proposals", "pck/true"])]
)
def test_each_stage_is_measured_while_it_trains(run, stage, figures):
    lines = (run / f"{stage}_stage.jsonl").read_text().splitlines()
    measured = [line["validation"] for line in map(json.loads, lines) if "validation" in line]
    assert list(measured[-1]) == figures
    assert all(0 <= value <= 1 for value in measured[-1].values())


def test_killed_and_resumed(run, scenes, tmp_path, monkeypatch):
    """The frozen copy is as before, although the SPPE was learning when the run was killed; what is
    located is not learnt anew."""
    for name in ("sppe.weights.h5", "rmpe.json", sstn.LOCALISATION_START):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    monkeypatch.delattr(sstn, "train_localisation")
    samples = coco.read(scenes)
    real = sstn.CentredCropBatches.share

    def killed(self, step, process, processes):
        if step == 1:
            raise KeyboardInterrupt
        return real(self, step, process, processes)

    fit = fitting.fit
    monkeypatch.setattr(
        fitting, "fit", lambda *args, **rest: fit(*args, **rest, checkpoint_every=1)
    )
    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(sstn.CentredCropBatches, "share", killed)
        pipeline.train("sstn", samples, tmp_path, RECIPES["sstn"])
    assert not run_folder.finished(tmp_path, "sstn")
    pipeline.train("sstn", samples, tmp_path, RECIPES["sstn"], resume=True)
    starts = json.loads((tmp_path / "sstn_stage.json").read_text())["starts"]
    assert len(starts) == 2
    whole, parts = (load_network(folder)[0] for folder in (run, tmp_path))
    for a, b in zip(arrays(whole), arrays(parts), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_a_stage_of_no_steps_ends_where_boxes_are_known(run, scenes, tmp_path):
    for name in ("sppe.weights.h5", "rmpe.json"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    recipe = dataclasses.replace(RECIPES["sstn"], steps=0)
    pipeline.train("sstn", coco.read(scenes), tmp_path, recipe)
    alone, tuned = (
        run_folder.load_sppe(tmp_path),
        run_folder.load_sppe(tmp_path, "tuned_sppe"),
    )
    assert all(same(alone, tuned))
    architecture = run_folder.load_sppe_architecture(tmp_path)[1]
    localisation = architecture.localisation(alone)
    new = arrays(localisation)
    localisation.load_weights(tmp_path / "localisation.weights.h5")
    learnt = arrays(localisation)
    localisation.load_weights(tmp_path / sstn.LOCALISATION_START)
    assert all(map(np.array_equal, learnt, arrays(localisation)))
    assert not all(map(np.array_equal, learnt, new))
    with pytest.raises(ValueError, match="steps: .*at least 1"):
        dataclasses.replace(recipe, localisation_crops=0)


def test_what_stands_in_the_way(run, scenes, tmp_path):
    samples = coco.read(scenes)
    with pytest.raises(WeightsError, match="rmpe.json: file: missing; .*train sppe` first"):
        pipeline.train("sstn", samples, tmp_path, RECIPES["sstn"])
    with pytest.raises(InputError, match=r"tuned_sppe\.weights\.h5: .*--resume"):
        pipeline.train("sstn", samples, run, RECIPES["sstn"])
    with pytest.raises(InputError, match="--set: hourglass: image_size is .*multiples of 8"):
        odd = dataclasses.replace(RECIPES["sppe"], image_size=(28, 24), proposal_scale=1.0)
        pipeline.train("sppe", samples, tmp_path, odd)
    with pytest.raises(InputError, match="--set: proposal_scale: 1.1; .*multiples of 4"):
        pipeline.train(
            "sppe", samples, tmp_path, dataclasses.replace(RECIPES["sppe"], proposal_scale=1.1)
        )
    with pytest.raises(
        InputError,
        match="--set: localisation_crops: of the localisation network 'pose', .*'squeeze'",
    ):
        plain_stn = run_folder.describe_sppe(COCO_17, SPPEArchitecture((32, 32), 1, 1, 8, 1))
        (tmp_path / "other").mkdir()
        (tmp_path / "other" / "rmpe.json").write_text(json.dumps({"architecture": plain_stn}))
        (tmp_path / "other" / "sppe.weights.h5").write_bytes((run / "sppe.weights.h5").read_bytes())
        pipeline.train("sstn", samples, tmp_path / "other", RECIPES["sstn"])
    (tmp_path / "rmpe.json").write_bytes((run / "rmpe.json").read_bytes())
    with pytest.raises(
        WeightsError, match=r"sppe\.weights\.h5: file: missing; .*train sppe` first"
    ):
        pipeline.train("sstn", samples, tmp_path, RECIPES["sstn"])
    with pytest.raises(WeightsError, match="architecture: the run's other stages have"):
        other = dataclasses.replace(RECIPES["sppe"], width=16)
        pipeline.train("sppe", samples, tmp_path, other)
    (tmp_path / "rmpe.json").write_text('{"architecture": {"skeleton": "coco_17"}}')
    with pytest.raises(WeightsError, match="rmpe.json: file: damaged"):
        run_folder.load_sppe_architecture(tmp_path)


def test_focal_loss_needs_probabilities(run, scenes, tmp_path):
    linear = recipes.NanoSPPE(**TINY, **SIZES, sigmoid=False, loss="l2")
    description = run_folder.describe_sppe(COCO_17, linear.architecture())
    (tmp_path / "rmpe.json").write_text(json.dumps({"architecture": description}))
    linear.architecture().single_person(17).save_weights(tmp_path / "sppe.weights.h5")
    with pytest.raises(InputError, match="--set: loss: 'focal'.*use 'l2'"):
        pipeline.train("sstn", coco.read(scenes), tmp_path, RECIPES["sstn"])


def test_a_skeleton_of_ones_own_returns(tmp_path):
    own = Skeleton("arm", ("left_hand", "right_hand"), ((0, 1),), (0.05, 0.05))
    for skeleton in (own, LSP_14):
        description = run_folder.describe_sppe(skeleton, SPPEArchitecture(width=8))
        (tmp_path / "rmpe.json").write_text(json.dumps({"architecture": description}))
        assert run_folder.load_sppe_architecture(tmp_path) == (skeleton, SPPEArchitecture(width=8))


# Stages


def small(stacks=2):
    keras.utils.set_random_seed(0)
    architecture = SPPEArchitecture((32, 24), stacks=stacks, width=8, levels=1)
    own = architecture.single_person(3)
    return own, architecture.localisation(own)


def few_layers():
    """An SPPE of two stacks and its localisation network, to be traced quickly."""
    proposals = keras.Input((32, 24, 3))
    x = keras.layers.Rescaling(1 / 255)(proposals)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(6, 4, 4)(x))
    first = keras.layers.Conv2D(3, 1)(x)
    second = keras.layers.Conv2D(3, 3, padding="same")(first)
    network = keras.Model(proposals, {"stack1": first, "heatmaps": second}, name="sppe")
    return network, pose_localisation(network, (32, 24))


def labels():
    rng = np.random.default_rng(1)
    maps = {
        name: rng.uniform(size=(2, 8, 6, 3)).astype("float32") for name in ("target", "centred")
    }
    return {**maps, "weight": np.float32([[1, 0, 1], [1, 1, 0]])}


def images():
    return np.random.default_rng(2).uniform(0, 255, (2, 32, 24, 3)).astype("float32")


def squared_error(target, maps, weight):
    """A mean over cells, and over the keypoints that count."""
    maps, total = ops.convert_to_numpy(maps), 0.0
    for image, keypoint in np.argwhere(weight):
        total += np.mean((target[image, :, :, keypoint] - maps[image, :, :, keypoint]) ** 2)
    return total / weight.sum()


def test_every_stack_of_the_sppe_is_supervised():
    stage, y = sppe.SPPEStage(small()[0]), labels()
    maps = stage(images(), training=False)
    expected = {key: squared_error(y["target"], one, y["weight"]) for key, one in maps.items()}
    assert list(expected) == ["stack1", "heatmaps"]
    loss = stage.compute_loss(images(), y, maps)
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(sum(expected.values()), rel=1e-4)
    assert float(stage.final.result()) == pytest.approx(expected["heatmaps"], rel=1e-4)


def test_the_sstn_stage_adds_the_parallel_error_and_keeps_the_parallel_sppe(traced):
    network, localisation = few_layers()
    before = arrays(network)
    stage = sstn.SSTNStage(network, localisation, parallel=0.5, sppe_rate=0.25)
    parallel = stage.network.get_layer("parallel_sppe").model
    y = labels()
    found = stage(images(), training=False)
    expected = sum(
        share * squared_error(y[target], maps, y["weight"])
        for share, target, key in ((1, "target", "own"), (0.5, "centred", "centred"))
        for maps in found[key].values()
    )
    loss = stage.compute_loss(images(), y, found)
    assert float(ops.convert_to_numpy(loss)) == pytest.approx(expected, rel=1e-4)

    stage.compile(keras.optimizers.SGD(0.5))
    start = arrays(localisation)
    stage.train_on_batch(images(), y)
    assert all(np.array_equal(a, b) for a, b in zip(before, arrays(parallel), strict=True))
    for old, new in ((before, arrays(network)), (start, arrays(localisation))):
        assert not all(np.array_equal(a, b) for a, b in zip(old, new, strict=True))
    trained = [id(variable) for variable in stage.trainable_variables]
    slow = {id(variable) for variable in network.trainable_variables}
    assert stage.rates == [0.25 if variable in slow else 1.0 for variable in trained]
    assert set(trained) == slow | {id(variable) for variable in localisation.trainable_variables}


# Batches


# The generator of a run


def test_generators_of_a_recipe(tmp_path):
    exact = dataclasses.replace(RECIPES["sppe"], box_noise=0.0)
    assert sppe.generator(exact, tmp_path, COCO_17) is None
    noise = sppe.generator(RECIPES["sstn"], tmp_path, COCO_17)
    assert (noise.deviation, noise.names) == (RECIPES["sstn"].box_noise, COCO_17.keypoints)
    fitted = dataclasses.replace(exact, generator="pgpg")
    with pytest.raises(WeightsError, match="pgpg.npz: file: missing"):
        sppe.generator(fitted, tmp_path, COCO_17)
    still = Mixture(np.ones(1), np.zeros((1, 4)), 1e-12 * np.eye(4)[None])
    PGPG(COCO_17.keypoints, np.zeros((0, 17, 2)), [still], 0.5).save(tmp_path / "pgpg.npz")
    found = sppe.generator(fitted, tmp_path, COCO_17)
    box = np.float32([[10, 20, 60, 120]])
    drawn = found.sample(np.zeros((1, 17, 3)), box, np.random.default_rng(0))
    np.testing.assert_allclose(drawn[:, 0], box, atol=1e-2)
    with pytest.raises(WeightsError, match="pgpg.npz: names: .*lsp_14"):
        sppe.generator(fitted, tmp_path, LSP_14)


def test_the_deep_generator_draws_boxes_of_the_sstn(scenes, tmp_path):
    recipe = recipes.change(RECIPES["sstn"], {"generator": "dpg"})
    with pytest.raises(WeightsError, match="dpg.weights.h5: file: missing; .*train dpg"):
        sppe.generator(recipe, tmp_path, COCO_17)
    network = ProposalNetwork(16, channels=(4, 4), features=4)
    dpg = DPG(network, COCO_17, 0.6)
    dpg.save(tmp_path / "dpg.weights.h5")
    with pytest.raises(WeightsError, match="dpg.weights.h5: names: .*lsp_14"):
        sppe.generator(recipe, tmp_path, LSP_14)
    found = sppe.generator(recipe, tmp_path, COCO_17)
    keypoints, box = np.zeros((1, 17, 3)), np.float32([[0, 0, 1, 1]])
    drawn = found.draw(keypoints, box, np.random.default_rng(0), 3000)
    assert drawn.shape == (1, 3000, 4) and offsets.unit_iou(drawn).min() >= 0.6
    # The network sees a pooled box as it sees any other.
    rows = slice(0, 50)
    np.testing.assert_allclose(
        found._probabilities(keypoints, box, found.places[rows]),
        dpg.probabilities(keypoints, box, found.pool[rows]),
        atol=1e-6,
    )
    likely = dpg.probabilities(keypoints, box, drawn[0, :500])
    assert likely.mean() >= dpg.probabilities(keypoints, box, found.pool[:2000]).mean()
    batches = sstn.CentredCropBatches(
        coco.read(scenes), recipe, (32, 32), COCO_17.flip_indices, found
    )
    np.testing.assert_array_equal(batches(1)[0], batches(1)[0])
    assert (batches(1)[0] != batches(2)[0]).any()
    engine = Engine(precision="float32", workers=2)
    job = Job(tmp_path, recipe, [], engine)
    with pytest.raises(InputError, match="--workers: the generator 'dpg'"):
        sppe.record(job, RECIPES["sppe"].architecture())


# Figures


def test_the_table_of_a_run(run, scenes, tmp_path, capsys):
    out = tmp_path / "table.json"
    arguments = ["--run", str(run), "--draws", "2", "--json", str(out), f"coco:{scenes}"]
    assert sppe_boxes.main([*arguments, "--tuned", str(run)]) == 0
    table = json.loads(out.read_text())
    assert list(table) == [
        "sppe/true", "sppe/bad", "exact/bad", "sstn/true", "sstn/bad", "tuned/true", "tuned/bad",
    ]  # fmt: skip
    assert table["tuned/bad"] == table["sppe/bad"]
    assert all(0 <= column["mean"] <= 1 and column["nose"] >= 0 for column in table.values())
    assert table["sppe/true"]["spread"] == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("\t") == ["PCK@0.2", *table] and lines[1].startswith("mean\t")
    assert [line.split("\t")[0] for line in lines[-3:]] == [
        "regained by exact", "regained by sstn", "regained by tuned",
    ]  # fmt: skip
    assert sppe_boxes.main(["--run", str(tmp_path), f"coco:{scenes}"]) == 2
    assert "train sppe` first" in capsys.readouterr().err


def test_what_is_regained():
    table = {"sppe/true": {"mean": 0.8}, "sppe/bad": {"mean": 0.6}, "sstn/bad": {"mean": 0.75}}
    assert sppe_boxes.regained(table) == pytest.approx(0.75)
    tuned = table | {"tuned/bad": {"mean": 0.7}}
    assert sppe_boxes.regained(tuned, "tuned") == pytest.approx(0.5)
    assert np.isnan(sppe_boxes.regained(table | {"sppe/bad": {"mean": 0.8}}))
