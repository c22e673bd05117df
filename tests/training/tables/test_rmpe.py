"""Table 5 of RMPE on synthetic scenes: rows, what is trained for them, how they are measured."""

import json
import shutil

import numpy as np
import pytest
from tiny_rmpe import RECIPES, SIZES, TINY

from multiposenet import cli
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import InputError, WeightsError
from multiposenet.networks.sppe import SPPEArchitecture
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.training import datasets, run_folder
from multiposenet.training.datasets import synthetic
from multiposenet.training.pose_nms import metrics, parameter_search
from multiposenet.training.registry import STAGES
from multiposenet.training.tables import rmpe, rmpe_candidates, rmpe_rules, rmpe_variants

pytestmark = pytest.mark.usefixtures("eagerly", "quick_hourglass")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Scenes to train on, others to measure, and photos of one person in other keypoints."""
    folder = tmp_path_factory.mktemp("data")
    synthetic.write(folder / "train", photos=5, seed=1, people=(3, 4))
    synthetic.write(folder / "test", photos=6, seed=2, people=(2, 3))
    synthetic.write(folder / "single", photos=5, seed=3, people=(1, 1), skeleton=LSP_14)
    return folder


@pytest.fixture
def detector(data, monkeypatch):
    """Finds everybody three times, about where they are; the fixture lists its calls."""
    boxes = {}
    for name in ("train", "test"):
        annotations = CocoAnnotations.load(data / name / "annotations.json")
        for record in annotations.images:
            boxes[data / name / "photos" / record.file_name] = record.boxes[~record.crowd]
    calls = []

    def detect(name, paths, overlap=None, least=0.0):
        calls.append((name, overlap, least))
        rng, found = np.random.default_rng(0), []
        for path in paths:
            own = np.repeat(boxes[path], 3, axis=0)
            sides = np.tile(own[:, 2:] - own[:, :2], 2)
            own = own + rng.normal(0, 0.04, own.shape) * sides
            found.append((own.astype(np.float32), rng.uniform(0.3, 0.9, len(own))))
        return found

    monkeypatch.setattr(rmpe_candidates, "detect", detect)
    monkeypatch.setattr(rmpe, "DRAWS", 5)
    monkeypatch.setattr(parameter_search, "_CELLS", 9)
    return calls


@pytest.fixture(scope="module")
def networks(tmp_path_factory, quick_hourglass):
    """A run of both stages whose networks are as they begin."""
    run, architecture = tmp_path_factory.mktemp("networks"), RECIPES["sppe"].architecture()
    run_folder.record_architecture(
        run / "rmpe.json", run_folder.describe_sppe(COCO_17, architecture)
    )
    sppe = architecture.single_person(17)
    run_folder.save_parts(run, "sppe", (sppe,))
    run_folder.save_parts(run, "sstn", (sppe, architecture.localisation(sppe)))
    return run


@pytest.fixture
def stages(networks, monkeypatch):
    """Stages leave networks as they begin, without training; the fixture is the list of them:
    stage, run's folder and recipe."""
    done = []

    def train(stage, samples, run, recipe, *, skeleton, resume, **options):
        assert samples and resume
        done.append((stage, run.name, recipe))
        if stage == "sppe":
            assert recipe.architecture() == RECIPES["sppe"].architecture()
            files = "rmpe.json", *STAGES[stage].files
        else:
            assert (run / "rmpe.json").exists() and run_folder.finished(run, "sppe")
            files = "rmpe.weights.h5", *STAGES[stage].files
        for file in files:
            shutil.copy(networks / file, run)

    monkeypatch.setattr(rmpe_variants.pipeline, "train", train)
    return done


def test_rows_of_the_paper():
    rows = {row.name: row for row in rmpe.ROWS}
    assert {name: row.paper for name, row in rows.items() if row.paper} == {
        "full": 69.2, "no-sstn": 65.1, "no-parallel": 66.2, "no-generator": 62.6,
        "no-pose-nms": 63.2, "overlap": 67.1, "two-step": 57.5,
    }  # fmt: skip
    assert {row.variant for row in rmpe.ROWS} == set(rmpe_variants.VARIANTS)
    assert {row.rule for row in rmpe.ROWS} == {*rmpe_rules.FIXED, "learnt"}
    # What is removed is all that differs: the rule, or the network.
    for name in ("no-sstn", "no-parallel", "no-generator"):
        assert rows[name].rule == "learnt"
    for name in ("no-pose-nms", "overlap", "oks", "hand", "boxes"):
        assert rows[name].variant == "full"


def arguments(data, run, *more):
    changes = [
        f"{stage}.{name}={value}"
        for stage, recipe in (
            ("sppe", {**TINY, **SIZES}),
            ("sstn", {**TINY, "ema": 0.0, "localisation_crops": 8}),
        )
        for name, value in recipe.items()
    ]
    return [
        "tables", "rmpe", "--annotations", str(data / "test" / "annotations.json"), "--images",
        str(data / "test" / "photos"), "--single", f"lsp:{data / 'single'}", "--run", str(run),
        *(word for change in changes for word in ("--set", change)), *map(str, more),
    ]  # fmt: skip


