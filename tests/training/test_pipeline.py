"""All stages on synthetic scenes, one after the other, as the command line runs them."""

import json

import numpy as np
import pytest

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, WeightsError
from multiposenet.systems import estimator
from multiposenet.training import pipeline, recipes
from multiposenet.training.datasets import coco
from multiposenet.training.registry import of_system

TINY = {
    "backbone": "nano",
    "batch_size": 4,
    "warmup": 1,
    "validate_every": 2,
    "precision": "float32",
}
FROM_SCRATCH = {"pretrained": "none", "frozen": "none", "backbone_rate": 1.0}
RECIPES = {
    "keypoints": recipes.NanoKeypoints(
        steps=2, patch_sizes=((0.0, 64),), validation_size=64, **FROM_SCRATCH, **TINY
    ),
    "person": recipes.NanoPerson(steps=2, patch_size=64, validation_size=64, **TINY),
    "prn": recipes.NanoPRN(epochs=1, **TINY),
}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("eagerly")]


@pytest.fixture(scope="module")
def run(scenes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    samples = coco.read(scenes)
    annotations = CocoAnnotations.load(scenes / "annotations.json")
    for stage, recipe in RECIPES.items():
        pipeline.train(
            stage,
            samples,
            folder,
            recipe,
            val_annotations=annotations,
            val_images=scenes / "photos",
        )
    return folder


def test_three_stages_make_a_model(run, scenes):
    assert all((run / file).exists() for stage in of_system("multiposenet") for file in stage.files)
    pose = estimator.load(run / "model.weights.h5", image_size=64)
    people = pose(sorted((scenes / "photos").iterdir())[0])
    assert np.isfinite(people.keypoints).all()


@pytest.mark.parametrize(
    "stage, figure",
    [("keypoints", "keypoints/AP"), ("person", "boxes/AP"), ("prn", "assignment/AP")],
)
def test_each_stage_is_measured_while_it_trains(run, stage, figure):
    lines = (run / f"{stage.removesuffix('s')}_stage.jsonl").read_text().splitlines()
    measured = [line["validation"] for line in map(json.loads, lines) if "validation" in line]
    assert measured and 0 <= measured[-1][figure] <= 1


def test_a_stage_needs_the_one_before(scenes, tmp_path):
    with pytest.raises(WeightsError, match="train keypoints` first"):
        pipeline.train("person", coco.read(scenes), tmp_path, RECIPES["person"])


def test_wrong_stage_and_foreign_validation(scenes, tmp_path):
    samples = coco.read(scenes)
    with pytest.raises(ValueError, match="stage: unknown name 'pose'"):
        pipeline.train("pose", samples, tmp_path, RECIPES["prn"])
    annotations = json.loads((scenes / "annotations.json").read_text())
    annotations["categories"][0]["keypoints"][0] = "snout"
    (tmp_path / "other.json").write_text(json.dumps(annotations))
    other = CocoAnnotations.load(tmp_path / "other.json")
    with pytest.raises(AnnotationError, match="other.json: keypoints: "):
        pipeline.train("prn", samples, tmp_path, RECIPES["prn"], val_annotations=other)
