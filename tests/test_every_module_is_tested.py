"""Every module has a test of its own, or a named one that covers it."""

import ast

import pytest
from test_imports import PACKAGES, ROOT, modules

TESTS = ROOT / "tests"
# Module -> the test file that covers it, for modules that no test imports by name.
ELSEWHERE = {
    "multiposenet.formats": "test_poses.py",
    "multiposenet.files.arrow": "commands/prediction/test_engines.py",
    "multiposenet.files.bounded_files": "test_annotation_files.py",
    "multiposenet.categories": "test_annotations.py",
    "multiposenet.commands.arguments": "commands/test_cli.py",
    "multiposenet.commands.export": "commands/test_export_command.py",
    "multiposenet.commands.labelled.photos": "commands/test_evaluate.py",
    "multiposenet.commands.prediction.parquet": "commands/prediction/test_engines.py",
    "multiposenet.commands.own_keypoints": "commands/test_train_own_keypoints.py",
    "multiposenet.commands.serve": "web/test_server.py",
    "multiposenet.commands.summary": "commands/test_summary_and_train.py",
    "multiposenet.commands.train": "commands/test_summary_and_train.py",
    "multiposenet.commands.tables": "commands/test_rmpe_commands.py",
    "multiposenet.evaluation.average_precision": "evaluation/test_coco.py",
    "multiposenet.keras_start": "commands/test_cli.py",
    "multiposenet.maths.bilinear": "maths/test_hough.py",
    "multiposenet.maths.codec": "maths/test_heatmaps.py",
    "multiposenet.networks.assigner": "networks/test_group.py",
    "multiposenet.networks.backbones.compact": "networks/test_networks.py",
    "multiposenet.networks.backbones.movenet": "networks/test_movenet.py",
    "multiposenet.networks.movenet_pyramid": "networks/test_movenet.py",
    "multiposenet.networks.public_weights.movenet_weights": "networks/test_movenet.py",
    "multiposenet.networks.separable_keypoint_subnet": "networks/test_movenet.py",
    "multiposenet.networks.backbones.resnet": "networks/test_networks.py",
    "multiposenet.networks.public_weights.weight_files": "systems/test_multiposenet.py",
    "multiposenet.ray.finder": "ray/test_prediction.py",
    "multiposenet.result_tables": "commands/prediction/test_engines.py",
    "multiposenet.sources.image_files": "sources/test_sources.py",
    "multiposenet.sources.label_images": "sources/test_label_images.py",
    "multiposenet.sources.listing": "sources/test_frames.py",
    "multiposenet.systems.catalogue": "commands/test_bench.py",
    "multiposenet.systems.test_time.ensemble": "systems/test_time/test_augmentation.py",
    "multiposenet.systems.entries.grmi": "systems/test_registry.py",
    "multiposenet.systems.test_time.merging": "systems/test_time/test_augmentation.py",
    "multiposenet.systems.entries.multiposenet": "systems/test_registry.py",
    "multiposenet.systems.entries.rmpe": "systems/test_registry.py",
    "multiposenet.systems.keypoint_system": "systems/test_rmpe_loading.py",
    "multiposenet.systems.network_files": "systems/test_rmpe_loading.py",
    "multiposenet.systems.single_person": "systems/test_rmpe.py",
    "multiposenet.systems.top_down": "systems/test_rmpe.py",
    **{
        f"multiposenet.label_formats.{name}": "label_formats/test_round_trips.py"
        for name in ("coco", "cvat", "fields", "found", "label_studio", "labelme", "parquet")
        + ("shapes", "xml_files", "yolo")
    },
    "multiposenet.training.datasets.files": "training/datasets/test_layouts.py",
    "multiposenet.training.datasets.inspection.findings": "commands/test_inspect.py",
    "multiposenet.training.datasets.inspection.labels": "commands/test_inspect.py",
    "multiposenet.training.datasets.inspection.persons": "commands/test_inspect.py",
    "multiposenet.training.datasets.inspection.photos": "commands/test_inspect.py",
    "multiposenet.training.datasets.mpii_matlab": "training/datasets/test_layouts.py",
    "multiposenet.training.datasets.own_skeleton": "commands/test_init.py",
    "multiposenet.training.datasets.painter": "training/datasets/test_synthetic.py",
    "multiposenet.training.runs.plan": "training/runs/test_fit.py",
    "multiposenet.training.figures.errors": "commands/test_figures.py",
    "multiposenet.training.figures.trade_off": "commands/test_tune.py",
    "multiposenet.training.loop.averaging": "training/loop/test_fitting.py",
    "multiposenet.training.losses.replicas": "training/loop/test_distributed.py",
    "multiposenet.training.loop.run_plot": "training/loop/test_monitor.py",
    "multiposenet.training.proposals.generator": "training/proposals/test_proposals.py",
    "multiposenet.training.recipes.base": "training/recipes/test_recipes.py",
    "multiposenet.training.recipes.grmi": "training/stages/test_grmi.py",
    "multiposenet.training.recipes.keypoints": "training/recipes/test_recipes.py",
    "multiposenet.training.recipes.person": "training/recipes/test_recipes.py",
    "multiposenet.training.recipes.prn": "training/recipes/test_recipes.py",
    "multiposenet.training.recipes.sppe": "training/recipes/test_recipes.py",
    "multiposenet.training.release.network_command": "training/release/test_sppe_thunder.py",
    "multiposenet.training.stages.pgpg": "training/proposals/test_proposals.py",
    "multiposenet.training.stages.run_model": "training/test_pipeline.py",
}


def _parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def _imported(path):
    """Dotted names of everything that a test file imports."""
    found = set()
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _has_code(path):
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in _parsed(path).body)


def _mirrored(name):
    """The test file at a module's place: ``tests/training/loop/test_fitting.py``."""
    *rooms, module = name.removeprefix("multiposenet").strip(".").split(".")
    return TESTS.joinpath(*rooms) / f"test_{module}.py"


IMPORTED = set().union(*map(_imported, TESTS.rglob("test_*.py")))
MODULES = sorted({name for name, path in modules().items() if _has_code(path)} - set(PACKAGES))


@pytest.mark.parametrize("name", MODULES)
def test_it_has_a_test(name):
    if _mirrored(name).exists() or name in IMPORTED:
        return
    assert name in ELSEWHERE, f"{name}: write a test, or name the one that covers it in ELSEWHERE"
    assert (TESTS / ELSEWHERE[name]).exists(), f"{name}: {ELSEWHERE[name]} is missing"


def test_nothing_else_is_named():
    assert set(ELSEWHERE) <= set(MODULES)
