"""Learn the parameters of pose NMS from poses found on annotated photos.

Takes COCO results that have each person several times, as a system gives them without pose NMS
(predict --system rmpe --pose-nms none --score 0), and finds the four parameters of RMPE's rule for
which keypoints AP is best. For comparison it prints, for the photos learnt from and for others, the
AP without any NMS of poses, with the parameters set by hand, and with OKS-NMS and overlap of
joints, whose parameters are learnt from the same photos.

The other photos are those of --held-out-annotations, or else one half of all, drawn at random.
"""

import argparse
from dataclasses import asdict

from multiposenet.commands import output
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
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="which half of the photos is held out if no others are given (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", help="write the learnt parameters, for --pose-nms of other verbs"
    )
    output.add_json_argument(parser)


def run(args) -> int:
    for target, name in ((args.json, "--json"), (args.out, "--out")):
        output.writable_json(target, name)
    if bool(args.held_out_annotations) != bool(args.held_out_detections):
        raise InputError("--held-out-annotations, --held-out-detections: one of two; give both")

    from multiposenet.training import learn_pose_nms

    learning, held_out = _candidates(args)
    rows, learnt = learn_pose_nms.compare(learning, held_out)
    if args.out:
        output.write_json(args.out, asdict(learnt.parameters))
    if args.json:
        output.write_json(args.json, _result(rows, learnt, learning, held_out))
    if args.json != "-":
        table = [[_title(row), f"{row.ap:.4f}", f"{row.held_out:.4f}"] for row in rows]
        output.print_table(["keypoints/AP", "learnt from", "held out"], table)
    return 0


def _candidates(args):
    """The candidates to learn from, and those held out."""
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.json_table import parse, read_bytes
    from multiposenet.training import learn_pose_nms
    from multiposenet.training.candidate_poses import CandidatePoses

    sets = [(args.annotations, args.detections)]
    if args.held_out_annotations:
        sets.append((args.held_out_annotations, args.held_out_detections))
    read = [
        (CocoAnnotations.load(labels), parse(poses, read_bytes(poses)), poses)
        for labels, poses in sets
    ]
    if len(read) == 1:
        annotations, results, path = read[0]
        return learn_pose_nms.split(annotations, results, args.seed, path)
    return [CandidatePoses(*one) for one in read]


def _result(rows, learnt, learning, held_out) -> dict:
    return {
        "parameters": asdict(learnt.parameters),
        "rows": [
            {
                "name": row.name,
                "train/AP": row.ap,
                "held-out/AP": row.held_out,
                "parameters": row.parameters,
            }
            for row in rows
        ],
        "history": [
            {"optimised": step.names, "parameters": asdict(step.parameters), "train/AP": step.ap}
            for step in learnt.history
        ],
        "train/poses": len(learning),
        "held-out/poses": len(held_out),
    }


def _title(row) -> str:
    values = [f"{name} {value:.3g}" for name, value in row.parameters.items()]
    return f"{TITLES[row.name]}: {', '.join(values)}" if values else TITLES[row.name]


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
