"""From source to poses with a fake model: exact pixels, order, batches, errors, files."""

import json

import keras
import numpy as np
import pytest
from fake_model import CORNERS, RectangleFinder
from PIL import Image

from multiposenet import zoo
from multiposenet.errors import InputError, WeightsError
from multiposenet.maths import geometry
from multiposenet.poses import Poses
from multiposenet.sources import Frame
from multiposenet.systems import model_files, system
from multiposenet.systems.estimator import Estimator, load

GREY = 100
# (image height, width), red box xyxy
SCENES = [
    ((480, 640), (100, 60, 300, 420)),
    ((640, 480), (20, 30, 200, 610)),
    ((427, 640), (333, 11, 593, 301)),
    ((97, 61), (7, 12, 40, 77)),
    ((1500, 2100), (900, 300, 1400, 1300)),
    ((130, 1000), (700, 20, 990, 120)),
    ((480, 480), (1, 1, 479, 479)),
]


def paint(size, red=None, blue=None):
    image = np.full((*size, 3), GREY, np.uint8)
    for box, colour in ((red, (255, 0, 0)), (blue, (0, 0, 255))):
        if box is not None:
            x1, y1, x2, y2 = box
            image[y1:y2, x1:x2] = colour
    return image


@pytest.fixture(scope="module")
def model():
    return RectangleFinder()


@pytest.fixture(scope="module")
def pose(model):
    return Estimator(model, image_size=320, score=0.1, batch_size=4)


@pytest.mark.parametrize(("size", "box"), SCENES)
@pytest.mark.parametrize("image_size", [192, 480])
def test_results_are_in_pixels_of_the_original(model, size, box, image_size):
    poses = Estimator(model, image_size=image_size)(paint(size, red=box))
    assert len(poses) == 1 and poses.image_size == size
    # A half-pixel slip at either resolution, or a wrong scale, would exceed this by far.
    pixel = max(size) / image_size
    tolerance = 0.12 * max(1, pixel)
    np.testing.assert_allclose(poses.boxes[0], box, atol=tolerance)
    centre = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]
    np.testing.assert_allclose(poses.keypoints[0, 0], centre, atol=0.03 * max(1, pixel))
    np.testing.assert_allclose(poses.keypoints[0, 1:].ravel(), box, atol=tolerance)
    assert poses.scores[0] == pytest.approx(0.81) and poses.box_scores[0] == pytest.approx(0.9)


@pytest.mark.parametrize(("size", "box"), SCENES)
def test_mask_lies_on_the_original_pixels(pose, size, box):
    mask = pose(paint(size, red=box)).mask
    assert mask.shape == size and mask.dtype == np.float32
    assert 0 <= mask.min() and mask.max() <= 1
    truth = paint(size, red=box)[..., 0] == 255
    # The fake mask is the share of a cell that is red: right up to one cell of blur.
    cell = 4 * max(size) / min(320, 2 * max(size))  # images are enlarged twofold at most
    assert np.abs(mask - truth).sum() < 0.5 * cell * 2 * (box[2] - box[0] + box[3] - box[1])
    rows, columns = np.indices(size) + 0.5
    centre = np.array([(mask * columns).sum(), (mask * rows).sum()]) / mask.sum()
    np.testing.assert_allclose(
        centre, [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2], atol=0.1 * cell
    )


def test_mask_reaches_the_image_border(pose):
    mask = pose(paint((240, 320), red=(0, 0, 320, 240))).mask
    np.testing.assert_allclose(mask, 1, atol=1e-3)  # no dark rim from the padding beyond


