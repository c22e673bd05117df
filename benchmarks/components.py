"""Hot places one by one: how much faster they are than the plain way, and that they agree.

    python benchmarks/components.py [NAME ...] [--rounds N] [--json FILE]

Each benchmark has the same work done by this package and by plain loops (`plain_loops`), or by the
tool whose result it must equal; the two are timed in turn.
"""

import argparse
import json
import sys

import numpy as np
import plain_loops

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import MultiPoseNetError
from multiposenet.evaluation import speed


def heatmaps(people=8):
    """Targets of 8 people, 120 x 120 maps, against a loop over people, keypoints and cells."""
    from multiposenet.maths.heatmaps import GaussianHeatmaps

    rng = np.random.default_rng(0)
    places = rng.uniform(0, 480, (people, 17, 2))
    keypoints = np.dstack([places, np.full((people, 17), 2)])
    sigmas = rng.uniform(4, 12, people)
    codec = GaussianHeatmaps()
    return (
        lambda: codec.encode(keypoints, sigmas, (120, 120))["heatmaps"],
        lambda: plain_loops.heatmaps(keypoints, sigmas, 120),
    )


def oks(poses=60):
    """OKS of 60 x 60 poses, against a loop over pairs and keypoints."""
    from multiposenet.maths import similarity
    from multiposenet.skeleton import COCO_17

    rng = np.random.default_rng(0)
    truths = np.dstack([rng.uniform(0, 400, (poses, 17, 2)), rng.integers(0, 3, (poses, 17))])
    found = truths[..., :2] + rng.normal(0, 12, (poses, 17, 2))
    areas = rng.uniform(900, 40000, poses)
    return (
        lambda: similarity.oks(truths, areas, found, COCO_17.sigmas),
        lambda: plain_loops.oks(truths, areas, found, COCO_17.sigmas),
    )


def nms(boxes=300):
    """Suppression of 300 boxes on the Keras backend, against the greedy loop."""
    from keras import ops

    from multiposenet.maths.boxes import nms

    rng = np.random.default_rng(0)
    corner = rng.uniform(0, 400, (boxes, 2))
    corners = np.hstack([corner, corner + rng.uniform(20, 160, (boxes, 2))]).astype("float32")
    scores = rng.permutation(boxes).astype("float32") / boxes
    run = _graph(lambda b, s: nms(b, s, 0.4, 30)[0])
    return (
        lambda: ops.convert_to_numpy(run(corners[None], scores[None])),
        lambda: plain_loops.nms(corners, scores, 0.4, 30)[None],
    )


def grouping(people=20):
    """Keypoints of 20 people by the PRN in one call, against a call for each, as the paper did."""
    from keras import ops

    from multiposenet.networks.pose_residual_network import compact

    rng = np.random.default_rng(0)
    prn = compact()
    corner = rng.uniform(0, 300, (1, people, 2))
    boxes = np.dstack([corner, corner + rng.uniform(60, 160, (1, people, 2))]).astype("float32")
    points = rng.uniform(0, 460, (1, 17, 32, 2)).astype("float32")
    scores = rng.uniform(0, 1, (1, 17, 32)).astype("float32")
    run = _graph(lambda b: prn.assign(b, points, scores)[0])

    def one_by_one():
        parts = [ops.convert_to_numpy(run(boxes[:, [i]])) for i in range(people)]
        return np.concatenate(parts, axis=1)

    return lambda: ops.convert_to_numpy(run(boxes)), one_by_one


def coco(photos=5000):
    """Keypoint AP of 5,000 photos with three people, against pycocotools."""
    import contextlib
    import io
    import tempfile
    from pathlib import Path

    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    from multiposenet.annotations import CocoAnnotations
    from multiposenet.evaluation.coco import evaluate_keypoints

    content, results = _people(photos, persons=3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "annotations.json"
        path.write_text(json.dumps(content))
        annotations = CocoAnnotations.load(path)
    truth = COCO()
    truth.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes(results)

    def plain():
        with contextlib.redirect_stdout(io.StringIO()):
            evaluation = COCOeval(truth, found, "keypoints")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
        return evaluation.stats

    return lambda: np.array(list(evaluate_keypoints(annotations, results).values())), plain


def _people(photos, persons):
    """COCO annotations and results about as good as a fair model's."""
    from multiposenet.skeleton import COCO_17

    rng = np.random.default_rng(0)
    annotations, results = [], []
    for image in range(1, photos + 1):
        for _ in range(persons):
            x, y, side = *rng.uniform(0, 300, 2), rng.uniform(40, 200)
            points = rng.uniform(0, side, (17, 2)) + (x, y)
            shown = rng.random(17) < 0.7
            labelled = np.column_stack([points * shown[:, None], 2 * shown])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": [x, y, side, side],
                    "area": side**2 * 0.6,
                    "iscrowd": 0,
                    "keypoints": labelled.ravel().tolist(),
                    "num_keypoints": int(shown.sum()),
                }
            )
            for _ in range(2):  # one near it, one mostly off
                guess = points + rng.normal(0, rng.uniform(0.02, 0.3) * side, (17, 2))
                numbers = np.column_stack([guess, np.ones(17)]).ravel().tolist()
                score = float(rng.random())
                results.append(
                    {"image_id": image, "category_id": 1, "keypoints": numbers, "score": score}
                )
    images = [
        {"id": i, "file_name": f"{i}.jpg", "width": 500, "height": 500}
        for i in range(1, photos + 1)
    ]
    names = list(COCO_17.keypoints)
    category = {"id": 1, "name": "person", "keypoints": names, "skeleton": []}
    return {"images": images, "annotations": annotations, "categories": [category]}, results


