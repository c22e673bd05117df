"""What a model's architecture decides, and what it and the options refuse."""

import dataclasses

import numpy as np
import pytest
from keras import ops
from small_model import small

from multiposenet.systems.architecture import Architecture
from multiposenet.systems.options import InferenceOptions


@pytest.mark.usefixtures("eagerly")
def test_boxes_are_coded_as_the_architecture_says():
    """The best box is that of the best anchor, by torchvision's anchors and coding."""
    conventions = {"anchor_convention": "torchvision", "box_coding": "centre_size"}
    model = small(**conventions)
    model.options = dataclasses.replace(model.options, box_score=0.0)
    batch = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    found = model.detect(batch)
    logits, deltas, anchors = (
        ops.convert_to_numpy(x) for x in model.person_predictions(model.backbone(batch))
    )
    best = logits[0].argmax()
    (x1, y1, x2, y2), (x, y, w, h) = anchors[best], deltas[0, best]
    assert x1 == round(x1)
    centre = np.array([(x1 + x2) / 2 + x * (x2 - x1), (y1 + y2) / 2 + y * (y2 - y1)])
    half = np.array([np.exp(w) * (x2 - x1), np.exp(h) * (y2 - y1)]) / 2
    wanted = np.clip([*(centre - half), *(centre + half)], 0, (96, 64) * 2)
    np.testing.assert_allclose(ops.convert_to_numpy(found["boxes"])[0, 0], wanted, atol=1e-3)


@pytest.mark.parametrize("field", ["anchor_convention", "box_coding", "p6_from", "strided_padding"])
def test_a_convention_that_there_is_not(field):
    for wrong in ("mine", None, ["P5"]):
        with pytest.raises(ValueError, match=f"{field}: .*; use one of"):
            Architecture(**{field: wrong})


@pytest.mark.parametrize(
    "wrong",
    [{"nms_iou": 1.5}, {"score": "x"}, {"max_people": 0}, {"max_peaks": 2.5}, {"enlarge": 0}]
    + [{"candidates_per_box": 0}, {"score_exponent": -1}, {"image_size": 16}, {"box_score": None}]
    + [{"exclusive": 1}],
)
def test_options_out_of_range(wrong):
    (name,) = wrong
    with pytest.raises(ValueError, match=f"{name}: .*; give "):
        InferenceOptions(**wrong)