def test_command_trains_what_is_missing_once(data, detector, stages, tmp_path, capsys):
    run, out = tmp_path / "run", tmp_path / "table.json"
    train = ["--train", f"coco:{data / 'train'}"]
    rows = ["--rows", "full,no-sstn,no-pose-nms,two-step", "--json", out]
    assert cli.main(arguments(data, run, *train, *rows)) == 0
    printed = capsys.readouterr().out
    assert "plain two-step" in printed and "69.2" in printed
    found = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert list(found) == ["full", "no-sstn", "no-pose-nms", "two-step"]
    for name, row in found.items():
        for measure in ("photos/AP", "photos/mAP", "single/mAP"):
            assert -1 <= row[measure] <= 100 and row[f"{measure}/spread"] >= 0
            if name == "full":
                assert f"{measure}/loss" not in row
            else:
                lost = found["full"][measure] - row[measure]
                assert row[f"{measure}/loss"] == pytest.approx(lost, abs=0.011)
    assert len(found["full"]["parameters"]) == 2 and "parameters" not in found["two-step"]
    # The networks: STN and SDTN only where the row has them, and no more than needed.
    assert {path.name for path in run.iterdir()} == {"pgpg.npz", "full", "no-sstn", "true-boxes"}
    assert [(run / name / "rmpe.weights.h5").exists() for name in ("full", "no-sstn")] == [1, 0]
    # The generator imitates the detector as it is; what it is to imitate is for the proposals.
    assert sorted(least for *_, least in detector) == [0.0, rmpe_candidates.LEAST]
    assert stages[0][2].width == SIZES["width"] and stages[1][2].steps == TINY["steps"]
    stages.clear()
    assert cli.main(arguments(data, run, *rows)) == 0  # without --train
    again = {row["name"]: row for row in json.loads(out.read_text())["rows"]}
    assert again == found and not stages


def test_what_is_trained_for_each_variant(data, detector, stages, tmp_path):
    run = tmp_path / "run"
    trained = rmpe_variants.TrainedVariants(
        run, "any", (f"coco:{data / 'train'}",), COCO_17, RECIPES
    )
    for name in rmpe_variants.VARIANTS:
        assert trained.folder(name) == run / name
    assert [(stage, name) for stage, name, _ in stages] == [
        ("sppe", "full"), ("sstn", "full"), ("sstn", "no-parallel"), ("sstn", "no-generator"),
        ("sppe", "no-sstn"), ("sppe", "true-boxes"),
    ]  # fmt: skip
    (_, _, first), *others = stages
    assert first == RECIPES["sppe"]
    recipe = {name: own for _, name, own in others}
    assert {name: own.generator for name, own in recipe.items()} == {
        "full": "pgpg", "no-parallel": "pgpg", "no-sstn": "pgpg", "no-generator": "noise",
        "true-boxes": "noise",
    }  # fmt: skip
    assert (recipe["full"].parallel, recipe["no-parallel"].parallel) == (1.0, 0.0)
    assert recipe["no-generator"].parallel == 1.0 and recipe["no-generator"].box_noise == 0
    sppe = (run / "full" / "sppe.weights.h5").read_bytes()
    for name in ("no-parallel", "no-generator"):
        assert (run / name / "sppe.weights.h5").read_bytes() == sppe
    for name in ("no-sstn", "true-boxes"):
        assert recipe[name].pretrained == str(run / "full")
        assert recipe[name].architecture() == RECIPES["sppe"].architecture()
        assert not (run / name / "rmpe.weights.h5").exists()
    # Alone or behind an STN, the SPPE sees the same crops for as many steps.
    for name, other in (("no-sstn", "full"), ("true-boxes", "no-generator")):
        for field in ("steps", "scale", "rotation", "box_noise", "batch_size", "seed"):
            assert getattr(recipe[name], field) == getattr(recipe[other], field)


def test_without_training_data(data, detector, tmp_path, capsys):
    run = tmp_path / "run"
    assert cli.main(arguments(data, run, "--rows", "full,two-step", "--json", "-")) == 1
    captured = capsys.readouterr()
    rows = json.loads(captured.out)["rows"]
    assert all("missing" in row and "photos/AP" not in row for row in rows)
    assert "full: not trained: give --train" in captured.err
    trained = rmpe_variants.TrainedVariants(run, "any", (), COCO_17, RECIPES)
    with pytest.raises(WeightsError, match="pgpg.npz: not fitted: give --train"):
        trained.generator()
    trained = rmpe_variants.TrainedVariants(run, "any", ("lsp:x",), COCO_17, RECIPES)
    with pytest.raises(InputError, match="--train: no data set of the format coco"):
        trained.generator()


