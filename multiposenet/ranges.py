"""Numbers from files and arguments, as fields of dataclasses: of the right kind and within bounds.

Bounds are generous. They keep a description of a network from asking for more memory than there is.
"""


def whole(owner, least: int, most: int, *names: str) -> None:
    """Checks that fields are whole numbers.

    Args:
        owner: of the fields.
        least, most: the bounds, which are allowed.
        *names: of the fields.

    Raises:
        ValueError: one is not.
    """
    for name in names:
        value = getattr(owner, name)
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{name}: {value!r:.60}; give a whole number from {least} to {most}")


def real(owner, least: float, most: float, *names: str) -> None:
    """The same of numbers that need not be whole."""
    for name in names:
        value = getattr(owner, name)
        if not _is_number(value, least, most):
            raise ValueError(f"{name}: {value!r:.60}; give a number from {least:g} to {most:g}")


def flags(owner, *names: str) -> None:
    """The same of true and false."""
    for name in names:
        value = getattr(owner, name)
        if type(value) is not bool:
            raise ValueError(f"{name}: {value!r:.60}; give true or false")


def choice(owner, choices, *names: str) -> None:
    """The same of texts, of which there are few."""
    for name in names:
        value = getattr(owner, name)
        if not isinstance(value, str) or value not in choices:
            raise ValueError(f"{name}: {value!r:.60}; use one of {', '.join(choices)}")


def sequences(owner, least: float, most: float, longest: int, *names: str) -> None:
    """Makes tuples of fields that are sequences of numbers, as JSON's lists are.

    Args:
        owner: of the fields, which may be frozen.
        least, most: the bounds of each number.
        longest: numbers at most; at least one.
        *names: of the fields.

    Raises:
        ValueError: one is no such sequence.
    """
    for name in names:
        value = getattr(owner, name)
        good = isinstance(value, list | tuple) and 0 < len(value) <= longest
        if not good or not all(_is_number(each, least, most) for each in value):
            raise ValueError(
                f"{name}: {value!r:.60}; give 1 to {longest} numbers from {least:g} to {most:g}"
            )
        object.__setattr__(owner, name, tuple(value))


def _is_number(value, least, most) -> bool:
    return type(value) in (int, float) and least <= value <= most
