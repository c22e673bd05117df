"""RMPE with a network that finds coloured dots: exact pixels, batches, calls, NMS, bad boxes."""

import functools

import keras
import numpy as np
import pytest
from compiled import compiled
from dots import SIZE, dots_network
from fake_model import CORNERS, RectangleFinder
from keras import layers, ops

from multiposenet.errors import InputError
from multiposenet.maths.suppression import PoseNMSParameters
from multiposenet.networks.spatial_transformer import localisation_network
from multiposenet.networks.sppe import SPPEArchitecture, inference_model
from multiposenet.networks.symmetric_stn import symmetric_stn
from multiposenet.poses import Poses
from multiposenet.skeleton import COCO_17, LSP_14
from multiposenet.systems import compilation
from multiposenet.systems.estimator import Estimator
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.rmpe import RMPE

PHOTO = (300, 400)
KEYPOINTS = np.array([(0.3, 0.2), (0.6, 0.45), (0.45, 0.8)])  # of the box; red, green, blue
# Upright, lying, small, at the border, beyond two borders, nearly the whole photo and more.
BOXES = {
    "upright": (150, 60, 230, 250),
    "lying": (60, 150, 360, 220),
    "small": (201.3, 77.7, 219.6, 101.2),
    "border": (0, 90, 70, 230),
    "beyond": (300, 180, 430, 330),
    "whole": (5, 5, 395, 295),
    "more": (-30, -50, 470, 310),
}


def paint(*boxes, size=PHOTO):
    """A black photo; people are three dots, wide enough to be seen whatever the box's scale."""
    y, x = (np.indices(size) + 0.5)[:, None]
    image = np.zeros((3, *size))
    for box in np.array(boxes, float).reshape(-1, 4):
        places = keypoints_of(box)
        sigma = cell(box)
        squared = (x - places[:, 0, None, None]) ** 2 + (y - places[:, 1, None, None]) ** 2
        image = np.maximum(image, 255 * np.exp(-squared / (2 * sigma**2)))
    return np.moveaxis(image, 0, -1).round().astype(np.uint8)


def cell(box):
    """Pixels of the photo for one of the heatmaps of the person's proposal."""
    return 4 * 1.2 * max((box[2] - box[0]) / SIZE[1], (box[3] - box[1]) / SIZE[0])


def keypoints_of(box):
    low, high = np.array(box, float).reshape(2, 2)
    return low + KEYPOINTS * (high - low)


def rmpe(boxes=None, scores=None, network=None, skeleton=CORNERS, **options):
    """RMPE whose detector says the same of every image."""

    def detector(image):
        assert image.dtype == np.uint8 and image.ndim == 3
        return boxes, np.full(len(boxes), 0.81) if scores is None else scores

    detector = detector if boxes is not None else None
    return RMPE(detector, network or dots_network(), skeleton, **{"score": 0.0, **options})


