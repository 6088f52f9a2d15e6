"""Rows that serving gave are made anew from the history, as it was known then; what differs is named."""

import math

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kiosks import TIME, at, executor_input, sealed, write_data, write_use_case
from test_materialize import fact
from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.clock import format_time
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.release import Release, open_bundle, write_bundle
from windsock.contracts.step import main
from windsock.features.__main__ import STEPS

COLUMNS = ("hour", "amount", "rain", "wet", "kind")
# The stock of minute 100 is told at minute 130, and corrected at minute 400.
FACTS = [fact("k0", None, 1.0, 0, 5), fact("k0", None, 2.0, 100, 130), fact("k0", None, 9.0, 100, 400),
         fact("k1", 1, 60.0, 125, 126)]  # fmt: skip
NAN = math.nan
DAY = 24 * 60


def answer(minute, row, kiosk="k0", stock=100, weather=None, **changes):
    """An answer at a minute about a kiosk that opens half an hour later."""
    given = {"kiosk": kiosk, "street": 1, "opens_at": at(minute + 30), "price": 5.0, "answered_at": at(minute)}
    times = {
        f"at__{name}": None if seen is None else at(seen) for name, seen in (("stock", stock), ("weather", weather))
    }
    return given | times | {"row": row, "by": "model", "counts": True} | changes


@pytest.fixture
def rebuilt(tmp_path):
    """Runs the step on answers and returns what it found."""
    use_case = sealed(write_use_case(tmp_path / "use_case"), tmp_path / "sealed", "use_case")
    (tmp_path / "model.onnx").write_bytes(b"not asked")
    with new_artifact(tmp_path / "release", "release", Origin("register_model")) as directory:
        release = Release("kiosks-1", "model", 0.5, COLUMNS, format_time(at(0)), {})
        write_bundle(directory, release, use_case, tmp_path / "model.onnx")
    judged = sealed(write_data(tmp_path / "data", facts=FACTS), tmp_path / "judged", "judged")
    digest = open_bundle(tmp_path / "release").digest

    def run(*answers, as_of=2 * DAY, expected=0):
        stamps = {"request__opens_at", "answered_at", "at__stock", "at__weather"}
        named = {name: f"request__{name}" for name in ("kiosk", "street", "opens_at", "price")}
        kinds = {"kiosk": pa.string(), "street": pa.int64(), "price": pa.float64(), "row": pa.list_(pa.float32())}
        table = {
            "release": [digest] * len(answers),
            "answered_by": pa.array([one["by"] for one in answers], pa.string()),
        }
        for name in ("kiosk", "street", "opens_at", "price", "answered_at", "at__stock", "at__weather", "row"):
            kind = TIME if named.get(name, name) in stamps else kinds[name]
            table[named.get(name, name)] = pa.array([one[name] for one in answers], kind)
        table["counts"] = pa.array([one["counts"] for one in answers], pa.bool_())
        number = len(list(tmp_path.glob("out-*")))
        with new_artifact(tmp_path / f"labelled-{number}", "labelled", Origin("join_labels")) as directory:
            pq.write_table(pa.table(table), directory / "rows.parquet")
        inputs = {"use_case": use_case, "release": tmp_path / "release", "data": judged}
        inputs["labelled"] = tmp_path / f"labelled-{number}"
        out = tmp_path / f"out-{number}"
        given = executor_input(out, inputs, {"as_of": format_time(at(as_of))}, ["rebuilt", "metrics"])
        assert main("features", STEPS, ["rebuild_rows", given]) == expected
        return Rebuilt.read(out / "rebuilt") if expected == 0 else None

    return run


def test_rows_as_they_were_known_when_the_answer_was_given_do_not_differ(rebuilt):
    found = rebuilt(
        answer(140, [2, 2.0, NAN, NAN, NAN]),
        # After the correction, the same time has another value.
        answer(410, [7, 9.0, NAN, NAN, NAN]),
        answer(130, [2, NAN, 60.0, 1.0, 7.0], "k1", None, 125),
        answer(90, [2, 1.0, NAN, NAN, NAN], stock=0),
    )
    assert (found.rows, found.missing) == (4, 0)
    assert found.differing == dict.fromkeys(COLUMNS, 0)
    assert found.examples == {}


def test_a_column_that_was_served_otherwise_is_counted_with_its_first_answer(rebuilt):
    found = rebuilt(
        answer(140, [2, 2.0, NAN, NAN, NAN]),
        answer(150, [3, 2.5, NAN, NAN, NAN]),
        answer(160, [3, NAN, NAN, NAN, NAN]),
        answer(140, [2, 9.0, NAN, NAN, NAN]),
        # The store may not have got the correction yet.
        answer(410, [7, 2.0, NAN, NAN, NAN]),
    )
    assert found.differing == {"hour": 0, "amount": 3, "rain": 0, "wet": 0, "kind": 0}
    assert "given 2.5, rebuilt 2" in found.examples["amount"]
    assert found.examples["amount"].startswith("k0 2020-03-01T03:00:00Z: ")


def test_a_value_that_the_history_does_not_have_is_missing_and_differs(rebuilt):
    found = rebuilt(answer(140, [2, 2.0, NAN, NAN, NAN], stock=50))
    assert (found.missing, found.differing["amount"]) == (1, 1)
    # Known to the server before anybody told: the correction of minute 400.
    assert rebuilt(answer(120, [2, 2.0, NAN, NAN, NAN])).missing == 1


def test_only_what_the_model_of_this_release_answered_lately_is_rebuilt(rebuilt):
    wrong = [99, 99, 99, 99, 99]
    assert rebuilt(answer(140, wrong, by="rules"), answer(140, wrong, counts=False)).rows == 0
    assert rebuilt(answer(140, [2, 2.0, NAN, NAN, NAN]), as_of=16 * DAY).rows == 0
    assert rebuilt().rows == 0


def test_a_row_of_another_width_is_refused(rebuilt, capsys):
    rebuilt(answer(140, [2, 2.0]), expected=2)
    assert "row of a record: got '2 values in 1 rows', expected 5 in each" in capsys.readouterr().err
