"""How far an SPPE is from the keypoints with true and with bad boxes, with and without the SSTN.

    python -m multiposenet.training.tables.sppe_boxes --run RUN lsp:lsp_extended/test

Prints PCK@0.2 in units of the torso, overall and by keypoint; on one photo the same is RMPE, figure
1. Bad boxes are true ones whose sides have Gaussian noise, or, by --pgpg FILE, those of a generator
fitted to a detector. What is regained is the share of the SPPE's loss by bad boxes that is not lost
with the SSTN. An exact STN, which knows the true box but sees no more of the photo than the bad one
shows, says how much of it can be; --tuned RUN adds an SPPE that has learnt from bad boxes without
an SSTN. Exit status: 0 done, 2 wrong usage or nothing usable.
"""

import argparse
import sys

import numpy as np

from multiposenet.errors import MultiPoseNetError
from multiposenet.files.writing import write_json
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.networks.sppe import inference_model
from multiposenet.systems.sppe_files import load_network
from multiposenet.training import datasets, run_folder
from multiposenet.training.proposals.box_noise import BoxNoise
from multiposenet.training.stages.sppe import load_generator
from multiposenet.training.validation import sppe as validation


def evaluate(run, data, *, noise=0.1, pgpg=None, draws=3, tuned=None):
    """PCK@0.2 of what a run's stages made.

    Args:
        run: folder of both stages, or of the first.
        data: name of the data set, ``FORMAT:FOLDER``.
        noise: standard deviation of a bad box's sides, as a share of the true one's.
        pgpg: path of a fitted generator in its place.
        draws: bad boxes per person.
        tuned: folder of another run, of which the SPPE alone is measured.

    Returns:
        Dict of column to dict of keypoint to figure; ``"mean"`` is over all labelled keypoints. The
        columns are ``sppe/true``, ``sppe/bad``, ``exact/bad`` of the same SPPE behind an exact STN;
        ``sstn/true``, ``sstn/bad`` after the second stage; ``tuned/true``, ``tuned/bad`` of the
        other run. The figures of bad boxes are means over the
        draws; ``"spread"`` is the standard deviation of the mean figure.

    Raises:
        InputError, AnnotationError: the data set cannot be read.
        WeightsError: the run has no SPPE, or the generator cannot be had.
    """
    skeleton, architecture = run_folder.load_sppe_architecture(run)
    networks = {"sppe": (inference_model(run_folder.load_sppe(run)), MARGIN)}
    if run_folder.finished(run, "sstn"):
        networks["sstn"] = (load_network(run)[0], architecture.margin)
    if tuned:
        networks["tuned"] = (inference_model(run_folder.load_sppe(tuned)), MARGIN)
    bad = load_generator(pgpg, skeleton) if pgpg else BoxNoise(skeleton.keypoints, noise)
    persons = validation.measured(datasets.read(data, skeleton), skeleton)
    boxes = {"true": [validation.boxes_of(persons)]}
    boxes["bad"] = [validation.boxes_of(persons, bad, seed) for seed in range(draws)]
    table = {}
    for name, (network, margin) in networks.items():
        estimate = validation.estimator(network, skeleton, margin)
        for kind, drawn in boxes.items():
            points = [estimate(persons, own) for own in drawn]
            table[f"{name}/{kind}"] = _figures(points, persons, skeleton)
        if name == "sppe":
            size = [architecture.oversampling * side for side in architecture.proposal_size]
            shown = (size, architecture.margin)
            points = [
                validation.behind_exact_stn(network, persons, own, *shown) for own in boxes["bad"]
            ]
            table["exact/bad"] = _figures(points, persons, skeleton)
    return table


def _figures(draws, persons, skeleton):
    """A column of the table from the keypoints ``(P, K, 2)`` of every draw."""
    figures = [validation.torso_pck(points, persons, skeleton) for points in draws]
    means = [mean for _, mean in figures]
    by_keypoint = np.mean([keypoints for keypoints, _ in figures], axis=0)
    return {
        "mean": float(np.mean(means)),
        "spread": float(np.std(means)),
        **{
            keypoint: float(value)
            for keypoint, value in zip(skeleton.keypoints, by_keypoint, strict=True)
            if not np.isnan(value)
        },
    }


def regained(table, network="sstn"):
    """Share of the SPPE's loss by bad boxes that a network brings back; NaN without a loss."""
    names = "sppe/true", "sppe/bad", f"{network}/bad"
    true, bad, other = (table[name]["mean"] for name in names)
    return (other - bad) / (true - bad) if true > bad else float("nan")


def main(arguments=None):
    """Runs the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="FORMAT:FOLDER", help="such as lsp:lsp_extended/test")
    parser.add_argument("--run", required=True, metavar="DIR", help="folder of the stages")
    parser.add_argument(
        "--noise", type=float, default=0.1, metavar="S", help="of bad boxes (default: %(default)s)"
    )
    parser.add_argument("--pgpg", metavar="FILE", help="fitted generator of bad boxes")
    parser.add_argument(
        "--draws", type=int, default=3, metavar="N", help="bad boxes each (default: %(default)s)"
    )
    parser.add_argument("--tuned", metavar="DIR", help="run of an SPPE that learnt from bad boxes")
    parser.add_argument("--json", metavar="FILE", help="write the figures as JSON, too")
    args = parser.parse_args(arguments)
    try:
        table = evaluate(
            args.run,
            args.data,
            noise=args.noise,
            pgpg=args.pgpg,
            draws=args.draws,
            tuned=args.tuned,
        )
    except MultiPoseNetError as error:
        print(error, file=sys.stderr)
        return 2
    print("PCK@0.2", *table, sep="\t")
    for name in next(iter(table.values())):
        print(name, *(f"{100 * column[name]:.1f}" for column in table.values()), sep="\t")
    for network in ("exact", "sstn", "tuned"):
        if f"{network}/bad" in table:
            print(f"regained by {network}\t{100 * regained(table, network):.0f} %")
    if args.json:
        write_json(args.json, table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
