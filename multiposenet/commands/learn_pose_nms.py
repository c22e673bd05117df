"""Learn the parameters of pose NMS from poses found on annotated photos.

Takes COCO results that have each person several times, as a system gives them without pose NMS
(predict --system rmpe --pose-nms none --score 0), and finds the four parameters of RMPE's rule for
which the AP is best: COCO's keypoints AP, or with --measure mAP MPII's mean AP of keypoints, within
0.2 of a torso. For comparison it prints, for the photos learnt from and for others, the AP without
any NMS of poses, with the parameters set by hand, and with OKS-NMS and overlap of keypoints, whose
parameters are learnt from the same photos.

The other photos are those of --held-out-annotations. Without them the photos are split in two
halves at random, --splits times, and each half is held out once: printed are means, and by how much
learnt pose NMS is better on photos held out, with the standard deviation of that. The parameters
that are written are learnt from all photos of --annotations.
"""

from dataclasses import asdict

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import InputError

TITLES = {
    "none": "no NMS",
    "hand-set": "by hand",
    "oks": "OKS-NMS",
    "overlap": "overlap",
    "learnt": "learnt",
}


def add_arguments(parser):
    parser.add_argument("--annotations", required=True, metavar="FILE", help="COCO annotations")
    parser.add_argument(
        "--detections", required=True, metavar="FILE", help="COCO results of poses on their photos"
    )
    parser.add_argument(
        "--held-out-annotations", metavar="FILE", help="COCO annotations of other photos"
    )
    parser.add_argument(
        "--held-out-detections", metavar="FILE", help="COCO results of poses on these"
    )
    parser.add_argument(
        "--measure",
        choices=("AP", "mAP"),
        default="AP",
        help="what is made best (default: %(default)s)",
    )
    parser.add_argument(
        "--splits",
        type=arguments.count,
        default=5,
        metavar="N",
        help="how often the photos are split if no others are given (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the learnt parameters, for --pose-nms of other verbs"
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    for target, name in ((args.json, "--json"), (args.out, "--out")):
        result_files.writable_json(target, name)
    if bool(args.held_out_annotations) != bool(args.held_out_detections):
        raise InputError("--held-out-annotations, --held-out-detections: one of two; give both")

    keras_start.import_keras()
    from multiposenet.training.pose_nms import parameter_search

    kind, given = _kind(args.measure), _read(args.annotations, args.detections)
    candidates = kind(*given)
    if args.held_out_annotations:
        held_out = kind(*_read(args.held_out_annotations, args.held_out_detections))
        rows, learnt = parameter_search.compare(candidates, held_out)
        headers = [f"keypoints/{args.measure}", "learnt from", "held out"]
        body = [[_title(row), f"{row.ap:.4f}", f"{row.held_out:.4f}"] for row in rows]
    else:
        annotations, results, path = given
        learnt = parameter_search.learn(candidates)
        rows = parameter_search.repeat(annotations, results, args.splits, path, kind)
        headers = [f"keypoints/{args.measure}", "learnt from", "held out", "learnt is better by"]
        body = [
            [
                TITLES[row.name],
                f"{row.ap:.4f}",
                f"{row.held_out:.4f}",
                "" if row.name == "learnt" else f"{row.behind:+.4f} ±{row.spread:.4f}",
            ]
            for row in rows
        ]
    if args.out:
        result_files.write_json(args.out, asdict(learnt.parameters))
    if args.json:
        result_files.write_json(args.json, _result(rows, learnt, len(candidates)))
    if args.json != "-":
        console.print_table(headers, body)
        console.say(_values(asdict(learnt.parameters)))
    return 0


def _kind(measure):
    """The class of candidates with a measure."""
    if measure == "AP":
        from multiposenet.training.pose_nms.candidate_poses import CandidatePoses

        return CandidatePoses
    from multiposenet.training.pose_nms.candidate_poses_map import CandidatePosesMAP

    return CandidatePosesMAP


def _read(labels, poses):
    """Annotations, COCO results, and the name of these."""
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.json_table import parse, read_bytes

    return CocoAnnotations.load(labels), parse(poses, read_bytes(poses)), poses


def _result(rows, learnt, poses) -> dict:
    names = {"ap": "train/AP", "held_out": "held-out/AP"}
    return {
        "parameters": asdict(learnt.parameters),
        "rows": [{names.get(key, key): v for key, v in asdict(row).items()} for row in rows],
        "history": [
            {"optimised": step.names, "parameters": asdict(step.parameters), "train/AP": step.ap}
            for step in learnt.history
        ],
        "poses": poses,
    }


def _title(row) -> str:
    if row.name == "learnt" or not row.parameters:
        return TITLES[row.name]
    return f"{TITLES[row.name]}: {_values(row.parameters)}"


def _values(parameters) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in parameters.items())
