"""What only one of the engines takes, and tables of the results; no Ray is started here."""

import json

import pytest
from command_line import assert_one_line, names, paint

pytest.importorskip("pyarrow", reason="tables need pyarrow")


def test_tables_hold_what_poses_json_holds(multiposenet, fake_model, tmp_path):
    from pyarrow import parquet

    paint(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.png").write_bytes(b"")
    out = tmp_path / "out"
    options = ["--out", out, "--parquet", "--pictures", "none"]
    for more in ([], [], ["--resume"]):  # its own tables are replaced
        assert multiposenet("predict", tmp_path / "in", *options, *more)[0] == 1
        people = parquet.read_table(out / "people.parquet").to_pylist()
        assert people == json.loads((out / "poses.json").read_text()) and len(people) == 2
        (error,) = parquet.read_table(out / "errors.parquet").to_pylist()
        assert error["file_name"] == "b.png" and "is empty" in error["error"]
    assert names(out) == [".predict.jsonl", "errors.parquet", "people.parquet", "poses.json"]


def test_where_no_photo_can_be_used_earlier_results_stay(multiposenet, fake_model, tmp_path):
    photo, bad = paint(tmp_path / "a.png"), tmp_path / "b.png"
    bad.write_bytes(b"")
    options = ["--out", tmp_path / "out", "--parquet", "--pictures", "none"]
    multiposenet("predict", photo, *options)
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert multiposenet("predict", bad, *options)[0] == 2
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_table_of_somebody_else_is_kept(multiposenet, fake_model, tmp_path):
    photo, out = paint(tmp_path / "a.png"), tmp_path / "out"
    out.mkdir()
    (out / "people.parquet").write_text("mine")
    options = ["--out", out, "--parquet", "--pictures", "none"]
    status, _, errors = multiposenet("predict", photo, *options)
    assert status == 2 and (out / "people.parquet").read_text() == "mine"
    assert_one_line(errors, "people.parquet")


def test_photos_in_a_table(multiposenet, fake_model, tmp_path):
    import pyarrow
    from pyarrow import parquet

    contents = [paint(tmp_path / f"{n}.png").read_bytes() for n in range(2)]
    table = pyarrow.table({"bytes": contents, "file_name": ["x.png", "y.png"]})
    parquet.write_table(table, tmp_path / "t.parquet")
    options = ["--out", tmp_path / "out", "--resume"]
    for _ in range(2):
        assert multiposenet("predict", tmp_path / "t.parquet", *options)[0] == 0
    rows = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert {row["file_name"] for row in rows} == {"x.png", "y.png"} and len(rows) == 4
    assert (tmp_path / "out" / "y.png").is_file()


def test_options_of_the_other_engine_are_refused(multiposenet, fake_model, tmp_path):
    photo = paint(tmp_path / "a.png")
    status, _, errors = multiposenet("predict", photo, "--cpus", "2")
    assert status == 2
    assert_one_line(errors, "--cpus: is of actors; add --engine ray")
    pytest.importorskip("ray.data", reason='needs Ray: pip install "multiposenet[ray]"')
    for given in (["--pictures", "png"], [tmp_path / "clip.mp4"]):
        out = ["--out", tmp_path / "out"]
        status, _, errors = multiposenet("predict", photo, *given, "--engine", "ray", *out)
        assert status == 2
        assert_one_line(errors, "local" if given[0] == "--pictures" else "photos alone")


def test_what_is_to_be_installed_is_told(multiposenet, fake_model, tmp_path, monkeypatch):
    import sys

    photo = paint(tmp_path / "a.png")
    for module, given, extra in (
        ("ray", ["--engine", "ray"], "multiposenet[ray]"),
        ("pyarrow", ["--parquet"], "multiposenet[parquet]"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        status, _, errors = multiposenet("predict", photo, "--out", tmp_path / "out", *given)
        assert status == 2 and fake_model == []
        assert_one_line(errors, f"pip install '{extra}'")
