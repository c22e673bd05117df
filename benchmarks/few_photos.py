"""AP against the number of photos: the bundled model tuned, and a network from ImageNet weights.

    python benchmarks/few_photos.py lsp_extended --run runs/few
    python benchmarks/few_photos.py lsp_extended --run runs/few --counts 5 --tests 50

DATA has train/ and test/, each with photos/ and annotations.json (COCO). Both starts get the same
photos, drawn at random, fewer among more, and the recipe `small`: about 10 minutes of a CPU core
for each start and number. RUN/results.jsonl has a line for each, and what is in it is not trained
again; a training that was stopped goes on. RUN/few-photos.png is the plot. RUN is of one seed and
one recipe: others are refused.
"""

import argparse
import json
from pathlib import Path

import numpy as np

import multiposenet
from multiposenet import plotting
from multiposenet.annotations import CocoAnnotations
from multiposenet.evaluation import evaluate_keypoints
from multiposenet.files.writing import atomic_write

COUNTS = (5, 20, 100, 500)
# Name in the plot -> arguments of `fit`.
STARTS = {
    "multiposenet-nano": {"start": "multiposenet-nano"},
    "ImageNet": {
        "start": None,
        "settings": {
            "backbone": "efficientnet_lite0",
            "keypoints.pretrained": "imagenet",
            "keypoints.frozen": "C3",
            "person.pretrained": "none",
            "prn.pretrained": "none",
        },
    },
}


def subset(content: dict, count: int, seed: int = 0) -> dict:
    """A COCO file's content with `count` of its images, at random; fewer are among more."""
    order = np.random.default_rng(seed).permutation(len(content["images"]))[:count]
    images = [content["images"][index] for index in order]
    chosen = {image["id"] for image in images}
    annotations = [row for row in content["annotations"] if row["image_id"] in chosen]
    return content | {"images": images, "annotations": annotations}


def write_subset(folder: Path, count: int, path: Path, seed: int = 0) -> Path:
    """Writes the annotations of some photos of a folder; returns their file."""
    content = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    if count > len(content["images"]):
        raise SystemExit(f"{folder}: has {len(content['images'])} photos, {count} are asked for")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(subset(content, count, seed)), encoding="utf-8")
    return path


def measure(pose, folder: Path, labels: Path) -> dict[str, float]:
    """Keypoint AP and AP50 of a model, on labelled photos of a folder."""
    annotations = CocoAnnotations.load(labels)
    rows = []
    for record in annotations.images:
        people = pose(folder / "photos" / record.file_name, score=0.0)
        rows += people.to_coco(record.id, category_id=annotations.category_id)
    figures = evaluate_keypoints(annotations, rows)
    return {name: figures[f"keypoints/{name}"] for name in ("AP", "AP50")}


def train(start: str, labels: Path, photos: Path, run: Path, settings: dict):
    """The model of one of `STARTS`, trained on a subset, or gone on with."""
    given = STARTS[start]
    return multiposenet.fit(
        labels,
        images=photos,
        start=given["start"],
        run=run,
        settings={**given.get("settings", {}), **settings},
        resume=run.exists(),
    )


def plot(rows: list[dict], path: Path) -> None:
    """Draws the lines of the results."""
    with plotting.look():
        figure, axes = plotting.panels(1, 1, size=(5, 3.2))
        axis = axes[0, 0]
        for start in STARTS:
            own = sorted((row["photos"], row["AP"]) for row in rows if row["start"] == start)
            if own:
                axis.plot(*zip(*own, strict=True), "o-", label=f"from {start}")
        counts = sorted({row["photos"] for row in rows})
        axis.set(xscale="log", xlabel="photos", ylabel="keypoint AP", ylim=(0, None))
        axis.set_xticks(counts, [str(count) for count in counts])
        axis.minorticks_off()
        axis.legend()
        plotting.save(figure, path)


def results(path: Path) -> list[dict]:
    """The lines that are there."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keep_to(about: dict, path: Path) -> None:
    """Notes what all trainings of a folder share; trained networks would be taken for others."""
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known != about:
            raise SystemExit(f"{path}: is of {known}, not of {about}; name another --run")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as partial:
        partial.write_text(json.dumps(about), encoding="utf-8")


def value(text: str):
    """A recipe field's value as JSON has it, or a text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--starts", nargs="+", choices=STARTS, default=tuple(STARTS))
    parser.add_argument("--tests", type=int, default=500, help="photos that are measured on")
    parser.add_argument("--seed", type=int, default=0, help="of the photos drawn")
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=VALUE", help="of the recipe")
    args = parser.parse_args(arguments)
    settings = {name: value(text) for name, _, text in (pair.partition("=") for pair in args.set)}
    keep_to({"seed": args.seed, "settings": settings}, args.run / "about.json")
    log = args.run / "results.jsonl"
    tests = write_subset(args.data / "test", args.tests, args.run / "test.json")
    for count in args.counts:
        labels = write_subset(
            args.data / "train", count, args.run / f"train-{count}.json", args.seed
        )
        for start in args.starts:
            about = {"start": start, "photos": count, "tests": args.tests}
            rows = [row for row in results(log) if row["tests"] == args.tests]
            if any(about == {name: row[name] for name in about} for row in rows):
                continue
            run = args.run / f"{start}-{count}"
            pose = train(start, labels, args.data / "train" / "photos", run, settings)
            row = about | measure(pose, args.data / "test", tests)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
            print(
                f"{start}, {count} photos: AP {row['AP']:.3f}, AP50 {row['AP50']:.3f}", flush=True
            )
            plot([*rows, row], args.run / "few-photos.png")


if __name__ == "__main__":
    main()
