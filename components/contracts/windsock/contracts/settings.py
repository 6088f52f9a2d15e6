"""Reads settings strictly: what is unknown, missing, of the wrong type or out of range is refused by name.

A section is a frozen dataclass. A field's metadata may hold `low` and `high` (inclusive bounds) or `choices`;
a field without a default must be given.
"""

import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin

from windsock.contracts.errors import InputError

Section = TypeVar("Section")
PLAIN = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


def parse(section: type[Section], given: object, where: str) -> Section:
    """Makes a section from what a TOML or JSON file holds; `where` is its name in messages.

    Raises:
        InputError: names the setting, its value and what was expected.
    """
    if not isinstance(given, Mapping):
        raise InputError(where, given, "a table of settings")
    known = {field.name: field for field in fields(typing.cast(Any, section))}
    for name in given:
        if name not in known:
            raise InputError(f"{where}.{name}", given[name], f"no such setting; known are {', '.join(known)}")
    hints = typing.get_type_hints(section)
    values = {}
    for name, field in known.items():
        if name in given:
            values[name] = _bounded(field, _typed(hints[name], given[name], f"{where}.{name}"), f"{where}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where}.{name}", None, "a value; this setting has no default")
    return section(**values)


def _typed(expected: Any, given: Any, where: str) -> Any:
    """One value of the expected type; whole numbers are taken for floats, nothing else is converted."""
    if is_dataclass(expected):
        return parse(typing.cast(type[Any], expected), given, where)
    if expected is float and type(given) in (int, float):
        return _finite(given, where)
    if expected in PLAIN:
        if type(given) is not expected:
            raise InputError(where, given, PLAIN[expected])
        return given
    origin, arguments = get_origin(expected), get_args(expected)
    if origin is tuple:
        if not isinstance(given, (list, tuple)):
            raise InputError(where, given, "a list")
        return tuple(_typed(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(given))
    if origin in (dict, Mapping, types.MappingProxyType):
        if not isinstance(given, Mapping):
            raise InputError(where, given, "a table")
        return {name: _typed(arguments[1], item, f"{where}.{name}") for name, item in given.items()}
    if arguments and type(None) in arguments:
        held = next(kind for kind in arguments if kind is not type(None))
        return None if given is None else _typed(held, given, where)
    if expected in (Any, object):
        return given
    raise TypeError(f"{where} is declared as {expected}, which settings cannot hold")


def _finite(given: int | float, where: str) -> float:
    """The number, which TOML also lets be `inf` or `nan`, or too large: no setting means any of these."""
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(where, given, "a finite number")
    return number


def check_name(name: str, where: str) -> None:
    """Refuses what could not name a column, a table or a file everywhere: in SQL, in Python and on disk.

    Raises:
        InputError: the name is anything but ASCII letters, digits and underscores, or begins with a digit.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name, re.ASCII):
        raise InputError(where, name, "a name of letters, digits and underscores")


def _bounded(field: "Field[Any]", value: Any, where: str) -> Any:
    """The value, if it lies within the bounds that the field's metadata gives."""
    bounds = field.metadata
    if value is None or not bounds:
        return value
    if "choices" in bounds and value not in bounds["choices"]:
        raise InputError(where, value, f"one of {', '.join(map(str, bounds['choices']))}")
    low, high = bounds.get("low"), bounds.get("high")
    # The comparison is written so that NaN, which compares false with everything, is refused.
    if (low is not None and not value >= low) or (high is not None and not value <= high):
        raise InputError(where, value, f"a number from {low} to {high}" if high is not None else f"at least {low}")
    return value
