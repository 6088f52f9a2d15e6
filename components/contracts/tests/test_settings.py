"""A setting is what it must be, or the person who wrote it is told in one line which one, what and why."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.settings import check_name, parse


@dataclass(frozen=True)
class Inner:
    share: float = field(metadata={"low": 0, "high": 1})
    count: int = field(default=3, metadata={"low": 1})


@dataclass(frozen=True)
class Outer:
    name: str
    inner: Inner
    active: bool = True
    ratio: float = 0.5
    mode: str = field(default="fast", metadata={"choices": ("fast", "slow")})
    tags: tuple[str, ...] = ()
    parts: dict[str, Inner] = field(default_factory=dict)
    nested: dict[str, dict[str, int]] = field(default_factory=dict)
    spare: Inner | None = None
    free: Any = None


GOOD = {"name": "n", "inner": {"share": 0.5}}


def test_what_is_given_and_what_is_left_out():
    assert parse(Outer, GOOD, "s") == Outer("n", Inner(0.5))
    given = GOOD | {
        "tags": ["a", "b"],
        "parts": {"x": {"share": 1, "count": 2}},
        "spare": {"share": 0},
        "free": [1, "a"],
    }
    assert parse(Outer, given, "s") == Outer(
        "n", Inner(0.5), tags=("a", "b"), parts={"x": Inner(1.0, 2)}, spare=Inner(0.0), free=[1, "a"]
    )


def test_whole_numbers_are_taken_for_numbers_and_become_them():
    assert type(parse(Inner, {"share": 1}, "s").share) is float


@pytest.mark.parametrize(
    "change, line",
    [
        ({"nme": "x"}, "s.nme: got 'x', expected no such setting; known are name, inner, active"),
        ({"name": 3}, "s.name: got 3, expected a string"),
        ({"name": None}, "s.name: got None, expected a string"),
        ({"active": 1}, "s.active: got 1, expected true or false"),
        ({"active": "true"}, "s.active: got 'true', expected true or false"),
        ({"ratio": "0.5"}, "s.ratio: got '0.5', expected a number"),
        ({"ratio": True}, "s.ratio: got True, expected a number"),
        ({"ratio": float("nan")}, "s.ratio: got nan, expected a finite number"),
        ({"ratio": float("-inf")}, "s.ratio: got -inf, expected a finite number"),
        ({"ratio": 10**400}, "s.ratio: got 1000"),
        ({"mode": "medium"}, "s.mode: got 'medium', expected one of fast, slow"),
        ({"tags": "ab"}, "s.tags: got 'ab', expected a list"),
        ({"tags": ["a", 2]}, "s.tags[1]: got 2, expected a string"),
        ({"parts": []}, "s.parts: got [], expected a table"),
        ({"parts": {"x": 1}}, "s.parts.x: got 1, expected a table of settings"),
        ({"parts": {"x": {}}}, "s.parts.x.share: got None, expected a value; this setting has no default"),
        ({"nested": {"a": {"b": 0.5}}}, "s.nested.a.b: got 0.5, expected a whole number"),
        ({"spare": {"share": 2}}, "s.spare.share: got 2.0, expected a number from 0 to 1"),
        ({"inner": {"share": 1.0000001}}, "s.inner.share: got 1.0000001, expected a number from 0 to 1"),
        ({"inner": {"share": -0.1}}, "s.inner.share: got -0.1, expected a number from 0 to 1"),
        ({"inner": {"share": float("nan")}}, "s.inner.share: got nan, expected a finite number"),
        ({"inner": {"share": 0.5, "count": 0}}, "s.inner.count: got 0, expected at least 1"),
        ({"inner": {"share": 0.5, "count": 2.0}}, "s.inner.count: got 2.0, expected a whole number"),
        ({"inner": {"share": 0.5, "count": True}}, "s.inner.count: got True, expected a whole number"),
        ({"inner": None}, "s.inner: got None, expected a table of settings"),
    ],
)
def test_a_bad_setting_is_named_with_its_value_and_what_was_expected(change, line):
    with pytest.raises(InputError) as error:
        parse(Outer, GOOD | change, "s")
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("given", [None, [], "text", 1])
def test_what_is_no_table_is_refused(given):
    with pytest.raises(InputError, match=r"^s: got .*, expected a table of settings"):
        parse(Outer, given, "s")


def test_a_setting_without_a_default_must_be_given():
    with pytest.raises(InputError, match=r"^s.name: got None, expected a value; this setting has no default"):
        parse(Outer, {"inner": {"share": 0.5}}, "s")


def test_a_section_that_settings_cannot_hold_is_an_error_of_the_code():
    @dataclass(frozen=True)
    class Wrong:
        names: set

    with pytest.raises(TypeError, match=r"s.names is declared as"):
        parse(Wrong, {"names": ["a"]}, "s")


@pytest.mark.parametrize("name", ["a", "A_1", "_x", "delay_minutes"])
def test_names_that_name_things_everywhere(name):
    check_name(name, "table")


@pytest.mark.parametrize("name", ["", "1a", "a b", "../a", "a.b", "a;drop", "größe", 'a"', "a\n", "²"])
def test_names_that_would_be_code_or_paths_somewhere_are_refused(name):
    with pytest.raises(InputError, match=r"^table: got .*, expected a name of letters, digits and underscores"):
        check_name(name, "table")


def test_nothing_may_be_given_where_it_is_meant():
    assert parse(Outer, GOOD | {"spare": None}, "s").spare is None
    with pytest.raises(InputError, match=r"s\.inner"):
        parse(Outer, GOOD | {"inner": None}, "s")
