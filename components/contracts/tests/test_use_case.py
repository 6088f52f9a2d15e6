"""The settings of a use case hold together, or the first thing that does not is named."""

import copy
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.settings import parse
from windsock.contracts.use_case import FILE, UseCase, load_use_case
from windsock.contracts.use_case_code import PACKED, load_module, pack_use_case

REPOSITORY = Path(__file__).parents[3]
FEATURE_REPO = REPOSITORY / "feature_repo"
GIVEN = tomllib.loads((FEATURE_REPO / FILE).read_text(encoding="utf-8"))


def changed(path: str, value: object) -> dict:
    """The shipped settings with one of them set, or taken away by None; `path` is its dotted name."""
    given = copy.deepcopy(GIVEN)
    *parents, name = path.split("/")
    section = given
    for parent in parents:
        section = section.setdefault(parent, {})
    if value is None:
        del section[name]
    else:
        section[name] = value
    return given


def test_the_shipped_use_case_loads():
    assert load_use_case(FEATURE_REPO).name == GIVEN["name"]


TABLE = next(iter(GIVEN["tables"]))


@pytest.mark.parametrize(
    "path, value, line",
    [
        ("owner", None, "use_case.owner: got None, expected a value"),
        ("tables", {}, "use_case.tables: got {}, expected at least one table"),
        ("tabels", {}, "use_case.tabels: got {}, expected no such setting"),
        (f"tables/{TABLE}/key", [], "tables: key: got (), expected at least one column"),
        (f"tables/{TABLE}/key", ["a; drop table b"], "tables: column: got 'a; drop table b', expected a name of"),
        (f"tables/{TABLE}/format", "xml", f"use_case.tables.{TABLE}.format: got 'xml', expected one of csv, parquet"),
        ("tables/..\\..\\x", GIVEN["tables"][TABLE], "use_case: table, view or label: got"),
        ("label/table", "nothing", "label.table: got 'nothing', expected one of"),
        ("label/column", "a b", "use_case: table, view or label: got 'a b', expected a name of"),
        ("label/mature_after_hours", -1, "use_case.label.mature_after_hours: got -1, expected at least 0"),
        ("request/key", [], "request.key: got (), expected at least one field"),
        ("request/key", ["nothing"], "request: got 'nothing', expected one of the request's fields"),
        ("request/event_time", "nothing", "request: got 'nothing', expected one of the request's fields"),
        ("request/lead_time_minutes", 1.5, "use_case.request.lead_time_minutes: got 1.5, expected a whole number"),
        ("request/fields/more", "text", "request.fields.more: got 'text', expected one of string, integer"),
        ("request/fields/more-or-less", "string", "request.fields: got 'more-or-less', expected a name of"),
        (f"request/fields/{GIVEN['request']['event_time']}", "string", "request.fields."),
        ("costs/act_positive", float("inf"), "use_case.costs.act_positive: got inf, expected a finite number"),
        ("costs/act_positive", 10_000, "costs.skip_positive: got"),
        ("costs/skip_negative", -1, "use_case.costs.skip_negative: got -1.0, expected at least 0"),
        ("split/evaluation_days", 0, "use_case.split.evaluation_days: got 0, expected at least 1"),
        ("ingest/max_file_megabytes", 0, "use_case.ingest.max_file_megabytes: got 0, expected a number from 1 to 1024"),
        ("ingest/max_file_megabytes", 4096, "use_case.ingest.max_file_megabytes: got 4096, expected a number from 1"),
    ],
)
def test_a_bad_setting_is_one_line(path, value, line):
    with pytest.raises(InputError) as error:
        parse(UseCase, changed(path, value), "use_case")
    assert str(error.value).startswith(line)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "content, expected",
    [
        (b"name = ", "valid TOML in UTF-8"),
        (b"name = '\xff'", "valid TOML in UTF-8"),
        (b"x = " + b"[" * 5000, "valid TOML in UTF-8"),
        (b"x = " + b"1" * 5000, "valid TOML in UTF-8"),
        (b"", "a value; this setting has no default"),
    ],
    ids=["cut", "bytes", "deep", "long", "empty"],
)
def test_a_broken_file_is_one_line(tmp_path, content, expected):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(InputError, match=expected) as error:
        load_use_case(tmp_path)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(InputError, match=rf"^use case: got '{tmp_path}/{FILE}', expected a directory with {FILE}"):
        load_use_case(tmp_path)


