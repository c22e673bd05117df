"""The figures' style, and the drawings that no command's test looks at closely."""

import matplotlib
import numpy as np
import pytest
from keras import ops
from PIL import Image

from multiposenet import plotting
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError
from multiposenet.networks.pose_residual_network import Max
from multiposenet.networks.roi_crop import HEIGHT, WIDTH
from multiposenet.skeleton import COCO_17
from multiposenet.training.figures import curves, parameters, poses


class Copy(Max):
    """An assigner whose output is its input."""

    def logits(self, crops, training=None):
        return ops.convert_to_tensor(crops)


def test_look_is_left_as_it_was():
    before = dict(matplotlib.rcParams)
    parameters.draw([{"block": "PRN", "parameters": 4_400_000}], "model")
    assert dict(matplotlib.rcParams) == before


def test_save(tmp_path):
    figure = parameters.draw([{"block": "PRN", "parameters": 4_400_000}], "model")
    plotting.save(figure, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        assert np.array_equal(np.asarray(picture), plotting.image(figure))
    with pytest.raises(ValueError, match="suffix"):
        plotting.save(figure, tmp_path / "a.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize(
    "count, text",
    ((0, "0"), (999, "999"), (1000, "1.00 k"), (4_400_000, "4.40 M"), (23_587_712, "23.6 M"),
     (140_500_000, "140 M"), (2.5e9, "2.50 G")),
)  # fmt: skip
def test_short(count, text):
    assert plotting.short(count) == text


def test_bars_are_as_long_as_their_counts():
    rows = [{"block": "a", "parameters": 3_000_000}, {"block": "b", "parameters": 1_000_000}]
    (axis,) = parameters.draw(rows, "model").axes
    assert [bar.get_width() for bar in axis.patches] == [3.0, 1.0]
    assert [text.get_text() for text in axis.texts] == ["3.00 M  (75%)", "1.00 M  (25%)"]
    assert [label.get_text() for label in axis.get_yticklabels()] == ["a", "b"]


def test_curves_end_where_precision_does():
    precision = np.zeros((10, 101))
    precision[0, :61] = 0.5
    nobody = np.full((10, 101), -1.0)
    by_size = {"all": precision, "medium": precision, "large": nobody}
    figure = curves.draw({"keypoints": by_size, "boxes": by_size})
    assert len(figure.axes) == 6
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    (line,) = lines
    np.testing.assert_allclose(line.get_xdata(), np.arange(62) / 100)
    np.testing.assert_allclose(line.get_ydata(), [0.5] * 61 + [0])
    assert "AP 0.030   AP50 0.302   AP75 0.000" in [t.get_text() for t in figure.axes[0].texts]
    assert [t.get_text() for t in figure.axes[2].texts] == ["nobody of this size"]
    assert plotting.image(figure).shape[2] == 3


def annotations(tmp_path, people):
    """Photos with `people` persons each; keypoint k of a person at share k / 17 of its box."""
    import json

    content = {"images": [], "annotations": [], "categories": []}
    content["categories"].append({"id": 1, "name": "person", "keypoints": list(COCO_17.keypoints)})
    for image, count in enumerate(people, start=1):
        content["images"].append(
            {"id": image, "file_name": f"{image}.jpg", "width": 900, "height": 300}
        )
        for person in range(count):
            keypoints = np.zeros((17, 3))
            keypoints[:, 0] = 200 * person + 36 * (np.arange(17) + 0.5) / 17
            keypoints[:, 1] = 56 * (np.arange(17) + 0.5) / 17
            keypoints[: 17 - person, 2] = 2
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": [200 * person, 0, 36, 56],
                    "iscrowd": int(image == 1),
                    "keypoints": keypoints.ravel().tolist(),
                }
            )
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    return CocoAnnotations.load(path)


def test_outputs_are_the_highest_cells(tmp_path):
    found, visible = poses.outputs(Copy(), annotations(tmp_path, (2, 0, 1, 3)))
    assert found.shape == (4, 17, 2)  # without the crowds of the first photo
    np.testing.assert_array_equal(np.sort(visible.sum(axis=1)), [15, 16, 17, 17])
    expected = (np.arange(17) + 0.5)[:, None] / 17 * (WIDTH, HEIGHT)
    for pose, shown in zip(found, visible, strict=True):
        assert np.abs(pose - expected)[shown].max() <= 0.51  # a cell's half
        assert np.allclose(pose % 1, 0.5)


def test_nobody_to_cluster(tmp_path):
    with pytest.raises(AnnotationError, match="no person has more than two"):
        poses.outputs(Copy(), annotations(tmp_path, (2, 0)))


def test_centres_are_drawn_without_rare_keypoints(tmp_path):
    places, visible = poses.outputs(Copy(), annotations(tmp_path, (0, 3, 3, 1)))
    visible = visible.copy()
    visible[1:, 16] = False  # the right ankle: one of seven
    found = poses.clusters(places, visible, COCO_17, count=1)
    figure = poses.draw(found, visible, COCO_17)
    (axis,) = figure.axes
    drawn = [limb for limb in COCO_17.limbs if 16 not in limb]
    assert len(axis.lines) == len(drawn) < len(COCO_17.limbs)
    assert axis.get_title() == "100%"
    assert plotting.image(figure).std() > 5
