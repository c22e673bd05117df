"""Exported files: the poses of Keras, on runtimes that know nothing of it."""

import importlib.util
import json
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import keras
import numpy as np
import pytest
from fake_model import RectangleFinder
from PIL import Image

import multiposenet
from multiposenet import signals, sources, zoo
from multiposenet.errors import InputError, Interrupted, WeightsError
from multiposenet.runtimes import export_cache, exported, quantization
from multiposenet.runtimes.export import compare, export, write
from multiposenet.systems.estimator import Estimator

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="only TensorFlow exports images of any size"
)
ROOT = Path(__file__).resolve().parents[2]
# What an environment with one of the runtimes alone holds.
ALONE = {
    "onnx": ["onnxruntime", "flatbuffers", "google", "packaging", "sympy", "mpmath"],
    "openvino": ["openvino", "openvino_telemetry"],
}


@pytest.fixture(scope="module")
def nano():
    return multiposenet.load("multiposenet-nano", batch_size=2)


@pytest.fixture(scope="module")
def lite0():
    """For eight bits, which the other model's heatmaps do not stand (docs/runtimes.md)."""
    return multiposenet.load("multiposenet-lite0", batch_size=2, image_size=320)


@pytest.fixture(scope="module")
def batches(nano):
    return batches_of(nano)


def batches_of(pose):
    """The sample photo and its mirror image in one batch, and a smaller one alone."""
    photo = sources.read_image(sources.sample_photo())
    pair = list(pose.canvases(list(sources.frames([photo, photo[:, ::-1]]))))
    return [*pair, next(pose.canvases(list(sources.frames([photo[:300]]))))]


@pytest.fixture(scope="module", params=["onnx", "openvino"])
def exported_file(request, nano, batches, tmp_path_factory):
    kind = request.param
    if not all(importlib.util.find_spec(name) for name in exported.PACKAGES[kind]):
        pytest.skip(f"pip install multiposenet[{kind}]")
    path = tmp_path_factory.mktemp(kind) / f"nano{exported.FORMATS[kind]}"
    options = {"image_size": nano.image_size, "score": nano.score}
    return path, export(nano.model, path, kind, batches, options=options)


def test_parity(exported_file, batches):
    path, parity = exported_file
    assert [len(batch) for batch in batches] == [2, 1] and parity.photos == 3
    assert parity.poses >= 2
    assert parity.pixels <= 0.05 and parity.score < 1e-3 and parity.heatmap < 1e-3
    about = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert about["parity"]["poses"] == parity.poses
    names = {path.name, f"{path.name}.json"} | ({"nano.bin"} if path.suffix == ".xml" else set())
    assert {file.name for file in path.parent.iterdir()} == names


def test_images_side_by_side_are_seen_as_one_alone(exported_file, batches):
    """Of one size each: OpenVINO compiled such a graph wrongly half of the times."""
    path, _ = exported_file
    kind, image = exported.format_of(path), batches[-1]
    alone = exported.open_function(path, kind)(image)
    for _ in range(3):
        many = exported.open_function(path, kind)(image, None, True)
        for name in ("boxes", "box_scores", "keypoints", "mask"):
            np.testing.assert_allclose(many[name], alone[name], atol=1e-2, err_msg=name)


def test_being_asked_to_stop_is_no_failed_export(tmp_path):
    """OpenVINO calls Python from C++, which makes an error of its own of it."""

    class Model:
        def export(self, *arguments, **options):
            try:
                # The handler, not the signal: other tests' libraries may have taken that.
                signal.getsignal(signal.SIGTERM)(signal.SIGTERM, None)
            except BaseException as error:
                raise RuntimeError("conversion failed") from error

    with pytest.raises(Interrupted), signals.obeyed():
        write(Model(), tmp_path / "a.xml", "openvino")