@pytest.mark.parametrize(("looks_back_days", "expected_days"), [((1, 31), 31 + 7), ((40, 31), 40.125), ((0, 31), None)])
def test_facts_matter_for_as_long_as_a_view_looks_back_on_values_that_are_valid(looks_back_days, expected_days):
    given = changed("ingest/recent_days", 0)
    for view, days in zip(("weather_observed", "route_record"), looks_back_days):
        given["views"][view]["looks_back_days"] = days
    since = datetime(2013, 7, 1, tzinfo=UTC)
    found = parse(UseCase, given, "use_case").facts_from(since)
    assert found == (None if expected_days is None else since - timedelta(days=expected_days))


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"ingest/recent_days": 86}, 87),
        (
            {
                "gates/tables/weather/complete_after_hours": 0,
                "gates/tables/outcomes/complete_after_hours": 0,
                "ingest/recent_days": 85,
            },
            86,
        ),
        ({"gates/tables/weather/complete_after_hours": 60}, 88),
        ({"gates/reference_days": 84}, 115),
        ({"drift/history_days": 70}, 108),
        ({"views/route_record/looks_back_days": 80}, 108),
        ({"views/route_record/looks_back_days": 0}, 100_000),
    ],
)
def test_what_is_judged_day_by_day_holds_all_that_a_day_goes_by(changes, needed):
    given = copy.deepcopy(GIVEN)
    for path, value in changes.items():
        *parents, name = path.split("/")
        section = given
        for parent in parents:
            section = section[parent]
        section[name] = value
    # Whatever else it is read for goes on.
    use_case = parse(UseCase, given, "use_case")
    with pytest.raises(InputError, match=rf"ingest.recent_days: got \d+, expected 0, or at least {needed}:"):
        use_case.check_recent_days()


@pytest.fixture
def small_repo(tmp_path) -> Path:
    """A feature repository with the shipped settings and little else."""
    repo = tmp_path / "repo"
    for pattern in PACKED:
        path = repo / pattern.replace("*", "one")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (repo / FILE).write_bytes((FEATURE_REPO / FILE).read_bytes())
    (repo / "source.py").write_text("raise SystemExit")
    return repo


def test_a_use_case_is_packed_once_under_its_digest(small_repo, tmp_path):
    packed = pack_use_case(small_repo, tmp_path / "store")
    assert packed.path == tmp_path / "store" / packed.digest.removeprefix("sha256:")
    assert not (packed.path / "source.py").exists()
    assert pack_use_case(small_repo, tmp_path / "store").digest == packed.digest
    assert [path.name for path in (tmp_path / "store").iterdir()] == [packed.path.name]
    (small_repo / "derive.py").write_text("x = 1")
    assert pack_use_case(small_repo, tmp_path / "store").digest != packed.digest


def test_a_use_case_that_lacks_a_part_is_not_packed(small_repo, tmp_path):
    (small_repo / "labels.sql").unlink()
    with pytest.raises(InputError, match=r"expected a directory with labels.sql"):
        pack_use_case(small_repo, tmp_path / "store")
    assert not list((tmp_path / "store").iterdir())


def test_a_module_is_loaded_without_a_trace(tmp_path):
    (tmp_path / "derive.py").write_text("answer = 42")
    assert load_module(tmp_path / "derive.py", "windsock_test_derive").answer == 42
    assert [path.name for path in tmp_path.iterdir()] == ["derive.py"]


@pytest.mark.parametrize("code", ["import nothing_of_this_name", "def", "from os import nothing_of_this_name"])
def test_a_module_that_does_not_import_is_one_line(tmp_path, code):
    (tmp_path / "derive.py").write_text(code)
    with pytest.raises(InputError, match=r"^use case code derive: got .*, expected a module that imports"):
        load_module(tmp_path / "derive.py", "derive")
    with pytest.raises(InputError, match=r"expected a Python file"):
        load_module(tmp_path / "nothing.py", "derive")
