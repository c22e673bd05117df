"""Kills work again and again at random moments, lets it go on, and looks at what it leaves.

    python tests/attack/kills.py [training predict export download] [--kills 200] [--seed 0]

The processes are forks of this one, which has imported everything and computed nothing. Stand-ins
are what would take long between two files: the network of `predict`, the converter of `export`; the
files, locks and their order are real. Says for each kind how often it was killed, and how often it
went on to the end and left what an undisturbed one leaves.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "helpers")]

import file_server  # noqa: E402
import killed  # noqa: E402
import killed_predict  # noqa: E402
import numpy as np  # noqa: E402
from small_stage import weights  # noqa: E402, F401

from multiposenet.commands import systems  # noqa: E402
from multiposenet.commands.prediction.folder import RECORD  # noqa: E402
from multiposenet.files import file_lock  # noqa: E402
from multiposenet.files.checksums import sha256_of  # noqa: E402
from multiposenet.files.downloads import download  # noqa: E402
from multiposenet.runtimes import export, export_cache, exported  # noqa: E402
from multiposenet.skeleton import COCO_17  # noqa: E402


def fork(work):
    child = os.fork()
    if child:
        return child
    status = 99
    try:
        os.close(2)
        os.open(os.devnull, os.O_WRONLY)
        status = work() or 0
    finally:
        os._exit(status)


def ended(child):
    status = os.waitpid(child, 0)[1]
    return os.waitstatus_to_exitcode(status)


def content(folder):
    """Every file but those of processes that were killed, which the next one removes."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class Training:
    """Sixty steps with dropout, averages and a plateau, a checkpoint every third."""

    def __init__(self, folder):
        self.folder = folder

    def work(self):
        import tensorflow as tf

        tf.config.run_functions_eagerly(True)  # no time goes by in tracing
        killed.train(self.folder, 1)

    def look(self):
        path = self.folder / "line.npz"
        if path.exists():
            with np.load(path) as file:  # whole, by its checksums
                assert all(file[name] is not None for name in file.files)

    def result(self):
        lines = (self.folder / "line.jsonl").read_text().splitlines()
        keep = [{k: v for k, v in json.loads(x).items() if k not in ("samples/s", "waiting")}
                for x in lines]  # fmt: skip
        with np.load(self.folder / "weights.npz") as file:
            return keep, [file[name].tobytes() for name in file.files]


class Predict:
    """Three photos, drawn and written."""

    def __init__(self, folder):
        self.folder = folder
        self.photos = folder.parent / "photos"
        self.photos.mkdir(exist_ok=True)
        for number in range(killed_predict.PHOTOS):
            killed_predict.Image.new("RGB", (8, 8)).save(self.photos / f"{number}.png")

    def work(self):
        systems.load_system = lambda args, **options: killed_predict.Model()
        sys.stdout = open(os.devnull, "w")
        return killed_predict.predict(self.photos, self.folder, "--resume")

    def look(self):
        path = self.folder / "poses.json"
        if path.exists():
            json.loads(path.read_bytes())

    def result(self):
        return killed_predict.content(self.folder)


class Export:
    """A file of two with its description, in the cache."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.weights = folder.parent / "a.weights.h5"
        self.weights.write_bytes(b"weights")

    def work(self):
        os.environ["MULTIPOSENET_CACHE"] = str(self.folder)

        def write(model, path, format, size=None):
            for name in (path.with_suffix(".bin"), path):
                with open(name, "wb") as file:
                    for _ in range(20):
                        file.write(os.urandom(1) * 5000 if name != path else b"x" * 5000)
                        time.sleep(0.001)

        def make(path, kind, pose):
            parity = export.Parity(1, 1, 0.0, 0.0, 0.0)
            export.write, export.compare = write, lambda *arguments: parity
            export._check = lambda *arguments: None
            exported.open_function = lambda *arguments: None
            model = type("Model", (), {"image_size": None, "skeleton": COCO_17})()
            export.export(model, path, kind, [], options={"score": 0.3})

        export_cache._make = make
        path = export_cache.cached(self.weights, {}, "openvino", lambda: None)
        return not exported.intact(path, exported.read_sidecar(path)["files"])

    def look(self):
        """What opens is whole, at every moment."""
        for path in (self.folder / "exported").glob("*.xml"):
            if exported.sidecar(path).exists() and path.with_suffix(".bin").exists():
                assert exported.intact(path, exported.read_sidecar(path)["files"])

    def result(self):
        files = content(self.folder)
        return {name: len(data) for name, data in files.items()}


class Download:
    """A file from a server, in thirty pieces."""

    def __init__(self, folder):
        self.folder = folder
        self.path = folder / "a.weights.h5"

    def work(self):
        os.environ["no_proxy"] = "127.0.0.1"
        download(self.url, file_server.SHA256, self.path, len(file_server.CONTENT), pause=0.01)

    def look(self):
        assert not self.path.exists() or sha256_of(self.path) == file_server.SHA256

    def result(self):
        return content(self.folder)


KINDS = {"training": Training, "predict": Predict, "export": Export, "download": Download}


@contextlib.contextmanager
def served():
    """A server in a process of its own: forks of a process with threads are a risk."""
    told, tell = os.pipe()

    def serve():
        with file_server.running() as server:
            server.pause = 0.003
            os.write(tell, server.url.encode())
            while True:
                time.sleep(1)

    child = fork(serve)
    Download.url = os.read(told, 1000).decode()
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        ended(child)


def locks(folder):
    return list(folder.rglob("*.lock"))


def attack(kind, kills, moments, folder):
    whole = kind(folder / "whole")
    begin = time.monotonic()
    assert ended(fork(whole.work)) == 0
    duration, wanted = time.monotonic() - begin, whole.result()
    killed_times = finished = rounds = 0
    while killed_times < kills or finished == 0:
        work = kind(folder / "parts")
        rounds += 1
        while True:
            child = fork(work.work)
            time.sleep(moments.uniform(0, 0.8 * duration))
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            status = ended(child)
            work.look()
            if killed_times >= kills and status:  # the last one may end
                status = ended(fork(work.work))
                work.look()
            assert status in (0, -signal.SIGKILL), status
            killed_times += status != 0
            if status == 0:
                break
            for lock in locks(folder / "parts"):  # of nobody: they can be taken at once
                with file_lock.held(lock):
                    pass
        assert work.result() == wanted, f"{kind.__name__}: differs after round {rounds}"
        assert not locks(folder / "parts")
        left = {path.name for path in (folder / "parts").rglob(".*")}
        assert left <= {RECORD}, left
        finished += 1
        shutil.rmtree(folder / "parts")
    return killed_times, finished, duration


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for name in args.kinds or KINDS:
        with tempfile.TemporaryDirectory() as folder:
            serving = served() if name == "download" else contextlib.nullcontext()
            with serving:
                begin = time.monotonic()
                kills, finished, duration = attack(
                    KINDS[name], args.kills, random.Random(args.seed), Path(folder)
                )
        print(
            f"{name}: {kills} kills within {duration:.2f} s each; {finished} times went on to the "
            f"end and left what an undisturbed one leaves ({time.monotonic() - begin:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