@pytest.fixture(autouse=True, scope="module")
def compiled_once():
    """Systems of one network share its graph, compiled once for each size of batches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "multiposenet.systems.keypoint_model.keypoint_model", functools.cache(keypoint_model)
        )
        patch.setattr(
            "multiposenet.systems.single_person.compiled", functools.cache(compilation.compiled)
        )
        yield


@pytest.fixture
def calls(monkeypatch):
    """Shapes of the batches that networks of `SinglePersonEstimator`s have been given."""
    shapes = []

    def counting(model):
        return lambda batch: shapes.append(batch.shape) or model.predict_on_batch(batch)

    monkeypatch.setattr("multiposenet.systems.single_person.compiled", counting)
    return shapes


@pytest.fixture
def people(monkeypatch):
    """How many people the networks were shown in each call. JAX's batches have empty crops, too,
    which are black; those of people have bright dots."""
    counts = []

    def counting(model):
        def predict(batch):
            counts.append(np.count_nonzero(batch.max(axis=(1, 2, 3)) > 0))
            return model.predict_on_batch(batch)

        return predict

    monkeypatch.setattr("multiposenet.systems.single_person.compiled", counting)
    return counts


@pytest.fixture(scope="module")
def dots():
    return rmpe()


@pytest.mark.parametrize("box", BOXES.values(), ids=BOXES.keys())
def test_keypoints_are_in_pixels_of_the_photo(dots, box):
    poses = dots.poses_in(paint(box), [box])
    assert isinstance(poses, Poses) and poses.image_size == PHOTO and poses.source is None
    places = keypoints_of(box)
    # Where all of the dot is in the photo: grey beyond the border is no dot.
    inside = np.minimum(places, (PHOTO[1], PHOTO[0]) - places).min(axis=1) > 2 * cell(box)
    assert inside.any()
    tolerance = min(0.5, 0.05 + 0.02 * cell(box))
    np.testing.assert_allclose(poses.keypoints[0][inside], places[inside], atol=tolerance)
    np.testing.assert_allclose(poses.keypoint_scores[0][inside], 0.85, atol=0.12)
    np.testing.assert_allclose(poses.boxes[0], box, atol=1e-4)


def test_the_person_of_a_shifted_box_is_found_where_it_is(dots):
    box = np.array(BOXES["upright"])
    poses = dots.poses_in(paint(box), box + [[9, -14, 9, -14], [0, 0, 20, 20]])
    np.testing.assert_allclose(poses.keypoints, [keypoints_of(box)] * len(poses), atol=0.4)


def test_transformers_in_between_change_no_place():
    images = keras.Input((*SIZE, 3))
    sppe = keras.Model(images, {"heatmaps": layers.AveragePooling2D(4)(images) / 255})
    localisation = localisation_network(SIZE)
    kernel, bias = localisation.get_layer("numbers").get_weights()
    turned = np.array([0.2, -0.3, 0.2, 0.3, 0.1, -0.1], bias.dtype)
    localisation.get_layer("numbers").set_weights([kernel, turned])
    box = BOXES["upright"]
    network = symmetric_stn(sppe, localisation)
    theta = ops.convert_to_numpy(compiled(network)(np.zeros((1, *SIZE, 3), "float32"))["theta"])
    assert np.abs(theta - np.eye(2, 3)).max() > 0.1
    poses = rmpe([box], network=network)(paint(box))
    np.testing.assert_allclose(poses.keypoints[0], keypoints_of(box), atol=1.5)


def test_scores(dots):
    box = BOXES["upright"]
    (pose,) = rmpe([box], [0.49])(paint(box))
    assert pose.box_score == pytest.approx(0.49)
    mean = pose.keypoint_scores.mean()
    assert pose.score == pytest.approx(np.sqrt(0.49 * mean))
    image = paint(box)
    assert dots.poses_in(image, [box]).scores[0] == pytest.approx(np.sqrt(mean))
    assert dots.poses_in(image, [box], [0.25]).scores[0] == pytest.approx(np.sqrt(0.25 * mean))


def test_people_below_the_threshold_are_left_out(calls):
    boxes, scores = [BOXES["upright"], BOXES["border"]], [0.8, 0.2]
    image = paint(*boxes)
    poses = rmpe(boxes, scores, score=0.5)(image)
    assert len(poses) == 1 and poses.scores[0] > 0.5
    # The root of 0.2 is below 0.5: nobody looked for the keypoints.
    assert calls == [(1, *SIZE, 3)]
    assert len(rmpe(boxes, scores, score=0.4)(image)) == 2
    assert len(rmpe(boxes, scores, score=0.95)(image)) == 0


# Batches


def grid(count):
    """Boxes of people who stand side by side in a large photo, and the photo."""
    x, y = np.meshgrid(np.arange(10) * 60 + 10, np.arange(-(-count // 10)) * 80 + 10)
    boxes = np.stack([x, y, x + 24, y + 36], axis=-1).reshape(-1, 4)[:count]
    return boxes, paint(*boxes, size=(int(y.max()) + 60, 620))


@pytest.mark.parametrize("count", [1, 5, 23])
def test_one_call_for_all_people_of_an_image(calls, count):
    boxes, image = grid(count)
    poses = rmpe(boxes, batch_size=32)(image)
    assert len(calls) == 1 and len(poses) == count
    # All of the same score: in the order of the boxes.
    np.testing.assert_allclose(poses.boxes, boxes)
    np.testing.assert_allclose(poses.keypoints, [keypoints_of(box) for box in boxes], atol=0.4)


def test_more_people_than_the_largest_batch(calls):
    boxes, image = grid(23)
    poses = rmpe(boxes, batch_size=8)(image)
    assert len(calls) == 3 and max(shape[0] for shape in calls) == 8
    np.testing.assert_allclose(poses.keypoints, [keypoints_of(box) for box in boxes], atol=0.4)


@pytest.mark.parametrize(
    "backend, sizes", [("jax", [8, 8, 8, 1, 4]), ("tensorflow", [8, 8, 7, 1, 3])]
)
def test_few_shapes_where_each_is_compiled(calls, monkeypatch, backend, sizes):
    monkeypatch.setattr("keras.backend.backend", lambda: backend)
    boxes, image = grid(23)
    pose = rmpe(boxes, batch_size=8)
    one, three = (pose.poses_in(image, boxes[:count]) for count in (1, 3))
    calls.clear()
    whole = pose(image)
    assert [shape[0] for shape in calls] == sizes[:3]
    np.testing.assert_array_equal(whole.keypoints[:3], three.keypoints)
    np.testing.assert_array_equal(three.keypoints[:1], one.keypoints)


def test_together_as_one_by_one():
    """A real network with transformers; images of any size and colour, also without people."""
    sizes = SPPEArchitecture(image_size=(64, 48), stacks=1, width=8, levels=2)
    sppe = sizes.single_person(17)
    network = inference_model(sppe, sizes.localisation(sppe))
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3), np.uint8) for size in ((90, 120), (200, 64))]
    images += [images[0][..., 0], images[1] / 255.0]
    found = {120: [(10, 10, 50, 80), (40, 20, 120, 60)], 64: [(0, 0, 64, 200)]}

    def detector(image):
        boxes = found[image.shape[1]]
        return boxes, np.linspace(0.9, 0.5, len(boxes))

    pose = RMPE(detector, network, COCO_17, score=0.0, pose_nms=None)
    together = pose(images)
    assert [len(poses) for poses in together] == [2, 1, 2, 1]
    for image, poses in zip(images, together, strict=True):
        alone = pose(image)
        for name in ("boxes", "keypoints", "keypoint_scores", "scores"):
            np.testing.assert_allclose(getattr(poses, name), getattr(alone, name), atol=1e-3)
    one_by_one = [pose.poses_in(images[0], [box]).keypoints[0] for box in found[120]]
    for keypoints in together[0].keypoints:
        assert min(np.abs(keypoints - alone).max() for alone in one_by_one) < 1e-3


def test_images_share_calls(people):
    boxes, image = grid(5)
    results = rmpe(boxes, batch_size=8)([image] * 5)
    assert [len(poses) for poses in results] == [5] * 5
    assert people == [5, 5, 5, 5, 5]  # 2 x 5 are more than 8
    people.clear()
    rmpe(boxes, batch_size=10)([image] * 5)
    assert people == [10, 10, 5]


def test_memory_is_bounded(monkeypatch):
    read = []

    def endless():
        while True:
            read.append(1)
            yield paint(size=(40, 60))

    stream = rmpe(np.zeros((0, 4))).stream(endless())
    for _ in range(3):
        frame, poses = next(stream)
        assert frame.image.shape == (40, 60, 3) and len(poses) == 0
    assert len(read) <= 65
    monkeypatch.setattr("multiposenet.systems.system.WINDOW_PIXELS", 5 * 40 * 60)
    read.clear()
    next(rmpe(np.zeros((0, 4))).stream(endless()))
    assert len(read) == 6


# People


def test_nobody(calls):
    poses = rmpe(np.zeros((0, 4)))(paint())
    assert len(poses) == 0 and poses.keypoints.shape == (0, 3, 2) and poses.image_size == PHOTO
    assert len(rmpe([])(paint())) == 0
    assert len(rmpe().poses_in(paint(), [])) == 0
    assert calls == []
    assert rmpe([])([]) == []


def test_pose_nms_leaves_one_pose_of_a_person():
    box, other = np.array(BOXES["upright"], float), np.array(BOXES["border"], float)
    boxes = [box + (4, 3, 2, -5), other, box]
    image = paint(box, other)
    same = PoseNMSParameters(sigma1=0.3, sigma2=0.01, distance_weight=1.0, eta=4.0)
    poses = rmpe(boxes, [0.5, 0.6, 0.9], pose_nms=same)(image)
    assert poses.box_scores.tolist() == pytest.approx([0.9, 0.6])  # the better one of the two
    np.testing.assert_allclose(poses.keypoints[1], keypoints_of(other), atol=0.4)
    every = rmpe(boxes, [0.5, 0.6, 0.9], pose_nms=None)(image)
    assert every.box_scores.tolist() == pytest.approx([0.9, 0.6, 0.5])  # best first
    # What decides is the similarity of the two poses.
    similarity = similarity_by_hand(every, 0, 2, same)
    for eta, count in ((similarity - 0.1, 2), (similarity + 0.1, 3)):
        parameters = PoseNMSParameters(same.sigma1, same.sigma2, same.distance_weight, eta)
        assert len(rmpe(boxes, [0.5, 0.6, 0.9], pose_nms=parameters)(image)) == count


def similarity_by_hand(poses, first, second, parameters):
    """d of eq. 12 by a plain loop."""
    size = (poses.boxes[first][2:] - poses.boxes[first][:2]).max()
    total = 0.0
    for keypoint in range(poses.keypoints.shape[1]):
        offset = (poses.keypoints[second, keypoint] - poses.keypoints[first, keypoint]) / size
        if np.abs(offset).max() <= 0.1:
            a, b = poses.keypoint_scores[[first, second], keypoint] / parameters.sigma1
            total += np.tanh(a) * np.tanh(b)
        total += parameters.distance_weight * np.exp(-(offset @ offset) / parameters.sigma2)
    return float(total)


def test_an_estimator_as_the_detector():
    """Its boxes and mask are used, its own poses are not."""
    image = np.full((240, 320, 3), 100, np.uint8)
    image[40:200, 60:140] = (255, 0, 0)
    image[60:120, 200:300] = (0, 0, 255)
    detector = Estimator(RectangleFinder(), image_size=320, score=0.0)
    images = keras.Input((*SIZE, 3))
    network = keras.Model(images, {"heatmaps": layers.AveragePooling2D(4)(images) / 255})
    poses = RMPE(detector, network, CORNERS, score=0.0)(image)
    np.testing.assert_allclose(poses.boxes, [(60, 40, 140, 200), (200, 60, 300, 120)], atol=0.2)
    assert poses.box_scores.tolist() == pytest.approx([0.9, 0.5])
    assert poses.mask.shape == (240, 320) and poses.mask[100, 100] > 0.9 > poses.mask[10, 10]
    red = poses.keypoints[0, 0]
    assert 60 <= red[0] <= 140 and 40 <= red[1] <= 200


def test_boxes_of_a_detector_that_show_nobody_are_left_out(calls):
    box = BOXES["upright"]
    nobody = [(10, 10, 10, 50), (50, 40, 20, 90), (400, 10, 450, 90), (-30, -30, 0, 5)]
    nobody += [(np.nan, 0, 9, 9), (0, 0, np.inf, 9)]
    poses = rmpe([*nobody, box])(paint(box))
    np.testing.assert_allclose(poses.boxes, [box])
    assert calls == [(1, *SIZE, 3)]


@pytest.mark.parametrize(
    "box, problem",
    [
        ((10, 10, 10, 50), "has no area"),
        ((50, 40, 20, 90), "has no area"),
        ((400, 10, 450, 90), "is outside the image"),
        ((-30, -30, 0, 5), "is outside the image"),
        ((np.nan, 0, 9, 9), "is not finite"),
    ],
)
def test_a_users_box_that_cannot_be_used(dots, box, problem):
    with pytest.raises(ValueError, match=rf"boxes: box 1, .* {problem}; give x1 < x2"):
        dots.poses_in(paint(), [BOXES["upright"], box, box])


def test_a_users_other_mistakes(dots, tmp_path):
    box, image = BOXES["upright"], paint()
    with pytest.raises(ValueError, match=r"boxes: shape \(4,\); give \(N, 4\)"):
        dots.poses_in(image, box)
    with pytest.raises(ValueError, match=r"scores: shape \(2,\); give \(1,\)"):
        dots.poses_in(image, [box], [0.5, 0.5])
    for score in (1.5, -0.5, np.nan):
        with pytest.raises(ValueError, match=f"scores: {score} of box 0; give numbers from 0 to 1"):
            dots.poses_in(image, [box], [score])
    with pytest.raises(ValueError, match="source: not one image"):
        dots.poses_in([image], [box])
    with pytest.raises(InputError, match="none.png"):
        dots.poses_in(tmp_path / "none.png", [box])
    with pytest.raises(ValueError, match="detector: none; give one, or give boxes"):
        dots(image)
    with pytest.raises(ValueError, match="lsp_14 has 14 keypoints, the network 3"):
        rmpe(skeleton=LSP_14)
    with pytest.raises(ValueError, match="batch_size: 0; give at least 1"):
        rmpe(batch_size=0)


def test_a_stream_goes_on_after_a_bad_image(tmp_path):
    box = BOXES["upright"]
    (tmp_path / "bad.png").write_text("no image")
    pose = rmpe([box])
    items = list(pose.stream([paint(box), tmp_path / "bad.png", paint(box)]))
    assert [isinstance(item, InputError) for item in items] == [False, True, False]
    np.testing.assert_allclose(items[2][1].keypoints[0], keypoints_of(box), atol=0.4)
    with pytest.raises(InputError, match="bad.png"):
        pose([tmp_path / "bad.png"])


def test_a_file_is_the_source_of_its_poses(tmp_path):
    keras.utils.save_img(tmp_path / "a.png", paint(BOXES["upright"]), scale=False)
    poses = rmpe([BOXES["upright"]])(str(tmp_path / "a.png"))
    assert poses.source == str(tmp_path / "a.png") and len(poses) == 1
    assert poses.draw().shape == (*PHOTO, 3)


def test_grey_images(dots):
    box = BOXES["upright"]
    grey = paint(box).max(axis=-1)  # every keypoint sees three dots of equal height, or nearly
    (pose,) = dots.poses_in(grey, [box])
    distance = np.linalg.norm(pose.keypoints[:, None] - keypoints_of(box), axis=-1)
    assert distance.min(axis=1).max() < 0.5
