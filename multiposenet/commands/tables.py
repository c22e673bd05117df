"""Print a table of a paper with our figures beside the paper's.

multiposenet  tables 1 to 5 of MultiPoseNet: looks, subnets, grouping, boxes, segmentation
prn   designs of the Pose Residual Network: true keypoints in true boxes (MultiPoseNet, table 3)
rmpe  RMPE, and what is lost without each of its parts (RMPE, table 5)
grmi  what the parts of G-RMI are worth with one network (G-RMI, ablations)
tta   scales, mirror images, tiles, refinement and ensembles, of every system

Rows that were not trained yet are trained first; a later run goes on where an earlier one stopped,
and finds finished rows in the run folder. tta trains nothing.
"""

from multiposenet import keras_start
from multiposenet.commands import arguments, console, result_files
from multiposenet.errors import AnnotationError, InputError
from multiposenet.systems.argument import change, share

PRN_COLUMNS = {
    "paper/AP": "paper",
    "assignment/AP": "AP",
    "assignment/AP50": "AP50",
    "assignment/AP75": "AP75",
    "localisation/AP": "local.",
    "each/AP": "each",
    "greedy/AP": "greedy",
}
RMPE_COLUMNS = {"photos/AP": "AP", "photos/mAP": "mAP", "single/mAP": "1 person"}


def add_arguments(parser):
    tables = parser.add_subparsers(dest="table", metavar="TABLE", required=True)
    for name, (description, add, _) in TABLES.items():
        table = tables.add_parser(name, description=description)
        add(table)
        table.add_argument(
            "--rows", default="", metavar="A,B", help="only these rows (default: all)"
        )
        arguments.add_json_argument(table)


def run(args) -> int:
    result_files.writable_json(args.json)
    folder = result_files.writable_folder(args.run) if "run" in args else None
    keras_start.import_keras()
    _, _, make = TABLES[args.table]
    names = [name.strip() for name in args.rows.split(",") if name.strip()]
    table, chosen, headers, cells = make(args, folder, names)
    rows = []
    for row in chosen:
        rows.append(table.measure(row))
        if "missing" in rows[-1]:
            console.report(f"{row.name}: {rows[-1]['missing']}")
        if args.json not in (None, "-"):  # kept row by row: the next one may take long
            result_files.write_json(args.json, {"rows": rows})
    if args.json == "-":
        result_files.write_json("-", {"rows": rows})
    else:
        console.print_table(headers, [cells(row) for row in rows])
    return 1 if any("missing" in row for row in rows) else 0


def _add_prn(parser):
    parser.add_argument(
        "--annotations", required=True, metavar="FILE", help="COCO labels to measure"
    )
    parser.add_argument(
        "--train",
        metavar="FILE",
        help="COCO labels to train on (default: the train2017 labels beside them, if any)",
    )
    _add_run(parser, "prn")
    _add_set(parser, "the recipe (multiposenet.training.recipes.TablePRN)")


def _prn(args, folder, names):
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training import recipes
    from multiposenet.training.tables import prn

    chosen = prn.choose(names)
    recipe = recipes.change(recipes.TablePRN(), dict(args.set))
    table = prn.PRNTable(
        CocoAnnotations.load(args.annotations),
        folder,
        args.train or prn.default_train(args.annotations),
        recipe,
    )
    return table, chosen, ["PRN", *PRN_COLUMNS.values(), "M param."], _prn_cells


def _prn_cells(row) -> list[str]:
    figures = [f"{row[name]:.1f}" if name in row else "" for name in PRN_COLUMNS]
    size = f"{row['parameters'] / 1e6:.1f}" if row.get("parameters") else ""
    return [row["title"], *figures, size]


def _add_rmpe(parser):
    _add_photos(parser)
    parser.add_argument(
        "--single",
        metavar="FORMAT:FOLDER",
        help="photos of one labelled person each, such as lsp:lsp_extended/test; proposals are "
        "generated",
    )
    _add_train(parser, "data sets to train missing networks on; one of the format coco")
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME",
        help="whose boxes are the proposals (default: %(default)s)",
    )
    _add_run(parser, "rmpe")
    _add_set(
        parser,
        "the recipes (NanoSPPE, NanoSSTN of multiposenet.training.recipes), as in sppe.steps=9",
    )


