"""Ray Data on this machine: the rows, bad photos, a worker that is killed, the command line."""

import json

import fake_finder
import numpy as np
import pytest
from command_line import names, paint

from multiposenet import cli
from multiposenet.commands import systems
from multiposenet.commands.prediction import engines
from multiposenet.errors import InputError
from multiposenet.ray import prediction
from multiposenet.sources import read_image

pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_backend,
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),  # Ray's, of itself
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Six photos and a file that is none."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(6):
        paint(folder / f"{number}.png", [(0, 0, 20 + 10 * number, 50)])
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def test_a_data_set_of_bytes_and_paths(local_ray, photos):
    files = sorted(photos.glob("*.png"))
    rows = [{"path": str(path), "image_id": place} for place, path in enumerate(files)]
    rows[1]["bytes"] = files[1].read_bytes()
    rows[2]["path"] = f"file://{files[2]}"
    found = prediction.predict(
        local_ray.data.from_items([{"bytes": None, **row} for row in rows]),
        fake_finder.MeanFinder(),
        cpus=1,
    ).materialize()
    people, errors = (part(found).to_pandas() for part in (prediction.people, prediction.errors))
    assert sorted(people["image_id"]) == [0, 1, 2, 3, 4, 5]
    for _, row in people.iterrows():
        mean = read_image(files[row["image_id"]]).mean((0, 1))
        np.testing.assert_allclose(row["keypoints"][:3], [*mean[:2], 0.1], atol=1e-3)
    assert list(errors["file_name"]) == [str(photos / "bad.png")]
    assert "not an image of a known kind" in errors["error"][0]


def test_what_cannot_be_done_is_refused(local_ray):
    some = local_ray.data.from_items([{"path": "a.png"}])
    with pytest.raises(InputError, match="2 of 1 CPUs besides 1 .* take 1 actors"):
        prediction.predict(some, actors=2)
    with pytest.raises(InputError, match="gpus: 1 actors"):
        prediction.predict(some, gpus=1)
    with pytest.raises(InputError, match="columns: a; one of bytes, image, path"):
        prediction.predict(local_ray.data.from_items([{"a": 1}]))


@pytest.mark.parametrize("address, told", [("", "less to do"), ("auto", "see that it answers")])
def test_a_ray_that_does_not_start_is_told(local_ray, monkeypatch, address, told):
    def init(**_):
        raise Exception("The current node timed out\nduring startup")

    monkeypatch.setattr(local_ray, "init", init)
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=f"^--engine: .*timed out during startup; .*{told}$"):
        engines.started()


@pytest.fixture
def command(local_ray, monkeypatch, tmp_path):
    """Runs `predict` with a system without a network on the Ray that is there."""
    monkeypatch.setattr(engines, "started", lambda: local_ray)
    monkeypatch.setattr(local_ray, "shutdown", lambda: None)

    def run(out, *more, lethal=None):
        def load(args):
            return fake_finder.MeanFinder(lethal)

        monkeypatch.setattr(systems, "load_system", load)
        return cli.main(["predict", *map(str, more), "--out", str(tmp_path / out)])

    return run


def test_the_same_rows_as_one_process_also_when_workers_die(command, photos, tmp_path, monkeypatch):
    """Each does that sees one of the photos, which is given up alone."""
    from pyarrow import parquet

    monkeypatch.setenv("OMP_NUM_THREADS", "2")  # as the actor has CPUs, which the rows tell
    assert command("local", photos, "--pictures", "none", "--parquet") == 1
    # A block a photo, so that the worker has done some when it dies.
    monkeypatch.setattr(engines, "_BATCH", 1)
    assert command("ray", photos, "--engine", "ray", lethal="3.png") == 1
    assert names(tmp_path / "ray") == names(tmp_path / "local")
    local, ray = (
        json.loads((tmp_path / name / "poses.json").read_text()) for name in ("local", "ray")
    )
    assert [row for row in local if row["file_name"] != "3.png"] == ray and len(ray) == 5
    tables = tmp_path / "local" / "people.parquet", tmp_path / "ray" / "people.parquet"
    one, other = map(parquet.read_table, tables)
    assert one.schema == other.schema and other.to_pylist() == ray
    found = parquet.read_table(tmp_path / "ray" / "errors.parquet").to_pylist()
    errors = {row["file_name"]: row["error"] for row in found}
    (bad,) = parquet.read_table(tmp_path / "local" / "errors.parquet").to_pylist()
    assert errors.keys() == {"3.png", "bad.png"} and errors["bad.png"] == bad["error"]
    assert errors["3.png"].startswith("3.png: file: each of 3 workers died over it; leave it out")


def test_an_interrupted_run_goes_on_with_either_engine(command, photos, tmp_path):
    some = sorted(photos.glob("[0-2].png"))
    assert command("out", *some, "--engine", "ray") == 0
    record = tmp_path / "out" / ".predict.jsonl"
    done = [line for line in record.read_text().splitlines() if '"file_name"' in line]
    assert len(done) == 3
    everything = sorted(photos.glob("[0-9].png"))
    assert command("out", *everything, "--pictures", "none", "--resume", "--parquet") == 0
    assert set(done) <= set(record.read_text().splitlines())
    rows = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert [row["file_name"] for row in rows] == [path.name for path in everything]
    assert command("out", *everything, "--engine", "ray", "--resume") == 0  # nothing is left
    assert json.loads((tmp_path / "out" / "poses.json").read_text()) == rows
