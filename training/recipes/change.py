"""Recipes with some fields changed, each checked against the type it is declared with."""

import dataclasses
import types
import typing

from multiposenet.errors import InputError


def change(recipe, values, named="--set"):
    """A recipe with other values.

    Args:
        recipe: a ``Recipe``.
        values: dict of field name to value, as Python literals: lists stand for tuples and whole
            numbers for floats.
        named: what errors call the values.

    Raises:
        InputError: there is no such field, or the value is not of its type or out of range.
    """
    kinds = typing.get_type_hints(type(recipe))
    checked = {}
    for name, value in values.items():
        if name not in kinds:
            known = ", ".join(field.name for field in dataclasses.fields(recipe))
            raise InputError(f"{named}: {name}: the recipe has no such field; use one of: {known}")
        try:
            checked[name] = _as(kinds[name], value)
        except TypeError:
            raise InputError(
                f"{named}: {name}: {value!r:.60} is no {_name(kinds[name])}; "
                f"the recipe has {getattr(recipe, name)!r}"
            ) from None
    try:
        return dataclasses.replace(recipe, **checked)
    except ValueError as error:
        raise InputError(f"{named}: {error}") from error


def _as(kind, value):
    """The value as the declared type has it; TypeError if it is of another."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        for one in inner:
            try:
                return _as(one, value)
            except TypeError:
                continue
        raise TypeError
    if origin is tuple:
        if not isinstance(value, tuple | list):
            raise TypeError
        if inner[-1] is Ellipsis:
            inner = inner[:1] * len(value)
        if len(value) != len(inner):
            raise TypeError
        return tuple(_as(one, part) for one, part in zip(inner, value, strict=True))
    if kind is float and type(value) is int and abs(value) < 1e300:
        return float(value)
    if type(value) is not kind:
        raise TypeError
    return value


def _name(kind):
    return kind.__name__ if typing.get_origin(kind) is None else str(kind)
