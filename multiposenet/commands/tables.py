"""Print a table of the paper with our figures beside the paper's.

prn  designs of the Pose Residual Network: true keypoints given to true boxes (table 3)

Rows that were not trained yet are trained first; a later run goes on where an earlier one stopped,
and finds finished rows in the run folder.
"""

from multiposenet.commands import output

COLUMNS = {
    "paper/AP": "paper",
    "assignment/AP": "AP",
    "assignment/AP50": "AP50",
    "assignment/AP75": "AP75",
    "localisation/AP": "local.",
    "each/AP": "each",
    "greedy/AP": "greedy",
}


def add_arguments(parser):
    tables = parser.add_subparsers(dest="table", metavar="TABLE", required=True)
    prn = tables.add_parser(
        "prn",
        description="Designs of the Pose Residual Network: true keypoints given to true boxes. "
        "AP: keypoints keep their coordinates, and each serves one person (optimal assignment). "
        "local.: the same, coordinates being those of the cell of the 36x56 grid. each: every box "
        "takes its best, whatever others take. greedy: the best pair first. N: nodes, D: dropout, "
        "R: residual.",
    )
    prn.add_argument("--annotations", required=True, metavar="FILE", help="COCO labels to measure")
    prn.add_argument(
        "--train",
        metavar="FILE",
        help="COCO labels to train on (default: the train2017 labels beside them, if any)",
    )
    prn.add_argument(
        "--run",
        default="runs/table-prn",
        metavar="DIR",
        help="weights and checkpoints of the rows (default: %(default)s)",
    )
    prn.add_argument("--rows", default="", metavar="A,B", help="only these rows (default: all)")
    prn.add_argument(
        "--set",
        action="append",
        type=output.change,
        default=[],
        metavar="NAME=VALUE",
        help="change fields of the recipe (multiposenet.training.recipes.TablePRN)",
    )
    output.add_json_argument(prn)


def run(args) -> int:
    output.writable_json(args.json)
    folder = output.writable_folder(args.run)

    output.import_keras()
    from multiposenet.annotations import CocoAnnotations
    from multiposenet.training import recipes, tables

    chosen = tables.choose([name.strip() for name in args.rows.split(",") if name.strip()])
    recipe = recipes.change(recipes.TablePRN(), dict(args.set))
    table = tables.Table(
        CocoAnnotations.load(args.annotations),
        folder,
        args.train or tables.default_train(args.annotations),
        recipe,
    )
    rows = []
    for row in chosen:
        rows.append(table.measure(row))
        if "missing" in rows[-1]:
            output.report(f"{row.name}: {rows[-1]['missing']}")
        if args.json not in (None, "-"):  # kept row by row: the next one may take long
            output.write_json(args.json, {"rows": rows})
    if args.json == "-":
        output.write_json("-", {"rows": rows})
    else:
        headers = ["PRN", *COLUMNS.values(), "M param."]
        output.print_table(headers, [_cells(row) for row in rows])
    return 1 if any("missing" in row for row in rows) else 0


def _cells(row) -> list[str]:
    figures = [f"{row[name]:.1f}" if name in row else "" for name in COLUMNS]
    size = f"{row['parameters'] / 1e6:.1f}" if row.get("parameters") else ""
    return [row["title"], *figures, size]
