"""The stages in mixed precision: losses near those of float32, weights kept in float32."""

import json

import keras
import pytest
from small_model import images, keypoint_labels, person_labels, small
from small_stage import recipe

from multiposenet.training.loop import fitting
from multiposenet.training.loop.engine import Engine
from multiposenet.training.stages.keypoints import KeypointStage
from multiposenet.training.stages.person import PersonStage


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("kind", ["keypoints", "person"])
def test_bfloat16_is_near_float32(tmp_path, kind):
    losses = {}
    for precision in ("float32", "bfloat16"):
        engine, run = Engine(precision=precision), tmp_path / precision
        with engine.scope():
            model = small()
            if kind == "keypoints":
                stage, labels, side = KeypointStage(model), keypoint_labels(), 64
            else:
                # In bfloat16 TensorFlow leaves gradients undefined where P6 has a single cell.
                side = 128
                stage, labels = PersonStage(model), person_labels(model, side)
            plan = recipe(batch_size=2, precision=precision, learning_rate=1e-3, ema=0.0)
            fitting.fit(
                stage,
                lambda step, labels=labels, side=side: (images(side=side), labels),
                plan,
                steps=2,
                run=run,
                engine=engine,
                log_every=1,
            )
        assert {weight.dtype for weight in stage.weights} == {"float32"}
        log = (run / f"{stage.name}.jsonl").read_text().splitlines()
        losses[precision] = [json.loads(line)["loss"] for line in log]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.01)
    assert losses["bfloat16"] != losses["float32"]
    assert keras.config.dtype_policy().name == "float32"