def test_an_estimator_of_the_file(exported_file, nano):
    path, _ = exported_file
    pose = multiposenet.load(path)
    assert (pose.score, pose.image_size) == (nano.score, nano.image_size)
    assert pose.skeleton == nano.skeleton
    photo = sources.sample_photo()
    ours, truth = pose(photo), nano(photo)
    assert len(ours) == len(truth) > 0
    np.testing.assert_allclose(ours.keypoints, truth.keypoints, atol=0.05)
    np.testing.assert_allclose(ours.mask, truth.mask, atol=1e-3)
    np.testing.assert_allclose(pose.heatmaps(photo), nano.heatmaps(photo), atol=1e-3)


def test_the_example_of_the_docs_without_keras(exported_file, nano, tmp_path):
    path, _ = exported_file
    kind = exported.format_of(path)
    code = next(
        block
        for block in re.findall(
            r"```python\n(.*?)```", (ROOT / "docs/runtimes.md").read_text(), re.S
        )
        if "onnxruntime" in block
    )
    if kind == "openvino":
        other = re.search(r"# (found = .*openvino.*)", code)[1]
        code = re.sub(r"(?s)\nsession = .*?\n# found[^\n]*", "\n" + other, code)
        code = code.replace("import onnxruntime", "import openvino")
    assert len(code.splitlines()) <= 25
    # Of the network's size, so that the example has nothing to stretch.
    person = Image.open(sources.sample_photo()).convert("RGB").resize((273, 320))
    photo = Image.new("RGB", (nano.image_size, nano.image_size), (114, 114, 114))
    photo.paste(person, (150, 100))
    photo.save(tmp_path / "photo.png")
    lines = _run_alone(kind, tmp_path, code, path, tmp_path / "photo.png").splitlines()
    found = np.array([[float(n) for n in re.findall(r"[\d.]+", line)] for line in lines])
    truth = nano(tmp_path / "photo.png")
    assert len(found) == len(truth) > 0
    apart = np.abs(found[:, None, :2] - truth.keypoints[:, 0]).max(axis=2)
    # It prints tenths, and OpenVINO left to itself computes in bfloat16 where it can.
    assert apart.min(axis=1).max() < (0.2 if kind == "onnx" else 2)
    assert np.abs(found[:, 2] - truth.scores[apart.argmin(axis=1)]).max() < 0.02


