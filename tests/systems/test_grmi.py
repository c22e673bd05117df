"""G-RMI on a network of coloured dots: crops, scores, NMS of boxes and poses, files, exports."""

import json

import keras
import numpy as np
import pytest
from keras import layers, ops

import multiposenet
from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.maths.hough import DiskOffsets
from multiposenet.networks.grmi import GRMIArchitecture, inference_model
from multiposenet.runtimes import export, exported
from multiposenet.skeleton import COCO_17, Skeleton
from multiposenet.systems import pose_scores
from multiposenet.systems.grmi import GRMI, load_grmi
from multiposenet.systems.grmi_files import DEFAULT, GRMIFile
from multiposenet.systems.keypoint_model import exportable
from multiposenet.systems.pose_nms import SoftOKSNMS
from multiposenet.training import run_folder

COLOURS = Skeleton("colours", ("red", "green", "blue"), ((0, 1),), (0.1, 0.1, 0.1))
CODEC = DiskOffsets(4, 4.0)
JOINTS = np.array([(0.3, 0.25), (0.6, 0.45), (0.45, 0.75)])  # of the box; red, green, blue
PHOTO = (300, 400)


def network(size=(96, 68)):
    """Every cell of a colour is of its disk, and its vote is for itself."""
    images = keras.Input((*size, 3))
    disks = layers.AveragePooling2D(4)(images) / 255
    offsets = ops.concatenate([disks, disks], axis=-1) * 0.0
    return keras.Model(images, {"heatmaps": disks, "offsets": offsets})


@pytest.fixture(scope="module")
def dots():
    return network()


def joints_of(box):
    low, high = np.array(box, float).reshape(2, 2)
    return low + JOINTS * (high - low)


