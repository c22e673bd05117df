"""export: a file and what it differs by; --runtime where it cannot be had."""

import dataclasses
import json

import pytest
from command_line import assert_one_line, names, paint
from random_model import random_model

from multiposenet.commands import systems
from multiposenet.runtimes import quantization
from multiposenet.runtimes.quantization import Agreement
from multiposenet.systems.entries import rmpe
from multiposenet.systems.estimator import Estimator


@pytest.fixture(scope="module")
def model():
    return random_model()


@pytest.fixture
def tiny(model, monkeypatch):
    """A random model that takes everything for a person."""
    pose = Estimator(model, image_size=64, score=0.01)
    load = systems.load
    monkeypatch.setattr(
        systems,
        "load",
        lambda args, *runtime, **options: (
            pose if args.model == "multiposenet-nano" else load(args, *runtime, **options)
        ),
    )
    return pose


def test_a_file_and_its_comparison(multiposenet, tiny, tmp_path):
    pytest.importorskip("openvino")
    photo, file = paint(tmp_path / "in" / "a.png"), tmp_path / "out" / "tiny.xml"
    options = ("--format", "openvino", "--out", file, "--photos", photo, "--json", "-")
    status, text, errors = multiposenet("export", *options)
    assert status == 0 and errors == []
    result = json.loads(text)
    assert result["photos"] == 1 and result["poses"] == 3 and result["pixels"] <= 0.05
    assert names(file.parent) == ["tiny.bin", "tiny.xml", "tiny.xml.json"]
    status, text, errors = multiposenet(
        "predict", photo, "--model", file, "--out", tmp_path / "drawn"
    )
    assert status == 0 and "people: 3" in text
    options = ("--size", "64x64", "--people", "1", "--rounds", "1", "--json", "-")
    status, text, _ = multiposenet("bench", "--model", file, *options)
    (row,) = json.loads(text)["rows"]
    assert (row["runtime"], row["found"], row["network_ms"]) == ("openvino", 3, None)


def test_nothing_to_compare_on(multiposenet, tiny, tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture")
    out = tmp_path / "out" / "tiny"
    options = ("--format", "saved_model", "--out", out, "--photos", tmp_path / "a.png")
    status, _, errors = multiposenet("export", *options)
    assert status == 2
    assert_one_line(errors, "--photos: none can be read")


@pytest.fixture
def photos(tmp_path):
    return [paint(tmp_path / "in" / f"{index:02}.png") for index in range(25)]


def test_int8_holds_photos_out(multiposenet, tiny, photos, tmp_path, monkeypatch):
    seen = []

    def fake(model, path, kind, batches, *, calibration, **options):
        seen.append((len(calibration), sum(map(len, batches)), calibration[0].shape))
        return Agreement(5, 15, 0.9, 0.1, 0.5, 12.0)

    monkeypatch.setattr("multiposenet.runtimes.export.export", fake)
    monkeypatch.setattr("multiposenet.runtimes.quantization.require", lambda path: None)
    options = ("--format", "openvino", "--int8", "--calibrate", photos[0].parent)
    status, text, errors = multiposenet("export", *options, "--out", tmp_path / "a.xml")
    assert status == 0 and errors == []
    assert "90.0% of 15 poses on 5 photos found again, 10.0% more" in text
    assert "0.5 px (median), 12 px (99th percentile)" in text
    # A photo to compare on never calibrates.
    options = (*options, "--photos", photos[0], photos[1], "--json", "-")
    status, text, _ = multiposenet("export", *options, "--out", tmp_path / "a.xml")
    assert status == 0 and json.loads(text)["found"] == 0.9
    assert seen == [(20, 5, (1, 64, 64, 3)), (23, 2, (1, 64, 64, 3))]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--int8",), "--int8: no photos to calibrate on; name photos with --calibrate"),
        (("--calibrate", "in"), "--calibrate: only 8 bits need it; add --int8"),
        (
            ("--int8", "--calibrate", "in/0*.png"),
            "--calibrate: 8 photos beside those to compare on, fewer than 20; name more",
        ),
        (("--int8", "--calibrate", "in"), "NNCF is not installed; install multiposenet[int8]"),
        (("--format", "onnx", "--int8"), "--int8: not for onnx files; add --format openvino"),
        (("--model", "a.xml"), "a.xml: --model: is exported already"),
    ],
)
def test_int8_and_wrong_arguments(
    multiposenet, tiny, photos, tmp_path, monkeypatch, options, words
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(quantization.importlib.util, "find_spec", lambda name: None)
    status, _, errors = multiposenet("export", "--format", "openvino", *options)
    assert status == 2 and names(tmp_path) == ["in"]
    assert_one_line(errors, words)


def test_a_system_that_a_runtime_does_not_run(multiposenet, fake_model, tmp_path, monkeypatch):
    monkeypatch.setattr(rmpe, "ENTRY", dataclasses.replace(rmpe.ENTRY, runtimes=("keras",)))
    photo = paint(tmp_path / "a.png")
    options = ("--system", "rmpe", "--runtime", "openvino", "--out", tmp_path / "out")
    status, _, errors = multiposenet("predict", photo, *options)
    assert status == 2 and fake_model == []
    assert_one_line(errors, "--runtime: openvino does not run RMPE")
