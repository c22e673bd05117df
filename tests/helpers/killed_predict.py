"""Runs `predict` in processes that are killed at every call that changes the disk, and goes on.

    python killed_predict.py FOLDER

Prints the number of kills. The processes are forks of this one; what stands for the model finds as
many people as a photo's number says.
"""

import itertools
import json
import os
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

from PIL import Image

from multiposenet import cli, sources  # noqa: F401 (what the forks would import each)
from multiposenet.commands import systems
from multiposenet.commands.prediction import record
from multiposenet.files.writing import atomic_write

CALLS = ("replace", "fsync", "unlink")
PHOTOS = 3


class Found(list):
    """Stands for `Poses`."""

    def to_coco(self, image_id, file_name):
        return [{"image_id": image_id, "file_name": file_name, "person": person} for person in self]

    def draw(self, path, image, **options):
        with atomic_write(path) as partial:
            partial.write_text(f"drawing of {image}")


class Model:
    def stream(self, frames):
        for frame in frames:
            path = frame.path
            yield SimpleNamespace(image=path.name), Found(range(int(path.stem)))

    def advice(self, frame, poses):
        return None


def forked(work):
    """The status of a fork that does the work."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(work())
        except BaseException:
            os._exit(99)
    return os.waitpid(child, 0)[1]


def predict(photos, out, *options):
    return cli.main(["predict", str(photos), "--out", str(out), *options, "--json", os.devnull])


def predict_until(photos, out, last):
    """Is killed by the `last`-th call: before it, behind it, or having written half."""
    count = [0]

    def dying(call):
        def die(*arguments, **options):
            count[0] += 1
            if count[0] != last:
                return call(*arguments, **options)
            try:
                if last % 2:
                    call(*arguments, **options)
            finally:
                os.kill(os.getpid(), signal.SIGKILL)

        return die

    def dying_put(writer, content):
        count[0] += 1
        if count[0] == last:  # behind half of the line
            writer._file.write(json.dumps(content).encode()[:20])
            os.kill(os.getpid(), signal.SIGKILL)
        put(writer, content)

    put = record.Writer._put
    record.Writer._put = dying_put
    for call in CALLS:
        setattr(os, call, dying(getattr(os, call)))
    return predict(photos, out)


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name[0] != "."}


def main(folder):
    systems.load_system = lambda args, **options: Model()
    sys.stdout = open(os.devnull, "w")
    photos = folder / "photos"
    photos.mkdir()
    for number in range(PHOTOS):
        Image.new("RGB", (8, 8)).save(photos / f"{number}.png")
    whole = folder / "whole"
    assert forked(lambda: predict(photos, whole)) == 0
    for kills in itertools.count():
        out = folder / f"{kills}"
        status = forked(lambda out=out, last=kills + 1: predict_until(photos, out, last))
        if not os.WIFSIGNALED(status):
            assert status == 0, status
            break
        done = out / "poses.json"
        rows = json.loads(done.read_bytes()) if done.exists() else []
        assert rows == json.loads((whole / "poses.json").read_bytes())[: len(rows)], rows
        assert forked(lambda out=out: predict(photos, out, "--resume")) == 0, kills
        assert content(out) == content(whole), (kills, sorted(content(out)))
        assert not list(out.glob(".partial-*")) and not (out / ".predict.lock").exists()
        if kills % 8 == 0:  # and once more, anew
            assert forked(lambda out=out: predict(photos, out)) == 0
            assert content(out) == content(whole)
    print(kills, file=sys.__stdout__, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
