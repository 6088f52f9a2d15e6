import io
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.journal.sinks import batch_name
from windsock.contracts.record import Prediction
from windsock.predictor.record import open_sink
from windsock.predictor.record.parquet import COLUMNS, SUFFIX, decode_parquet, encode_parquet
from windsock.predictor.record.reader import read_records


def table_of(content):
    return pq.read_table(pa.BufferReader(content))


def content_of(table):
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def replaced(table, name, row, value):
    values = table[name].to_pylist()
    values[row] = value
    return table.set_column(
        table.schema.get_field_index(name), table.schema.field(name), pa.array(values, table.schema.field(name).type)
    )


def test_records_come_back_as_they_were(prediction, chained):
    odd = {"name": 'line\nend \u2028 "quoted" \\ \x00 é', "number": 10**40, "nothing": None}
    links = chained([prediction(1), prediction(2, request=odd), prediction(3, probability=5e-324, key="")])
    content, from_day, to_day = encode_parquet(links)
    assert decode_parquet(content) == links
    assert (from_day, to_day) == ("2013-07-01", "2013-07-01")


def test_the_columns_are_what_the_bodies_say(prediction, chained):
    made = [prediction(number) for number in range(50)]
    table = table_of(encode_parquet(chained(made))[0])
    for row, one in zip(table.to_pylist(), made, strict=True):
        body = Prediction.decode(row["body"])
        assert {name: row[name] for name in COLUMNS.names} == {name: getattr(one, name) for name in COLUMNS.names}
        assert body.encode() == one.encode()


def test_a_batch_names_its_days(prediction, chained):
    days = [prediction(day, predicted_at=datetime(2013, 7, day, 23, 59, 59, 999_999, tzinfo=UTC)) for day in (3, 1, 2)]
    assert encode_parquet(chained(days))[1:] == ("2013-07-01", "2013-07-03")


def test_the_same_records_are_the_same_bytes(prediction, chained):
    links = chained([prediction(number) for number in range(100)])
    assert encode_parquet(links) == encode_parquet(links)


@pytest.mark.parametrize(
    "name, value",
    [
        ("probability", 0.9),
        ("decision", True),
        ("answered_by", "rules"),
        ("release", None),
        ("predicted_at", datetime(2013, 7, 2, tzinfo=UTC)),
        ("body", b"{}"),
        ("body", b"not JSON"),
        ("digest", bytes(32)),
        ("previous", bytes(32)),
        ("sequence", 2),
    ],
)
def test_an_edited_cell_of_any_column_is_found(tmp_path, prediction, chained, name, value):
    links = chained([prediction(number) for number in range(5)])
    sink = open_sink(tmp_path.as_uri())
    content, *days = encode_parquet(links)
    sink.put(batch_name(links[0].writer, 1, 5, *days, SUFFIX), content_of(replaced(table_of(content), name, 2, value)))
    reading = read_records(sink)
    found = [one.request_id for one in reading]
    assert found == ["request-0", "request-1", "request-3", "request-4"]
    assert not reading.clean
    (audit,) = reading.audits.values()
    assert {fault.first for fault in audit.faults} <= {2, 3}


@pytest.mark.parametrize(
    "spoil", [lambda content: content[:-10], lambda content: content[100:], lambda _: b"", lambda _: b"PAR1"]
)
def test_a_file_that_is_not_whole_is_one_line(prediction, chained, spoil):
    content, *_ = encode_parquet(chained([prediction()]))
    with pytest.raises(InputError, match="records"):
        decode_parquet(spoil(content))


def test_a_table_of_something_else_is_one_line():
    with pytest.raises(InputError, match="records"):
        decode_parquet(content_of(pa.table({"a": [1, 2]})))


OPENS = """
import sys
from pathlib import Path
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_recorder
root = Path(sys.argv[1])
recorder = open_recorder(root / "journal", (root / "sink").as_uri(), RecordSettings(capacity_mb=4), "test")
loaded = set(sys.modules)
recorder.close()
print("pandas" in loaded)
"""


def test_what_arrow_loads_is_loaded_before_anyone_waits(tmp_path):
    command = [sys.executable, "-W", "ignore", "-c", OPENS, str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1] == "True"