def _run_alone(kind, folder, code, *arguments) -> str:
    """Runs code in a Python that has NumPy, Pillow and one runtime, and no Keras."""
    packages = Path(sysconfig.get_path("purelib"))
    site = folder / "site-packages"
    site.mkdir()
    for name in ["numpy", "PIL", "pillow.libs", *ALONE[kind]]:
        for file in packages.glob(f"{name}*"):
            if not (site / file.name).exists():
                (site / file.name).symlink_to(file)
    start = f"""
import sys
from importlib.util import find_spec
sys.path = [path for path in sys.path if "site-packages" not in path] + [{str(site)!r}]
assert not find_spec("keras") and not find_spec("tensorflow") and not find_spec("multiposenet")
"""
    answer = subprocess.run(
        [sys.executable, "-I", "-S", "-c", start + code, *map(str, arguments)],
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.fixture(scope="module")
def tiny():
    """A model that takes noise for two persons."""
    return Estimator(RectangleFinder(), image_size=64, score=0.01)


def noise(*shape):
    return np.random.default_rng(1).uniform(0, 255, (*shape, 3)).astype("float32")


@pytest.mark.parametrize(("kind", "size"), [("saved_model", None), ("litert", (64, 96))])
def test_other_formats(tiny, kind, size, tmp_path):
    path = tmp_path / f"tiny{exported.FORMATS[kind]}"
    batches = [noise(2, 64, 96), noise(1, 64, 96)]
    options = {"image_size": 64, "score": 0.01}
    parity = export(tiny.model, path, kind, batches, options=options, size=size)
    assert parity.poses == 6 and parity.pixels <= 0.05
    pose = multiposenet.load(path, trust_saved_model=True)
    photo = noise(1, 64, 96)[0].astype("uint8")
    assert len(pose(photo)) == 2
    if size:
        assert pose(photo[:40]).image_size == (40, 96)  # letterboxed into the one size


def test_a_different_file_is_not_written(tiny, tmp_path, monkeypatch):
    def shifted(path, runtime):
        run = opened(path, runtime)
        return lambda batch: {k: v + 0.1 * (k == "keypoints") for k, v in run(batch).items()}

    opened = exported.open_function
    monkeypatch.setattr(exported, "open_function", shifted)
    with pytest.raises(InputError, match=r"keypoints: differ from Keras by up to 0\.1 px"):
        export(
            tiny.model, tmp_path / "tiny", "saved_model", [noise(1, 64, 64)],
            options={"image_size": 64, "score": 0.01},
        )  # fmt: skip
    assert list(tmp_path.iterdir()) == []


def test_compare_by_hand():
    class Model:
        def __call__(self, batch, training):
            points = np.zeros((1, 3, 1, 2), "float32")
            points[0, 0], points[0, 1], points[0, 2] = 10, 20, 90
            scores = np.array([[0.9, 0.6, 0.1]], "float32")
            return {"keypoints": points, "pose_scores": scores, "heatmaps": np.zeros((1, 2))}

    def function(batch):  # in another order, 0.25 px off; the third differs but is faint
        points = np.array([[[[20, 20.25]], [[10, 10]], [[50, 50]]]], "float32")
        scores = np.array([[0.5, 0.9, 0.1]], "float32")
        return {"keypoints": points, "pose_scores": scores, "heatmaps": np.full((1, 2), 0.5)}

    parity = compare(Model(), function, [np.zeros((1, 4, 4, 3))], 0.5)
    assert (parity.photos, parity.poses, parity.pixels) == (1, 2, 0.25)
    assert parity.score == pytest.approx(0.1) and parity.heatmap == 0.5
    nobody = compare(
        Model(), lambda b: {**function(b), "pose_scores": np.zeros((1, 3))}, [np.zeros(1)], 0.5
    )
    assert nobody.pixels == np.inf


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("onnx", "a.xml", "ends in '.onnx'"),
        ("saved_model", "a.onnx", "ends in 'nothing'"),
        ("litert", "a.tflite", "LiteRT needs one"),
    ],
)
def test_wrong_arguments(tiny, kind, name, words, tmp_path):
    with pytest.raises(InputError, match=words):
        export(tiny.model, tmp_path / name, kind, [], options={"score": 0.5})


def test_runtimes_are_chosen_by_what_is_installed(monkeypatch):
    there = {"openvino"}
    monkeypatch.setattr(exported.importlib.util, "find_spec", lambda name: name in there or None)
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert exported.choose("auto") == "openvino" == exported.choose("openvino")
    with pytest.raises(InputError, match=r"not installed; install multiposenet\[onnx\]"):
        exported.choose("onnx")
    with pytest.raises(InputError, match="unknown; use auto, keras"):
        exported.choose("abacus")
    there |= {"onnxruntime", "tf2onnx"}
    assert exported.choose("auto") == "onnx"
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert exported.choose("auto") == "keras"
    monkeypatch.delenv("KERAS_BACKEND")
    there.clear()
    assert exported.choose("auto") == "keras"