@pytest.mark.parametrize("size", [(240, 320), (427, 640), (61, 97)])
def test_heatmaps_cover_the_image_and_nothing_else(pose, size):
    height, width = size
    box = (width // 4, height // 3, width - 8, height - 5)
    maps = pose.heatmaps(paint(size, red=box))
    assert maps.shape[-1] == 3
    assert max(maps.shape[:2]) == min(320, 2 * max(size)) // 4
    assert maps.shape[0] / maps.shape[1] == pytest.approx(height / width, abs=0.02)
    rows, columns = np.indices(maps.shape[:2]) + 0.5
    red = maps[..., 0]
    centre = np.array([(red * columns).sum(), (red * rows).sum()]) / red.sum()
    expected = np.array([(box[0] + box[2]) / 2 / width, (box[1] + box[3]) / 2 / height])
    np.testing.assert_allclose(centre / maps.shape[1::-1], expected, atol=0.003)


def test_heatmaps_of_one_image_only(pose):
    with pytest.raises(ValueError, match="not one image"):
        pose.heatmaps([paint((64, 64))])
    with pytest.raises(InputError, match="none.png"):
        pose.heatmaps("none.png")


def test_order_of_people_and_threshold(model):
    image = paint((240, 320), red=(10, 10, 100, 200), blue=(150, 50, 300, 100))
    both = Estimator(model, 320, score=0.0)(image)
    assert both.scores.tolist() == pytest.approx([0.81, 0.25])
    np.testing.assert_allclose(both.boxes[1], (150, 50, 300, 100), atol=0.2)
    assert len(Estimator(model, 320, score=0.5)(image)) == 1
    assert len(Estimator(model, 320, score=0.9)(image)) == 0


def test_no_people_is_a_valid_result(pose):
    poses = pose(paint((100, 150)))
    assert isinstance(poses, Poses) and len(poses) == 0
    assert poses.keypoints.shape == (0, 3, 2) and poses.image_size == (100, 150)
    assert poses.mask.shape == (100, 150) and poses.mask.max() < 1e-3
    assert poses.to_coco(image_id=1) == []


def test_mixed_sizes_come_back_in_order_and_as_alone(model):
    images = [paint(size, red=box) for size, box in SCENES] * 3
    pose = Estimator(model, image_size=256, batch_size=4)
    together = pose(images)
    assert [poses.image_size for poses in together] == [image.shape[:2] for image in images]
    assert all(poses.source is None for poses in together)
    for image, poses in zip(images[: len(SCENES)], together, strict=False):
        alone = pose(image)
        for name in ("boxes", "keypoints", "scores", "mask"):
            np.testing.assert_allclose(getattr(poses, name), getattr(alone, name), atol=2e-3)


def test_boxes_are_clipped_to_the_image(model, monkeypatch):
    """The fake's spread estimate of two separate red patches reaches beyond the image."""
    image = paint((200, 300), red=(0, 0, 30, 200))
    image[:, 270:] = (255, 0, 0)
    (box,) = Estimator(model, 300)(image).boxes
    assert box[0] == 0 and box[2] == 300
    np.testing.assert_allclose(box[[1, 3]], [0, 200], atol=0.2)


def test_fixed_input_size():
    pose = Estimator(RectangleFinder(image_size=(192, 256)))
    for size, box in SCENES[:4]:
        assert pose._canvas_size(Frame(paint(size), "")) == (192, 256)
        tolerance = 0.12 * max(1, size[0] / 192, size[1] / 256)
        np.testing.assert_allclose(pose(paint(size, red=box)).boxes[0], box, atol=tolerance)


def test_small_images_are_not_enlarged_beyond_the_limit(model):
    frame = Frame(paint((50, 80), red=(10, 10, 40, 40)), "small")
    for enlarge, canvas in ((2.0, (128, 192)), (1.0, (64, 128)), (100.0, (256, 320))):
        pose = Estimator(model, image_size=320, enlarge=enlarge)
        (batch,) = pose.canvases([frame])
        assert batch.shape[1:3] == canvas
        np.testing.assert_allclose(pose(frame.image).boxes, [[10, 10, 40, 40]], atol=1.5)
    fixed = Estimator(RectangleFinder(image_size=(256, 320)), enlarge=2.0)
    (batch,) = fixed.canvases([frame])
    assert batch.shape[1:3] == (256, 320) and (batch[0, 100:] == geometry.PADDING).all()
    np.testing.assert_allclose(fixed(frame.image).boxes, [[10, 10, 40, 40]], atol=1.5)


def test_few_input_shapes(monkeypatch):
    """Many sizes of photographs must not mean many shapes, each of which may cost a compilation."""
    pose, rng, seen = Estimator(RectangleFinder(), batch_size=8), np.random.default_rng(0), []
    images = [paint((int(height), 400)) for height in rng.integers(250, 560, 30)]

    def record(batch):
        seen.append(batch.shape)
        count, height, width, _ = batch.shape
        rows = {"boxes": 4, "box_scores": 0, "keypoints": 6, "keypoint_scores": 3, "pose_scores": 0}
        outputs = {name: np.zeros((count, 3, *[size] * (size > 0))) for name, size in rows.items()}
        outputs["keypoints"] = outputs["keypoints"].reshape(count, 3, 3, 2)
        return {**outputs, "mask": np.zeros((count, height // 4, width // 4))}

    monkeypatch.setattr(pose, "_find", record)
    assert len(pose(images)) == 30
    assert sum(shape[0] for shape in seen) == 30
    assert {shape[0] for shape in seen} <= {1, 2, 4, 8}
    canvases = [(512, 384), (512, 448), (512, 512), (448, 512), (384, 512), (320, 512)]
    assert {shape[1:3] for shape in seen} <= set(canvases)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="of TensorFlow's graph")
def test_one_graph_serves_all_sizes():
    model = RectangleFinder()
    pose = Estimator(model, image_size=256)
    for size, box in SCENES:
        pose([paint(size, red=box)] * 3)
    assert model.shapes == [(None, None, None, 3)]


def test_memory_is_bounded_by_a_window(pose):
    read = []

    def endless():
        while True:
            read.append(1)
            yield paint((60, 80), red=(10, 10, 50, 50))

    stream = pose.stream(endless())
    for _ in range(20):
        frame, poses = next(stream)
        assert isinstance(frame, Frame) and len(poses) == 1
    assert len(read) <= 20 + 4 * pose.batch_size


def test_large_images_make_small_windows(monkeypatch):
    monkeypatch.setattr(system, "WINDOW_PIXELS", 3 * 64 * 64)
    items = [Frame(paint((64, 64)), str(i)) for i in range(7)] + [InputError("x: y: z; do")]

    def sizes(stream, count):
        cut = system.windows(
            stream, count, lambda item: (system.pixels(item),), (system.WINDOW_PIXELS,)
        )
        return [len(window) for window in cut]

    assert sizes(items, 100) == [3, 3, 2]
    assert sizes(iter(items), 2) == [2, 2, 2, 2]


@pytest.mark.parametrize(("count", "largest"), [(0, 8), (1, 8), (13, 8), (16, 8), (11, 6), (5, 1)])
def test_batches_keep_order_and_are_few_sizes(count, largest):
    batches = list(system.batches(list(range(count)), largest))
    assert sum(batches, []) == list(range(count))
    assert {len(batch) for batch in batches} <= {largest} | {1, 2, 4, 8}
    assert all(len(batch) <= largest for batch in batches)


@pytest.fixture
def folder(tmp_path):
    for number, (size, box) in enumerate(SCENES[:3]):
        Image.fromarray(paint(size, red=box)).save(tmp_path / f"{number}.png")
    (tmp_path / "1b.jpg").write_text("no image")
    return tmp_path


def test_stream_goes_on_after_a_bad_file(pose, folder):
    items = list(pose.stream(folder))
    assert [isinstance(item, InputError) for item in items] == [False, False, True, False]
    assert "1b.jpg: file: not an image" in str(items[2])
    frame, poses = items[3]
    assert frame.path == folder / "2.png" and poses.source == str(folder / "2.png")
    np.testing.assert_allclose(poses.boxes[0], SCENES[2][1], atol=0.5)


def test_call_raises_on_a_bad_file(pose, folder):
    with pytest.raises(InputError, match="1b.jpg"):
        pose(folder, on_error="raise")
    with pytest.raises(InputError, match="none.jpg: file: No such file"):
        pose(folder / "none.jpg")


def test_one_image_gives_one_result_and_several_a_list(pose, folder):
    assert isinstance(pose(str(folder / "0.png")), Poses)
    assert [len(poses) for poses in pose(f"{folder}/*.png")] == [1, 1, 1]
    assert len(pose([folder / "0.png"])) == 1 and isinstance(pose([folder / "0.png"]), list)
    assert len(pose(np.stack([paint((64, 64))] * 2))) == 2
    assert pose([]) == []


def test_it_says_what_it_is_and_sees_other_sizes_for_one_call(model):
    pose = Estimator(model, image_size=320)
    runtime = f"keras on {keras.backend.backend()}"
    assert repr(pose) == f"<Estimator: corners, {runtime}, 320 pixels>"
    pose.name = "mine"
    assert repr(pose) == f"<Estimator: mine, {runtime}, 320 pixels>"
    assert pose._seeing(640).image_size == 640 and pose._seeing(640)._find is pose._find
    image = paint((480, 640), red=(100, 60, 300, 420))
    np.testing.assert_allclose(pose(image, size=192).boxes, pose(image).boxes, atol=0.6)
    with pytest.raises(ValueError, match="image_size: 5"):
        pose(image, size=5)
    fixed = Estimator(RectangleFinder(image_size=(192, 256)))
    assert "192x256 pixels" in repr(fixed)
    with pytest.raises(ValueError, match="size: the model sees images of"):
        fixed(image, size=320)


def test_a_result_of_an_array_draws_itself(pose):
    image = paint((100, 150), red=(10, 10, 100, 90))
    poses = pose(image)
    assert poses.source is None and (poses.draw() != image).any()


@pytest.mark.parametrize("options", [{"image_size": 16}, {"batch_size": 0}, {"enlarge": 0.0}])
def test_options_out_of_range(model, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}: "):
        Estimator(model, **options)


# Loading


class SmallNet(RectangleFinder):
    """Stands in for MultiPoseNet where only its weight file matters."""

    def __init__(self, units=3, image_size=None):
        super().__init__(image_size)
        self.dense = keras.layers.Dense(units)
        self.dense.build((None, 2))
        self.units = units

    def get_config(self):
        return {"units": self.units, "image_size": self.image_size}


@pytest.fixture
def small(monkeypatch, tmp_path):
    monkeypatch.setattr(model_files, "MultiPoseNet", SmallNet)
    monkeypatch.setattr(model_files, "_DESCRIBED", ("units", "depth"))
    path = tmp_path / "small.weights.h5"
    saved = SmallNet(units=5)
    saved.save_weights(path)
    return path, saved.dense.kernel.numpy() if hasattr(saved.dense.kernel, "numpy") else None


def loading_error(*arguments, **options):
    with pytest.raises(WeightsError) as caught:
        load(*arguments, **options)
    message = str(caught.value)
    assert "\n" not in message and message.count(": ") >= 2 and "; " in message, message
    return message


def test_weights_file_with_architecture(small):
    path, _ = small
    pose = load(path, architecture={"units": 5}, image_size=96, batch_size=2)
    assert pose.skeleton is CORNERS and pose.image_size == 96 and pose.batch_size == 2
    assert len(pose(paint((90, 90), red=(10, 10, 50, 50)))) == 1


def test_weights_file_with_json_beside_it(small):
    path, _ = small
    (path.parent / "small.json").write_text(json.dumps({"architecture": {"units": 5}}))
    assert load(str(path)).model.units == 5


def test_loaded_weights_are_those_of_the_file(small):
    path, _ = small
    first, second = (load(path, architecture={"units": 5}).model.get_weights() for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_weights_file_problems(small):
    path, _ = small
    assert "architecture: not known; give" in loading_error(path)
    (path.parent / "small.json").write_text("{}")
    assert "small.json: architecture: missing" in loading_error(path)
    (path.parent / "small.json").write_text("{")
    assert "small.json: file: damaged (not JSON)" in loading_error(path)
    assert "do not fit the architecture" in loading_error(path, architecture={"units": 4})
    assert "architecture: " in loading_error(path, architecture={"depth": 4})
    assert "no such file" in loading_error(path.parent / "none.weights.h5", architecture={})
    assert "no such file" in loading_error(path.parent / "none.weights.h5")
    data = path.read_bytes()
    for content in (b"", b"not HDF5", data[: len(data) // 2]):
        path.write_bytes(content)
        message = loading_error(path, architecture={"units": 5})
        assert "small.weights.h5: file: cannot be read" in message


def test_other_files_are_refused(tmp_path, small):
    (tmp_path / "model.bin").write_bytes(b"x")
    assert "model.bin: file: of no known kind" in loading_error(
        tmp_path / "model.bin", architecture={}
    )
    (tmp_path / "model.onnx").write_bytes(b"x")
    assert "model.onnx.json: file: missing or damaged" in loading_error(tmp_path / "model.onnx")
    (tmp_path / "old.h5").write_bytes(b"x")
    assert "old.h5: file: of no known kind" in loading_error(tmp_path / "old.h5", architecture={})


def test_keras_file_problems(tmp_path):
    assert "none.keras: file: no such file" in loading_error(tmp_path / "none.keras")
    (tmp_path / "folder.keras").mkdir()
    assert "folder.keras: file: is a folder" in loading_error(tmp_path / "folder.keras")
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4 broken")
    assert "broken.keras: file: cannot be loaded" in loading_error(tmp_path / "broken.keras")
    other = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    assert "other.keras: model: has no skeleton" in loading_error(tmp_path / "other.keras")


def test_zoo_model_with_its_own_defaults(small, monkeypatch):
    path, _ = small
    entry = {"name": "tiny", "architecture": {"units": 5}, "options": {"score": 0.07}}
    monkeypatch.setattr(zoo, "entry", lambda name: entry)
    monkeypatch.setattr(zoo, "resolve", lambda name: path)
    assert load("tiny").score == 0.07
    assert load("tiny", score=0.4).score == 0.4


def test_unknown_name():
    assert "multiposenet-giant: model: unknown name" in loading_error("multiposenet-giant")