def paint(*boxes):
    """A black photo; people are three dots as wide as a disk of their crop."""
    y, x = (np.indices(PHOTO) + 0.5)[:, None]
    image = np.zeros((3, *PHOTO))
    for box in boxes:
        cell = 4 * 1.25 * max((box[2] - box[0]) / 68, (box[3] - box[1]) / 96)
        places = joints_of(box)
        squared = (x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2
        image = np.maximum(image, 255 * np.exp(-squared / (2 * cell**2)))
    return np.moveaxis(image, 0, -1).round().astype(np.uint8)


def grmi(dots, boxes=None, scores=None, **options):
    def detector(image):
        return boxes, np.full(len(boxes), 0.8) if scores is None else scores

    found = None if boxes is None else detector
    return GRMI(found, dots, COLOURS, CODEC, **{"score": 0.0, **options})


@pytest.mark.parametrize(
    "box", [(150, 60, 230, 250), (60, 120, 360, 200), (201.3, 77.7, 249.6, 151.2)]
)
def test_keypoints_are_in_pixels_of_the_photo(dots, box):
    (pose,) = grmi(dots).poses_in(paint(box), [box])
    # Without offsets the place is the centre of the nearest cell.
    cell = 4 * 1.25 * max((box[2] - box[0]) / 68, (box[3] - box[1]) / 96)
    np.testing.assert_allclose(pose.keypoints, joints_of(box), atol=0.55 * cell)


def test_a_crop_shows_the_enlarged_box_and_is_never_squeezed(dots, monkeypatch):
    seen = []
    pose = grmi(dots)
    monkeypatch.setattr(
        pose.persons, "_predict", lambda batch: seen.append(batch) or dots_outputs(len(batch))
    )

    def dots_outputs(count):
        return {"keypoints": np.zeros((count, 3, 2)), "keypoint_scores": np.ones((count, 3))}

    box = np.array([100, 100, 168, 148])  # wider than the crop: the height is extended
    (found,) = pose.poses_in(paint(), [box])
    # The crop's corner lies half of the extended, enlarged box from the centre.
    width = 68 * 1.25
    np.testing.assert_allclose(
        found.keypoints[0], [134 - width / 2, 124 - width * 96 / 68 / 2], atol=1e-3
    )
    assert seen[0].shape == (1, 96, 68, 3)


def test_a_pose_scores_its_keypoints_mean_and_not_its_box(dots):
    box = (150, 60, 230, 250)
    image = paint(box)
    (pose,) = grmi(dots, [box], [0.3])(image)
    assert pose.score == pytest.approx(pose.keypoint_scores.mean())
    (other,) = grmi(dots, [box], [0.3], rescoring="geometric")(image)
    mean = pose.keypoint_scores.mean()
    assert other.score == pytest.approx(np.sqrt(0.3 * mean))
    (boxed,) = grmi(dots, [box], [0.3], rescoring="box")(image)
    assert boxed.score == pytest.approx(0.3)
    with pytest.raises(ValueError, match="rescoring: 'oks'; use one of geometric"):
        grmi(dots, rescoring="oks")


def test_scores_by_hand():
    boxes, keypoints = np.array([0.25, 0.81]), np.array([[0.2, 0.6], [1.0, 1.0]])
    np.testing.assert_allclose(
        pose_scores.pose_scores("geometric", boxes, keypoints), [np.sqrt(0.1), 0.9]
    )
    np.testing.assert_allclose(pose_scores.pose_scores("keypoints", boxes, keypoints), [0.4, 1])
    np.testing.assert_allclose(pose_scores.pose_scores("box", boxes, keypoints), boxes)
    least = [pose_scores.least_box_score(rule, 0.5) for rule in pose_scores.RULES]
    assert least == [0.25, 0.0, 0.5]


def test_nms_of_boxes_before_and_of_poses_behind(dots):
    box, other = np.array([150, 60, 230, 250.0]), np.array([20, 40, 100, 200.0])
    near, half = box + (4, 3, 6, 5), box + (0, 60, 0, 60)  # IoU 0.86 and 0.52
    image = paint(box, other)
    calls = []
    pose = grmi(dots, [box, near, half, other], [0.5, 0.9, 0.8, 0.7], pose_nms=None)
    predict = pose.persons._predict
    pose.persons._predict = lambda batch: calls.append(len(batch)) or predict(batch)
    assert len(pose(image)) == 3 and calls == [3]
    kept = pose(image).boxes
    assert not (kept == np.float32(box)).all(axis=1).any()
    once = grmi(dots, [box, near, other], [0.5, 0.9, 0.7], box_overlap=None)(image)
    assert len(once) == 2
    soft = grmi(dots, [box, near, other], box_overlap=None, pose_nms=SoftOKSNMS())(image)
    assert len(soft) == 3 and soft.scores[2] < 0.5 * soft.scores[1]
    unlikely = grmi(dots, [box, other], [0.5, 0.05], box_score=0.1)(image)
    assert len(unlikely) == 1


# Files


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """What the stage grmi leaves."""
    folder = tmp_path_factory.mktemp("run")
    sizes = GRMIArchitecture("nano", (64, 32), stride=8, head_channels=4, pyramid_channels=8)
    described = run_folder.describe_sppe(COCO_17, sizes)
    (folder / "grmi.json").write_text(json.dumps({"architecture": described}))
    keras.utils.set_random_seed(0)
    inference_model(sizes.network(17)).save_weights(folder / "grmi.weights.h5")
    return folder


def test_a_run_is_loaded(run):
    found = GRMIFile.find(run)
    assert found.skeleton == COCO_17 and found.architecture.image_size == (64, 32)
    assert found.codec == DiskOffsets(8, found.architecture.radius * 64)
    pose = load_grmi(run, lambda image: (np.array([[5, 5, 60, 90]]), np.ones(1)), score=0.0)
    assert len(pose(np.zeros((100, 80, 3), np.uint8))) == 1
    assert multiposenet.load_grmi is load_grmi and multiposenet.GRMI is GRMI


def test_what_cannot_be_loaded(run, tmp_path):
    with pytest.raises(WeightsError, match="grmi: no folder and no released network.*--grmi RUN"):
        GRMIFile.find("none")
    with pytest.raises(WeightsError, match="grmi.json: file: missing; name another run"):
        GRMIFile.find(tmp_path)
    (tmp_path / "grmi.weights.h5").write_bytes(b"no weights")
    (tmp_path / "grmi.json").write_text("{}")
    with pytest.raises(WeightsError, match="grmi.json: architecture: missing"):
        GRMIFile.find(tmp_path)
    (tmp_path / "grmi.json").write_text('{"architecture": {"skeleton": "coco_17"}}')
    with pytest.raises(WeightsError, match="architecture: not of G-RMI's network"):
        _ = GRMIFile.find(tmp_path).architecture
    (tmp_path / "grmi.json").write_bytes((run / "grmi.json").read_bytes())
    with pytest.raises(WeightsError, match="grmi.weights.h5: weights: damaged"):
        GRMIFile.find(tmp_path).network()


def test_the_zoo_has_a_compact_one():
    found = GRMIFile.find(DEFAULT)
    assert zoo.names("grmi") == ["grmi-nano"] and found.skeleton == COCO_17
    assert found.architecture.backbone == "movenet_thunder"


@pytest.mark.slow
@pytest.mark.one_backend
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are TensorFlow's")
def test_an_exported_file_finds_the_same(dots, tmp_path):
    pytest.importorskip("onnxruntime")
    box = (150, 60, 230, 250)
    image, path = paint(box), tmp_path / "dots.onnx"
    pose = grmi(dots)
    batches = list(pose.canvases([frame(image)]))
    model = exportable(dots, CODEC, COLOURS)
    parity = export.export(model, path, "onnx", batches, options=pose.options)
    assert parity.poses == 1 and parity.pixels <= 0.05
    again = load_grmi(path, None, score=0.0)
    assert again.persons.margin == pose.persons.margin and again.skeleton == COLOURS
    (found,), (wanted,) = (one.poses_in(image, [box]) for one in (again, pose))
    np.testing.assert_allclose(found.keypoints, wanted.keypoints, atol=0.05)
    assert exported.format_of(path) == "onnx"


def frame(image):
    from multiposenet.sources import frames

    (found,) = frames(image)
    assert not isinstance(found, InputError)
    return found
