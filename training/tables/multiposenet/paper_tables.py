"""All rows of the tables, each measured by what its table has."""

from multiposenet.training.tables.multiposenet import grouping, looks, persons, subnets
from multiposenet.training.tables.system_rows import FIGURES, SystemRow
from multiposenet.training.tables.trained_runs import TrainedRow

ROWS = (*looks.ROWS, *subnets.ROWS, *grouping.ROWS, *persons.ROWS)
"""Names begin with the number of the table."""


class PaperTables:
    """Measures rows.

    Args:
        systems: the ``SystemTable``, of tables 1 and 4.
        subnets: the ``SubnetTable``, of table 2.
        grouping: the ``GroupingTable``, of tables 3 and 4.
        persons: the ``PersonTable``, of table 5.
    """

    def __init__(self, systems, subnets, grouping, persons):
        self.systems, self.subnets = systems, subnets
        self.grouping, self.persons = grouping, persons

    def measure(self, row) -> dict:
        """A row's ``name``, ``title``, the paper's figures as ``paper/AP`` and so on, and ours."""
        measured = {"name": row.name, "title": row.title, **paper(row.name)}
        table = {
            SystemRow: self.systems,
            TrainedRow: self.subnets,
            grouping.GroupingRow: self.grouping,
            persons.BoxRow: self.persons,
            persons.MaskRow: self.persons,
        }[type(row)]
        return measured | table.measure(row)


def paper(name: str) -> dict:
    """The paper's figures of a row, from ``paper/AP`` or ``paper/IoU`` on, 0 to 100."""
    if name in persons.PAPER_IOU:
        return {"paper/IoU": persons.PAPER_IOU[name]}
    known = {**looks.PAPER, **subnets.PAPER, **grouping.PAPER}
    figures = zip(FIGURES, known.get(name, ()), strict=False)
    if name in persons.PAPER:
        figures = zip(persons.FIGURES, persons.PAPER[name], strict=True)
    return {f"paper/{figure}": value for figure, value in figures}
