"""COCO's keypoint AP beside pycocotools, faster-coco-eval and hotcoco, in turn, in one run.

    python benchmarks/metric_peers.py --photos 5000
    pip install faster-coco-eval hotcoco            # those that are there are measured

From a list of results, as a model leaves them, to the figures; labels are read before.
Milliseconds are medians, the ratio is ours over theirs, and the difference that of AP.
"""

import argparse
import contextlib
import importlib
import io
import json
import tempfile
from pathlib import Path

import numpy as np
from components import _people

from multiposenet.annotations import CocoAnnotations
from multiposenet.commands import console
from multiposenet.evaluation import evaluate_keypoints, speed

PEERS = {
    "pycocotools": ("pycocotools.coco", "pycocotools.cocoeval", "COCOeval"),
    "faster-coco-eval": ("faster_coco_eval", "faster_coco_eval", "COCOeval_faster"),
    "hotcoco": ("hotcoco", "hotcoco", "COCOeval"),
}


def peer(name, path, results):
    """A function of no arguments to AP; None if it is not installed."""
    of_labels, of_metric, metric = PEERS[name]
    try:
        labels = importlib.import_module(of_labels).COCO
        evaluation = getattr(importlib.import_module(of_metric), metric)
    except ImportError:
        return None
    with contextlib.redirect_stdout(io.StringIO()):
        truth = labels(str(path))

    def run():
        with contextlib.redirect_stdout(io.StringIO()):
            # Theirs write into what they are given.
            found = truth.loadRes([dict(row) for row in results])
            own = evaluation(truth, found, "keypoints")
            own.evaluate()
            own.accumulate()
            own.summarize()
        return float(own.stats[0])

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    content, results = _people(args.photos, persons=3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        path.write_text(json.dumps(content))
        annotations = CocoAnnotations.load(path)
        functions = {"ours": lambda: evaluate_keypoints(annotations, results)["keypoints/AP"]}
        peers = {name: peer(name, path, results) for name in PEERS}
        functions |= {name: run for name, run in peers.items() if run}
        seconds = speed.interleaved(functions, args.rounds, warmup=1)
        rows = [
            [
                name,
                f"{1000 * np.median(seconds[name]):.0f}",
                f"{np.median(seconds['ours'] / seconds[name]):.3f}",
                f"{abs(run() - functions['ours']()):.1e}",
            ]
            for name, run in functions.items()
        ]
    console.print_table(["metric", "ms", "ours over it", "difference of AP"], rows)


if __name__ == "__main__":
    main()