def _rmpe(args, folder, names):
    from multiposenet.skeleton import COCO_17
    from multiposenet.training import datasets
    from multiposenet.training.tables import prn, rmpe
    from multiposenet.training.tables.rmpe_variants import TrainedVariants

    chosen = prn.choose(names, rmpe.ROWS)
    annotations = _photos(args)
    if annotations.skeleton.keypoints != COCO_17.keypoints:
        raise AnnotationError(
            f"{args.annotations}: keypoints: not those of {COCO_17.name}; measure on such labels"
        )
    trained = TrainedVariants(
        folder, args.model, tuple(args.train), COCO_17, _rmpe_recipes(args.set)
    )
    single = datasets.read(args.single, COCO_17) if args.single else []
    table = rmpe.AblationTable(annotations, args.images, trained, single)
    columns = {k: v for k, v in RMPE_COLUMNS.items() if args.single or not k.startswith("single")}
    headers = ["", "paper", *(h for title in columns.values() for h in (title, "lost"))]

    def cells(row):
        paper = f"{row['paper/mAP']:.1f}" if "paper/mAP" in row else ""
        return [row["title"], paper, *_ours(row, columns)]

    return table, chosen, headers, cells


def _add_systems(parser):
    _add_photos(parser)
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME",
        help="the model, and the detector of the others (default: %(default)s)",
    )
    parser.add_argument(
        "--runtime", default="auto", metavar="NAME", help="what runs them (default: %(default)s)"
    )
    parser.add_argument(
        "--box-score",
        type=share,
        metavar="T",
        help="look at no box that scores below T: quicker (default: what each system has)",
    )
    parser.add_argument(
        "--every",
        type=arguments.count,
        default=1,
        metavar="N",
        help="measure on every Nth photo alone (default: all)",
    )


def _systems(args, names, rows):
    from multiposenet.training.tables import prn

    chosen = prn.choose(names, rows)
    headers = ["", "AP", "AP50", "gain", "ms", "times"]
    return _system_table(args, rows), chosen, headers, _system_cells


def _system_table(args, rows):
    from multiposenet.training.tables.system_rows import SystemTable

    annotations = _photos(args).select(slice(None, None, args.every))
    return SystemTable(annotations, args.images, args.model, args.runtime, rows, args.box_score)


def _system_cells(row) -> list[str]:
    columns = {"AP": ".1f", "AP50": ".1f", "gain": "+.1f", "ms": ".0f", "cost": ".1f"}
    cells = [format(row[name], form) if name in row else "" for name, form in columns.items()]
    return [row["title"], *cells]


def _add_grmi(parser):
    _add_systems(parser)
    _add_train(parser, "data sets to train missing networks on")
    _add_run(parser, "grmi")
    _add_set(parser, "the recipe (multiposenet.training.recipes.TableGRMI)")


def _grmi(args, folder, names):
    from multiposenet.training import recipes
    from multiposenet.training.tables import grmi
    from multiposenet.training.tables.trained_runs import TrainedRuns

    systems, *rest = _systems(args, names, grmi.ROWS)
    recipe = recipes.change(recipes.TableGRMI(), dict(args.set))
    return grmi.GRMITable(systems, TrainedRuns("grmi", recipe, folder, args.train)), *rest


def _tta(args, folder, names):
    from multiposenet.training.tables import test_time

    return _systems(args, names, test_time.ROWS)


def _add_multiposenet(parser):
    _add_systems(parser)
    _add_train(
        parser,
        "data sets to train missing subnets on; UCR learns from the first of the format coco",
    )
    parser.add_argument(
        "--seeds",
        type=arguments.count,
        default=2,
        metavar="N",
        help="train each subnet so often (default: %(default)s)",
    )
    parser.add_argument("--voc", metavar="DIR", help="folder of PASCAL VOC, for its masks")
    _add_run(parser, "multiposenet")
    _add_set(parser, "the recipe (multiposenet.training.recipes.TableKeypoints)")


def _multiposenet(args, folder, names):
    from pathlib import Path

    from multiposenet.training import datasets, recipes
    from multiposenet.training.tables import prn
    from multiposenet.training.tables.multiposenet import grouping, paper_tables, persons, subnets
    from multiposenet.training.tables.trained_runs import TrainedRuns

    chosen = prn.choose(names, paper_tables.ROWS)
    systems = _system_table(args, ())
    recipe = recipes.change(recipes.TableKeypoints(), dict(args.set))
    runs = TrainedRuns("keypoints", recipe, folder, args.train)
    parts = [datasets.split(name) for name in args.train]
    labels = [Path(where) / "annotations.json" for kind, _, where in parts if kind == "coco"]
    table = paper_tables.PaperTables(
        systems,
        subnets.SubnetTable(systems.annotations, args.images, runs, args.seeds),
        grouping.GroupingTable(systems, next(iter(labels), None)),
        persons.PersonTable(systems, args.voc),
    )
    headers = ["", "", "paper", "ours", "±", "AP50", "AP75", "APM", "APL", "PCK", "±", "ms"]
    return table, chosen, headers, _paper_cells


