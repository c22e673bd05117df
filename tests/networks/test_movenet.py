"""MoveNet's backbone, pyramid and heatmaps, against its own graph computed node by node."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import random_movenet
from keras import ops

from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.files.checksums import sha256_of
from multiposenet.networks import backbones
from multiposenet.networks.movenet_pyramid import PYRAMID
from multiposenet.networks.public_weights.tfjs_weights import read_convolutions
from multiposenet.skeleton import LSP_14
from multiposenet.systems.multiposenet import MultiPoseNet

REFERENCE = np.load(Path(__file__).parents[1] / "reference" / "movenet_multipose.npz")
RELEASED = os.environ.get("MULTIPOSENET_MOVENET", "movenet-multipose.json")
LEVELS = ("C2", "C3", "C4", "C4_lower", "C5")

pytestmark = pytest.mark.not_on_jax


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return random_movenet.write(tmp_path_factory.mktemp("movenet"))


@pytest.fixture(scope="module")
def model(files):
    return MultiPoseNet("movenet_multipose", weights=files)


def check(model, kind, tolerance):
    features = model.backbone(REFERENCE["image"][None].astype("float32"), training=False)
    pyramid = {key: features[key] for key in model.keypoint_pyramid.input}
    found = {**features, **model.keypoint_pyramid(pyramid, training=False)}
    found["heatmaps"] = model.keypoint_maps([features], training=False)["maps"][..., :17]
    for name in (*LEVELS, "K2", "K3", "K4", "K5", "heatmaps"):
        expected = REFERENCE[f"{kind}/{name}"]
        own = ops.convert_to_numpy(found[name])[0]
        if name[0] == "K":  # behind MoveNet's own channels are further ones
            own = own[..., : PYRAMID[int(name[1])][1]]
        own = own[..., -expected.shape[-1] :]
        scale = np.abs(expected).max()
        np.testing.assert_allclose(own / scale, expected / scale, atol=tolerance, err_msg=name)


def test_the_graph_with_random_weights(model):
    check(model, "random", 1e-4)


@pytest.mark.skipif(
    not Path(RELEASED).is_file(),
    reason="no released MoveNet; name movenet-multipose.json by MULTIPOSENET_MOVENET",
)
def test_the_graph_with_the_released_weights():
    check(MultiPoseNet("movenet_multipose", weights=RELEASED), "released", 1e-4)


@pytest.mark.one_backend
def test_the_whole_model_runs_and_has_every_output(model):
    outputs = model(np.zeros((1, 64, 96, 3), "float32"))
    assert outputs["heatmaps"].shape == (1, 16, 24, 17) and outputs["mask"].shape == (1, 16, 24)
    assert outputs["keypoints"].shape[2:] == (17, 2)


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "name, channels, parameters",
    [
        ("movenet_lightning", (24, 32, 96), 1_795_936),
        ("movenet_multipose", (40, 48, 144), 3_987_944),
        ("movenet_thunder", (40, 56, 168), 5_392_584),
    ],
)
def test_widths(name, channels, parameters):
    """Channels of C2...C4, and parameters of all but the last convolution, counted in the files."""
    backbone = backbones.build(name)
    levels = backbones.levels(backbone)
    assert tuple(levels[key][0] for key in ("C2", "C3", "C4")) == channels
    assert [levels[key][1] for key in ("C2", "C3", "C4", "C5")] == [4, 8, 16, 32]
    last = backbone.get_layer("Conv_1").count_params()
    assert backbone.count_params() - last == parameters


@pytest.mark.one_backend
def test_other_keypoints_take_backbone_and_pyramid(files, model):
    other = MultiPoseNet("movenet_multipose", skeleton=LSP_14, weights=files)
    for part in ("backbone", "keypoint_pyramid"):
        for own, theirs in zip(
            getattr(other, part).layers, getattr(model, part).layers, strict=True
        ):
            if "further" not in own.name:  # which are ours, and random
                for a, b in zip(own.weights, theirs.weights, strict=True):
                    np.testing.assert_array_equal(ops.convert_to_numpy(a), ops.convert_to_numpy(b))


@pytest.mark.one_backend
def test_weights_of_another_width(files):
    with pytest.raises(WeightsError, match="are not those of movenet_lightning"):
        MultiPoseNet("movenet_lightning", weights=files)
    with pytest.raises(WeightsError, match="are a MoveNet's, the backbone is nano; use one of"):
        MultiPoseNet("nano", weights=files)


@pytest.fixture
def published(files, tmp_path, monkeypatch):
    """A folder that serves the files, and an installation that knows of it."""
    folder, entries = tmp_path / "served", {}
    folder.mkdir()
    for kind, own in (("json", files), ("bin", files.with_suffix(".bin"))):
        path = folder / f"movenet-multipose.{kind}"
        path.write_bytes(own.read_bytes().replace(b'"movenet.bin"', b'"movenet-multipose.bin"'))
        about = {"file": path.name, "sha256": sha256_of(path), "url": path.as_uri()}
        entries[path.name] = {**about, "bytes": path.stat().st_size}
    (tmp_path / "manifest.json").write_text(json.dumps({"format": 1, "movenet": entries}))
    monkeypatch.setattr(zoo, "_folder", lambda: tmp_path)
    monkeypatch.setenv("MULTIPOSENET_CACHE", str(tmp_path / "cache"))
    zoo._manifest.cache_clear()
    yield folder
    zoo._manifest.cache_clear()


def test_released_weights_are_downloaded_once(model, published, tmp_path):
    for _ in range(2):
        found = MultiPoseNet("movenet_multipose", weights="movenet")
        for own, theirs in zip(found.backbone.weights, model.backbone.weights, strict=True):
            np.testing.assert_array_equal(own, theirs)
        for path in published.iterdir():
            path.unlink(missing_ok=True)  # the second model is made of the cache
    (tmp_path / "cache" / "movenet-multipose.bin").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="movenet-multipose.bin: sha256: the file is"):
        MultiPoseNet("movenet_multipose", weights="movenet")


@pytest.mark.one_backend
def test_the_address_of_every_movenet_is_known():
    for name in backbones.MOVENETS:
        for kind in ("json", "bin"):
            known = zoo.entry(f"{name.replace('_', '-')}.{kind}", "movenet")
            assert known["url"].startswith("https://") and known["bytes"] > 100_000


@pytest.mark.one_backend
def test_no_movenet_for_another_backbone():
    with pytest.raises(WeightsError, match="are a MoveNet's, the backbone is nano; use one of"):
        MultiPoseNet("nano", weights="movenet")


def damaged(files, folder, change):
    """A copy of the files after ``change(json, bin)``, each the bytes of a file."""
    texts = change(files.read_bytes(), files.with_suffix(".bin").read_bytes())
    for name, content in zip(("movenet.json", "movenet.bin"), texts, strict=True):
        (folder / name).write_bytes(content)
    return folder / "movenet.json"


@pytest.mark.one_backend
@pytest.mark.parametrize(
    "change, message",
    [
        (lambda j, b: (j, b[:-10]), "ends at byte"),
        (lambda j, b: (j, b + b"more"), "tells about"),
        (lambda j, b: (j, b"\x00\x7c" * (len(b) // 2)), "is not finite"),
        (lambda j, b: (j[:500], b), "not JSON"),
        (lambda j, b: (b"[" * 100_000, b), "nested too deeply"),
        (lambda j, b: (b"[]", b), "weightsManifest: missing"),
        (lambda j, b: (j.replace(b'"movenet.bin"', b'"../movenet.bin"'), b), "is not beside it"),
        (lambda j, b: (j.replace(b'"movenet.bin"', b'"none.bin"'), b), "cannot be read"),
        (lambda j, b: (j.replace(b'"dtype": "float16"', b'"dtype": "uint8"', 1), b), "the type"),
        (lambda j, b: (j.replace(b'"shape": [3, 3', b'"shape": [-3, 3', 1), b), "has the shape"),
    ],
)
def test_damaged_files_are_one_line(files, tmp_path, change, message):
    path = damaged(files, tmp_path, change)
    with pytest.raises(WeightsError, match=message) as caught:
        read_convolutions(path)
    assert "\n" not in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.one_backend
def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_convolutions(tmp_path / "none.json")
