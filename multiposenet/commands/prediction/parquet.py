"""`predict --parquet`: people.parquet, a row a person, and errors.parquet, a row a failure."""

from multiposenet import result_tables
from multiposenet.commands.prediction.folder import Photo

PEOPLE, ERRORS = "people.parquet", "errors.parquet"
PARTS = [Photo(name, None, 0, name, name) for name in (PEOPLE, ERRORS)]
"""The files, as the record of the folder knows them."""


def write(out, errors: list[dict]) -> None:
    """Writes both tables anew, if any photo is done: else the folder stays as it was.

    Args:
        out: the open `PredictionFolder`; all that is done in it is in the table of people.
        errors: rows of the other table.

    Raises:
        InputError: a file of somebody else is in the way.
    """
    if not out.photos:
        return
    kinds = (result_tables.person_type(PEOPLE), result_tables.error_type(ERRORS))
    for part, rows, kind in zip(PARTS, (out.rows(), errors), kinds, strict=True):
        result_tables.write(out.claim(part), rows, kind)
        out.add(part, [])