def _paper_cells(row) -> list[str]:
    columns = ["spread", "AP50", "AP75", "APM", "APL", "PCK", "PCK/spread"]
    names = [("paper/AP", "paper/IoU"), ("AP", "IoU"), *((name,) for name in columns)]
    figures = [next((f"{row[n]:.1f}" for n in own if n in row), "") for own in names]
    milliseconds = f"{row['ms']:.0f}" if "ms" in row else ""
    return [row["name"][0], row["title"], *figures, milliseconds]


def _rmpe_recipes(changes):
    """The recipes of both stages, from ``STAGE.NAME`` to the new value."""
    from multiposenet.training import recipes, registry

    own = {"sppe": {}, "sstn": {}}
    for name, value in changes:
        stage, _, field = name.partition(".")
        if stage not in own:
            raise InputError(f"--set: {name}: no stage; write sppe.NAME=VALUE or sstn.NAME=VALUE")
        own[stage][field] = value
    return {
        stage: recipes.change(registry.STAGES[stage].recipe("nano")(), values)
        for stage, values in own.items()
    }


def _ours(row, columns) -> list[str]:
    cells = []
    for name in columns:
        lost = f"{name}/loss"
        cells.append(f"{row[name]:.1f}" if name in row else "")
        cells.append(f"{row[lost]:.1f} ±{row[f'{lost}/spread']:.1f}" if lost in row else "")
    return cells


def _add_photos(parser):
    parser.add_argument(
        "--annotations", required=True, metavar="FILE", help="COCO labels to measure"
    )
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of their photos")


def _photos(args):
    """The labels of `_add_photos`."""
    from pathlib import Path

    from multiposenet.annotations import CocoAnnotations

    annotations = CocoAnnotations.load(args.annotations)
    if not Path(args.images).is_dir():
        raise InputError(f"{args.images}: --images: not a folder; name the folder of the photos")
    return annotations


def _add_train(parser, what):
    parser.add_argument("--train", nargs="+", default=[], metavar="FORMAT:FOLDER", help=what)


def _add_run(parser, name):
    parser.add_argument(
        "--run",
        default=f"runs/table-{name}",
        metavar="DIR",
        help="weights and checkpoints of the rows (default: %(default)s)",
    )


def _add_set(parser, what):
    parser.add_argument(
        "--set",
        action="append",
        type=change,
        default=[],
        metavar="NAME=VALUE",
        help=f"change fields of {what}",
    )


TABLES = {
    "multiposenet": (
        "Tables 1 to 5 of MultiPoseNet, the paper's figures beside ours, which are of other photos "
        "and smaller networks. AP: COCO's keypoints AP, in table 5 that of boxes or the IoU of "
        "masks; in table 2 keypoints are taken from the maps in true boxes, ±: standard deviation "
        "over the seeds, and PCK: PCK@0.2 of the same keypoints.",
        _add_multiposenet,
        _multiposenet,
    ),
    "prn": (
        "Designs of the Pose Residual Network: true keypoints given to true boxes. "
        "AP: keypoints keep their coordinates, and each serves one person (optimal assignment). "
        "local.: the same, coordinates being those of the cell of the 36x56 grid. each: every box "
        "takes its best, whatever others take. greedy: the best pair first. N: nodes, D: dropout, "
        "R: residual.",
        _add_prn,
        _prn,
    ),
    "rmpe": (
        "RMPE, and what is lost without each of its parts. AP: COCO's keypoints AP. mAP: MPII's "
        "mean AP of keypoints, within 0.2 of a torso. Proposals are the model's boxes before its "
        "NMS; on photos of one labelled person, generated ones. lost: RMPE's figure less the "
        "row's, and its standard deviation over the photos.",
        _add_rmpe,
        _rmpe,
    ),
    "grmi": (
        "What the parts of G-RMI are worth with one network. AP: COCO's keypoints AP. gain: more "
        "AP than that of G-RMI; of trained rows, than that of the same network with offsets, or "
        "of the largest crops. ms: processor time a photo; rows without decide on the same poses.",
        _add_grmi,
        _grmi,
    ),
    "tta": (
        "What more looks at a photo gain and cost. AP: COCO's keypoints AP. gain: more AP than the "
        "system alone. ms: processor time a photo; times: that of the system alone.",
        _add_systems,
        _tta,
    ),
}