def predictions(photos=1000):
    """Poses of 1,000 photos with three people into a JSON file, against dicts made by a loop."""
    import tempfile
    from pathlib import Path

    from multiposenet.poses import Poses
    from multiposenet.skeleton import COCO_17

    rng = np.random.default_rng(0)
    found = []
    for _ in range(photos):
        corner = rng.uniform(0, 300, (3, 2))
        found.append(
            Poses(
                boxes=np.hstack([corner, corner + 100]),
                box_scores=rng.random(3),
                keypoints=rng.uniform(0, 400, (3, 17, 2)),
                keypoint_scores=rng.random((3, 17)),
                scores=rng.random(3),
                skeleton=COCO_17,
                image_size=(480, 640),
            )
        )
    folder = tempfile.TemporaryDirectory()

    def fast():
        results = []
        for image_id, poses in enumerate(found):
            results += poses.to_coco(image_id, file_name=f"{image_id}.jpg")
        result_files.write_json(Path(folder.name) / "fast.json", results)
        return Path(folder.name) / "fast.json"

    def plain():
        with open(Path(folder.name) / "plain.json", "w", encoding="utf-8") as file:
            json.dump(plain_loops.results(found), file)
        return Path(folder.name) / "plain.json"

    return fast, plain, _numbers


def _numbers(path) -> np.ndarray:
    """All numbers of a file of `predictions`."""
    people = json.loads(path.read_text(encoding="utf-8"))
    return np.array(
        [
            [p["image_id"], p["score"], p["box_score"], *p["bbox"], *p["keypoints"]]
            for p in people
            if p["file_name"] == f"{p['image_id']}.jpg"
        ]
    )


def video(frames=16):
    """16 frames of 640x480 by `stream`, against a loop that decodes one, then runs the model."""
    import tempfile

    import cv2

    from multiposenet import sources
    from multiposenet.systems import estimator

    pose = estimator.load("multiposenet-nano")
    person = sources.read_image(sources.sample_photo())
    folder = tempfile.TemporaryDirectory()
    writer = cv2.VideoWriter(
        f"{folder.name}/video.mp4", cv2.VideoWriter_fourcc(*"mp4v"), 25, (640, 480)
    )
    for index in range(frames):
        shown = np.roll(speed.crowd(person, 3, (480, 640)), 8 * index, axis=1)
        writer.write(cv2.cvtColor(shown, cv2.COLOR_RGB2BGR))
    writer.release()

    def decoded():
        capture = cv2.VideoCapture(f"{folder.name}/video.mp4")
        while (read := capture.read())[0]:
            yield cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB)
        capture.release()

    def points(poses):
        return np.concatenate([found.keypoints.ravel() for found in poses])

    return (
        lambda: points(poses for _, poses in pose.stream(decoded())),
        lambda: points(pose(frame) for frame in decoded()),
    )


COMPONENTS = {
    "heatmaps": heatmaps,
    "oks": oks,
    "nms": nms,
    "grouping": grouping,
    "coco": coco,
    "json": predictions,
    "video": video,
}


def measure(name: str, rounds: int, *size: int) -> dict:
    """Times a component and its plain version in turn.

    Args:
        name: of `COMPONENTS`.
        rounds: timed runs of each.
        *size: of the work, a number of people, poses, boxes, photos or frames; default the one
            that the component's docstring tells.

    Returns:
        `component`, `what`, `ms`, `plain_ms`, `ratio` (medians) and `difference`, the largest
        between the two results.
    """
    fast, plain, *others = COMPONENTS[name](*size)
    (read,) = others or (np.asarray,)  # how two results are compared, outside the timing
    difference = float(np.abs(read(fast()) - read(plain())).max())
    seconds = speed.interleaved({"fast": fast, "plain": plain}, rounds, warmup=0)
    return {
        "component": name,
        "what": COMPONENTS[name].__doc__.partition("\n")[0],
        "ms": float(1000 * np.median(seconds["fast"])),
        "plain_ms": float(1000 * np.median(seconds["plain"])),
        "ratio": float(np.median(seconds["plain"] / seconds["fast"])),
        "difference": difference,
    }


def _graph(function):
    """The function compiled on TensorFlow; as it is on other backends."""
    import keras

    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow

    return tensorflow.function(function, reduce_retracing=True)


def main(words=None) -> int:
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(COMPONENTS)} (default: all)"
    )
    parser.add_argument(
        "--rounds",
        type=arguments.count,
        default=3,
        metavar="N",
        help="timed runs (default: %(default)s)",
    )
    arguments.add_json_argument(parser)
    args = parser.parse_args(words)
    if unknown := sorted(set(args.names) - set(COMPONENTS)):
        parser.error(f"{unknown[0]}: no component; use some of {', '.join(COMPONENTS)}")
    try:
        result_files.writable_json(args.json)
        keras_start.import_keras()
        rows = [measure(name, args.rounds) for name in args.names or COMPONENTS]
        if args.json:
            result_files.write_json(args.json, {"rows": rows})
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    if args.json != "-":
        heads = ("ms", "plain_ms", "ratio", "difference")
        body = [[row["component"], *(f"{row[head]:.4g}" for head in heads)] for row in rows]
        console.print_table(["component", "ms", "plain ms", "ratio", "difference"], body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