def test_files_and_runtimes_must_fit(tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        exported.load(tmp_path / "none.onnx")
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(InputError, match="openvino runs no onnx file"):
        exported.load(tmp_path / "a.onnx", "openvino")
    about = {"skeleton": {"keypoints": ["nose"]}, "image_size": None, "options": {}}
    exported.write_sidecar(tmp_path / "a.onnx", about)
    pytest.importorskip("onnxruntime")
    with pytest.raises(WeightsError, match="a.onnx: file: cannot be loaded"):
        exported.load(tmp_path / "a.onnx")


def test_cached_files_are_made_once(tiny, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr(zoo, "cache_dir", lambda: tmp_path / "cache")
    weights = tmp_path / "tiny.weights.h5"
    tiny.model.save_weights(weights)
    made = []

    def make():
        made.append(1)
        return tiny

    first = export_cache.cached(weights, {"a": 1}, "openvino", make)
    assert export_cache.cached(weights, {"a": 1}, "openvino-bf16", make) == first
    assert made == [1] and exported.load(first, "openvino").skeleton == tiny.skeleton
    # A damaged one is made anew, and so is one of which a part is missing.
    content = first.read_bytes()
    first.write_bytes(content[:-1] + b"?")
    assert export_cache.cached(weights, {"a": 1}, "openvino", make) == first
    assert made == [1, 1] and exported.load(first, "openvino").skeleton == tiny.skeleton
    made.clear()
    made.append(1)
    # Other arguments or weights are another file.
    monkeypatch.setattr("multiposenet.runtimes.export.export", lambda *a, **k: None)
    assert export_cache.cached(weights, {"a": 2}, "openvino", make) != first
    weights.write_bytes(weights.read_bytes() + b" ")
    assert export_cache.cached(weights, {"a": 1}, "openvino", make) != first
    assert made == [1, 1, 1]


def test_bfloat16_finds_the_same_people(exported_file, nano):
    path, _ = exported_file
    if path.suffix != ".xml":
        pytest.skip("OpenVINO alone has it")
    pose = multiposenet.load(path, runtime="openvino-bf16")
    photo = sources.sample_photo()
    ours, truth = pose(photo), nano(photo)
    assert len(ours) == len(truth)
    np.testing.assert_allclose(ours.boxes, truth.boxes, atol=8)


@pytest.fixture(scope="module")
def quantized(lite0, tmp_path_factory):
    if not all(importlib.util.find_spec(name) for name in ("openvino", "nncf")):
        pytest.skip("OpenVINO alone has it, and it needs NNCF: pip install multiposenet[int8]")
    import openvino

    batches = batches_of(lite0)
    path = tmp_path_factory.mktemp("float") / "lite0.xml"
    options = {"image_size": lite0.image_size, "score": lite0.score}
    export(lite0.model, path, "openvino", batches[:1], options=options)
    small = tmp_path_factory.mktemp("int8") / "lite0.xml"
    openvino.save_model(openvino.Core().read_model(path), small, compress_to_fp16=False)
    quantization.quantize(small, [batches[0][:1].astype("uint8"), batches[1].astype("uint8")])
    exported.write_sidecar(small, json.loads(exported.sidecar(path).read_text()))
    return small


def test_int8_leaves_heads_and_all_behind_them_in_float(quantized):
    import openvino

    model = openvino.Core().read_model(quantized)
    kinds = ("Convolution", "GroupConvolution")
    behind = {}  # name -> whether a convolution comes after the operation
    for node in reversed(model.get_ordered_ops()):
        readers = [t.get_node() for out in node.outputs() for t in out.get_target_inputs()]
        behind[node.get_friendly_name()] = any(
            r.get_type_name() in kinds or behind[r.get_friendly_name()] for r in readers
        )
    count = {"int8": 0, "float": 0}
    for node in model.get_ops():
        if node.get_type_name() == "FakeQuantize":
            assert behind[node.get_friendly_name()]
        if node.get_type_name() in kinds:
            weights = node.input_value(1).get_node()
            while weights.get_type_name() != "Constant":
                weights = weights.input_value(0).get_node()
            eight = weights.get_element_type() == openvino.Type.i8
            count["int8" if eight else "float"] += 1
            assert eight == behind[node.get_friendly_name()]
    # Boxes and logits on five levels each, and the heatmaps.
    assert count["float"] == 11 and count["int8"] > 50


def test_int8_runs_without_keras_and_finds_the_same_people(quantized, lite0, tmp_path):
    batches = batches_of(lite0)
    np.save(tmp_path / "images.npy", batches[0])
    code = """
import numpy, openvino
found = openvino.compile_model(sys.argv[1], "CPU")(numpy.load(sys.argv[2]))
numpy.savez(sys.argv[3], **{o.any_name: v for o, v in found.items()})
"""
    arguments = (quantized, tmp_path / "images.npy", tmp_path / "found.npz")
    _run_alone("openvino", tmp_path, code, *arguments)
    found = dict(np.load(tmp_path / "found.npz"))
    same = quantization.compare(lite0.model, lambda batch: found, [batches[0]], lite0.score)
    assert same.photos == 2 and same.poses >= 2
    assert same.found == 1 and same.median_pixels < 4
    assert len(multiposenet.load(quantized)(sources.sample_photo())) == 1