def test_a_row_without_rmpe_itself_has_no_loss(data, detector, tmp_path):
    run = tmp_path / "run" / "true-boxes"
    run.mkdir(parents=True)
    architecture = SPPEArchitecture(**SIZES)
    run_folder.record_architecture(
        run / "rmpe.json", run_folder.describe_sppe(COCO_17, architecture)
    )
    run_folder.save_parts(run, "sppe", (architecture.single_person(17),))
    annotations = CocoAnnotations.load(data / "test" / "annotations.json")
    trained = rmpe_variants.TrainedVariants(run.parent, "any", (), COCO_17)
    table = rmpe.AblationTable(annotations, data / "test" / "photos", trained)
    rows = {row.name: row for row in rmpe.ROWS}
    measured = table.measure(rows["two-step"])
    assert "photos/mAP" in measured and "single/mAP" not in measured
    assert "photos/mAP/loss" not in measured
    assert "missing" in table.measure(rows["no-sstn"])


def test_bad_input(data, detector, tmp_path, capsys):
    base = arguments(data, tmp_path / "run")
    other = data / "single" / "annotations.json"
    for more, words in (
        (["--rows", "half"], "--rows: half: no such row; use some of full, no-sstn"),
        (["--set", "steps=3"], "--set: steps: no stage; write sppe.NAME=VALUE"),
        (["--set", "sppe.depth=3"], "--set: depth: the recipe has no such field"),
        (["--images", str(tmp_path / "none")], "--images: not a folder"),
        (["--annotations", str(other)], "keypoints: not those of coco_17"),
    ):
        assert cli.main([*base, *more]) == 2
        assert words in capsys.readouterr().err


# Rules


def poses_of(boxes, scores, points):
    count = len(boxes)
    keypoints = np.repeat(np.asarray(points, float)[:, None], 17, axis=1)
    keypoints = keypoints + np.linspace(0, 30, 17)[:, None]
    return Poses(boxes, scores, keypoints, np.full((count, 17), 0.9), scores, COCO_17, (300, 300))


def test_rules():
    boxes = [(0, 0, 100, 100), (10, 0, 110, 100), (60, 0, 160, 100), (0, 0, 100, 100)]
    twice = poses_of(boxes, [0.9, 0.8, 0.7, 0.6], [(30, 30), (30, 30), (90, 30), (70, 70)])
    kept = {name: rule(twice).scores.round(1).tolist() for name, rule in rmpe_rules.FIXED.items()}
    kept = {name: [round(score, 1) for score in scores] for name, scores in kept.items()}
    assert kept["none"] == [0.9, 0.8, 0.7, 0.6]
    # Of two equal poses one stays; another pose in the same box does, too, unless boxes count.
    for name in ("hand", "oks", "overlap"):
        assert kept[name] == [0.9, 0.7, 0.6]
    assert kept["boxes"] == [0.9, 0.7]
    empty = Poses.empty(COCO_17, (300, 300))
    assert all(len(rule(empty)) == 0 for rule in rmpe_rules.FIXED.values())


def test_nobody_is_measured_by_what_was_learnt_from_them(data, detector, monkeypatch):
    annotations = CocoAnnotations.load(data / "test" / "annotations.json")
    seen = []

    def learn(candidates):
        seen.append(candidates)
        return type("Learnt", (), {"parameters": len(seen)})()

    monkeypatch.setattr(rmpe_rules.parameter_search, "learn", learn)
    monkeypatch.setattr(rmpe_rules, "CandidatePosesMAP", lambda part, own: (part, own))
    results = [{"image_id": image} for image in annotations.image_ids.tolist() * 2]
    half, parameters = rmpe_rules.learnt(annotations, results)
    assert len(half) == len(annotations) and half.sum() == len(half) // 2
    for number, (part, own) in zip((0, 1), seen, strict=True):
        ids = set(annotations.image_ids[half != number].tolist())
        assert parameters[number] == number + 1
        assert set(part.image_ids.tolist()) == ids == {result["image_id"] for result in own}


def test_photos_of_one_person_are_measured_in_their_torsos(data):
    persons = datasets.read(f"lsp:{data / 'single'}", COCO_17)
    found = rmpe.measured(persons, COCO_17)
    photos = metrics.SinglePersonMetrics(found, COCO_17)
    right = [
        Poses(p.labels.boxes, [1], p.labels.keypoints[..., :2], np.ones((1, 17)), [1], COCO_17,
              p.labels.image_size)
        for p in found
    ]  # fmt: skip
    assert photos.figures(right)["mAP"] == pytest.approx(1)
    twice = [poses[[0, 0, 0]] for poses in right]
    assert photos.figures(twice)["mAP"] < 0.7  # those who are found thrice are wrong twice
