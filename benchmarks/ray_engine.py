"""`predict --engine ray` beside the local engine: rows, kills, overhead and memory of an actor.

    python benchmarks/ray_engine.py coco_photos/test/photos
    python benchmarks/ray_engine.py coco_photos/train/photos --count 2000 --only overhead

rows      both engines on the same photos: the largest difference in pixels, row by row
worker    kill -9 of an actor in the middle: rows lost and doubled
driver    kill -9 of the driver after a third, --resume, Ctrl-C after two thirds, --resume: what is
          there each time, and whether it is the same in the end
overhead  seconds of the one over those of the other, both in turn
memory    growth of each actor's between a fifth of the photos and the end
"""

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from pyarrow import parquet

PARTS = ("rows", "worker", "driver", "overhead", "memory")
STEP = 0.5  # seconds between two looks


class Run:
    """A `predict` in a process of its own.

    Args:
        photos: the folder.
        out: the folder of results.
        engine: local or ray.
        more: further arguments.
    """

    def __init__(self, photos, out, engine, *more):
        self.out, self.start = out, time.monotonic()
        command = [sys.executable, "-m", "multiposenet", "predict", str(photos), "--out", str(out)]
        command += ["--engine", engine, "--parquet", "--pictures", "none", *more]
        # Ctrl-C must reach it also if this was started in the background, where it is ignored.
        listen = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=listen)

    def actors(self):
        """Numbers of the processes of its actors."""
        found, parents = [], {}
        for place in Path("/proc").iterdir():
            if place.name.isdecimal():
                try:
                    fields = (place / "stat").read_text().rpartition(")")[2].split()
                    parents[int(place.name)] = int(fields[1])
                    if b"ray::MapWorker" in (place / "cmdline").read_bytes():
                        found.append(int(place.name))
                except (OSError, IndexError):
                    continue
        return [pid for pid in found if self.process.pid in _line(pid, parents)]

    def done(self):
        """How many photos are done."""
        record = self.out / ".predict.jsonl"
        if not record.exists():
            return 0
        return sum(b'"photo"' in line for line in record.read_bytes().splitlines())

    def wait_for(self, count):
        """Returns when so many photos are done."""
        while self.done() < count:
            if self.process.poll() is not None:
                sys.exit(f"predict ended with {self.process.returncode} before photo {count}")
            time.sleep(STEP)

    def end(self):
        """Waits for its end; notes the seconds that it took."""
        if self.process.wait() != 0:
            sys.exit(f"predict ended with {self.process.returncode}")
        self.seconds = time.monotonic() - self.start

    def rows(self):
        return json.loads((self.out / "poses.json").read_text())


def _line(pid, parents):
    """A process and those that it comes from."""
    line = []
    while pid in parents and pid not in line:
        line.append(pid)
        pid = parents[pid]
    return line


def own_memory(pid):
    """Megabytes that a process has of its own; None if it has ended."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields["RssAnon"].split()[0]) / 1024 if "RssAnon" in fields else None


@functools.cache
def _undisturbed(photos, folder, engine):
    run = Run(photos, folder / engine, engine)
    if engine == "ray":
        run.memory = _watched(run, len(list(photos.iterdir())))
    run.end()
    return run


def compared(one, other):
    """What two lists of results have of each other, in words."""
    key = ("image_id", "file_name")
    counts = [Counter(tuple(row[name] for name in key) for row in rows) for rows in (one, other)]
    lost, more = (sum((a - b).values()) for a, b in (counts, counts[::-1]))
    order = [[row["image_id"] for row in rows] for rows in (one, other)]
    told = f"{len(one)} and {len(other)} rows: {lost} lost, {more} doubled"
    if order[0] == order[1]:
        apart = [
            np.abs(np.subtract(a["keypoints"] + a["bbox"], b["keypoints"] + b["bbox"])).max()
            for a, b in zip(one, other, strict=True)
        ]
        told += f", largest difference {max(apart):.3g} px, {np.count_nonzero(apart)} rows differ"
    return told


def rows(photos, folder, count):
    local, ray = (_undisturbed(photos, folder, engine).rows() for engine in ("local", "ray"))
    print("rows:", compared(local, ray), flush=True)


def worker(photos, folder, count):
    whole = _undisturbed(photos, folder, "ray")
    killed = Run(photos, folder / "worker", "ray")
    killed.wait_for(count // 3)
    (victim, *_) = killed.actors()
    before = killed.done()
    os.kill(victim, signal.SIGKILL)
    killed.end()
    told = compared(whole.rows(), killed.rows())
    print(f"worker: killed after {before} photos:", told, flush=True)


def driver(photos, folder, count):
    whole, resume = _undisturbed(photos, folder, "ray"), ()
    for end, wanted in ((signal.SIGKILL, count // 3), (signal.SIGINT, 2 * count // 3)):
        run = Run(photos, folder / "driver", "ray", *resume)
        run.wait_for(wanted)
        run.process.send_signal(end)
        run.process.wait()
        told = f"{run.done()} photos are done, {len(run.rows())} rows in poses.json"
        if end == signal.SIGINT:
            people = parquet.read_table(run.out / "people.parquet").to_pylist()
            told += f", the same in people.parquet: {people == run.rows()}"
        files = ", ".join(sorted(path.name for path in run.out.iterdir()))
        print(f"driver: {end.name}: {told}; {files}", flush=True)
        resume = ("--resume",)
    run = Run(photos, folder / "driver", "ray", *resume)
    run.end()
    print("driver: resumed:", compared(whole.rows(), run.rows()), flush=True)


def overhead(photos, folder, count):
    local, ray = (_undisturbed(photos, folder, engine).seconds for engine in ("local", "ray"))
    told = f"local {local:.1f} s, ray {ray:.1f} s for {count} photos: {ray / local:.3f}"
    print("overhead:", told, flush=True)


def memory(photos, folder, count):
    for pid, (early, late) in _undisturbed(photos, folder, "ray").memory.items():
        told = f"{early:.0f} MB, then {late:.0f}: {late - early:+.0f} MB"
        print(f"memory: actor {pid}: {told}", flush=True)


def _watched(run, count):
    """Memory of each actor when a fifth is done, and as late as it can be seen."""
    run.wait_for(count // 5)
    early = {pid: own_memory(pid) for pid in run.actors()}
    late = dict(early)
    while run.process.poll() is None:
        late |= {pid: size for pid in early if (size := own_memory(pid))}
        time.sleep(STEP)
    return {pid: (early[pid], late[pid]) for pid in early}


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("photos", type=Path, help="a folder")
    parser.add_argument("--count", type=int, default=250, help="photos of it")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        some = Path(work) / "photos"
        some.mkdir()
        for path in sorted(args.photos.iterdir())[: args.count]:
            (some / path.name).symlink_to(path.resolve())
        for part in args.only:
            globals()[part](some, Path(work), len(list(some.iterdir())))


if __name__ == "__main__":
    main()
