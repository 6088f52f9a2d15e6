"""What gets a training row, what a row holds, and what is refused."""

from datetime import timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from kiosks import DERIVE, FEATURES, LABELS, STOCK, USE_CASE, at, executor_input, sealed, write_data, write_use_case
from windsock.contracts.artifact import open_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.files import read_json
from windsock.contracts.step import main
from windsock.features.__main__ import STEPS
from windsock.features.build_training_set import build

DAY = 24 * 60
MINUTE = timedelta(minutes=1)
AS_OF = at(3 * DAY)
FACTS = [("a", None, 7.0, "x", at(0), at(5)), ("a", None, 9.0, "x", at(0), at(40))]
PLANS = [
    ("b", 1, at(60), 2.0, at(-60)),
    ("a", None, at(60), 1.0, at(-60)),
    ("a", 2, at(90), 1.0, at(-60)),
    ("late plan", 1, at(60), 1.0, at(31)),
    ("in time", 1, at(60), 1.0, at(30)),
    ("never counted", 1, at(60), 1.0, at(0)),
    ("too young", 1, at(2 * DAY + 1), 1.0, at(0)),
    ("just due", 1, at(2 * DAY), 1.0, at(0)),
]
SALES = [
    *((kiosk, opens, kiosk == "a", max(opens, at(90))) for kiosk, _, opens, _, _ in PLANS if kiosk != "never counted"),
    ("nobody's", at(60), True, at(61)),
]


@pytest.fixture
def data(tmp_path):
    return write_data(tmp_path / "data", plans=PLANS, sales=SALES, facts=FACTS)


def built(use_case, data, into, as_of=AS_OF):
    into.mkdir()
    return build(use_case, data, into, as_of), pq.read_table(into / "rows.parquet")


def test_only_what_is_due_labelled_and_asked_in_time_gets_a_row(use_case, data, tmp_path):
    details, rows = built(use_case, data, tmp_path / "out")
    assert details["left_out"] == {"not_due": 1, "unlabelled": 1, "asked_too_late": 1}
    assert rows.column("kiosk").to_pylist() == ["a", "b", "in time", "a", "just due"]
    assert details["rows"] + sum(details["left_out"].values()) == len(PLANS)
    assert details["positives"] == sum(rows.column("sold_out").to_pylist()) == 2


def test_a_row_holds_request_times_model_columns_and_label(use_case, data, tmp_path):
    details, rows = built(use_case, data, tmp_path / "out")
    assert {field.name: str(field.type) for field in rows.schema} == {
        "kiosk": "string",
        "street": "int64",
        "opens_at": "timestamp[us, tz=UTC]",
        "price": "double",
        "event_timestamp": "timestamp[us, tz=UTC]",
        "label_known_at": "timestamp[us, tz=UTC]",
        **dict.fromkeys(("hour", "amount", "rain", "wet", "kind"), "float"),
        "sold_out": "int8",
    }
    first, last = rows.slice(0, 1).to_pylist()[0], rows.slice(3, 1).to_pylist()[0]
    assert (first["opens_at"], first["event_timestamp"], first["label_known_at"]) == (at(60), at(30), at(90))
    assert (first["hour"], first["amount"], first["price"]) == (1.0, 7.0, 1.0), "the correction came ten minutes later"
    assert last["amount"] == 9.0
    assert details["missing"] == {"stock": 0.6, "weather": 1.0}


def test_what_was_not_known_at_as_of_is_not_there(use_case, tmp_path):
    """Neither the label nor the fact that the data holds, and that became known a minute after."""
    as_of = at(DAY + 90)
    sales = [("a", at(60), True, as_of), ("b", at(60), True, as_of + MINUTE)]
    facts = [("a", None, 1.0, "x", at(0), as_of), ("a", None, 2.0, "x", at(0), as_of + MINUTE)]
    data = write_data(tmp_path / "data", plans=PLANS[:2], sales=sales, facts=facts)
    details, rows = built(use_case, data, tmp_path / "out", as_of)
    assert details["left_out"] == {"not_due": 0, "unlabelled": 1, "asked_too_late": 0}
    assert details["view_rows"]["stock"] == 1
    assert rows.column("kiosk").to_pylist() == ["a"]


def test_two_runs_give_the_same_bytes(use_case, data, tmp_path):
    for name in ("one", "two"):
        built(use_case, data, tmp_path / name)
    assert (tmp_path / "one" / "rows.parquet").read_bytes() == (tmp_path / "two" / "rows.parquet").read_bytes()


def test_the_order_of_delivered_rows_changes_nothing(use_case, data, tmp_path):
    turned = write_data(tmp_path / "turned", plans=PLANS[::-1], sales=SALES[::-1], facts=FACTS[::-1])
    _, one = built(use_case, data, tmp_path / "one")
    _, two = built(use_case, turned, tmp_path / "two")
    assert (tmp_path / "one" / "rows.parquet").read_bytes() == (tmp_path / "two" / "rows.parquet").read_bytes()
    assert one.num_rows == two.num_rows == 5


def labels(old, new):
    return {"labels_sql": LABELS.replace(old, new)}


def stock(old, new):
    return {"views_stock_sql": STOCK.replace(old, new)}


def features(old, new):
    return {"features_py": FEATURES.replace(old, new)}


def derive(old, new):
    return {"derive_py": DERIVE.replace(old, new)}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (labels("planned_at as request_known_at,", ""), "columns of labels.sql: got"),
        ({"labels_sql": "select nothing from plans"}, "labels.sql: got 'Binder Error"),
        (labels("sold_out::tinyint", "2 + sold_out::tinyint"), "labels.sql: got '7 rows with a sold_out"),
        (labels("counted_at as", "null as"), "labels.sql: got '7 rows whose label is known at no time'"),
        (labels("planned_at as", "null as"), "labels.sql: got '8 rows whose request is known"),
        ({"labels_sql": LABELS + "union all" + LABELS}, "labels.sql: got '8 rows that share their key"),
        ({"labels_sql": None}, "labels.sql: got"),
        (stock("amount::bigint as pieces,", ""), "columns of views/stock.sql: got"),
        (stock("select kiosk,", "select null as kiosk,"), "views/stock.sql: got '2 rows without a key"),
        (stock("amount::bigint", "'many'"), "views/stock.sql: got"),
        ({"views_stock_sql": STOCK + "union all " + STOCK}, "views/stock.sql: got '2 keys with several rows"),
        (features("hours=2", "hours=3"), "ttl of view stock: got 10800.0, expected fresh_for_s"),
        (features('name="stock"', 'name="stocks"'), "views of features.py"),
        (features("Bool", "Bytes"), "type of weather.wet"),
        ({"features_py": "import nothing_like_it"}, "use case code windsock_use_case_features"),
        ({"features_py": None}, "use case code"),
        ({"feature_store_yaml": "project: kiosks\nprovider: nobody"}, "feature_store.yaml: got"),
        ({"feature_store_yaml": "project: ["}, "feature_store.yaml: got"),
        ({"feature_store_yaml": None}, "feature_store.yaml: got"),
        (derive('request["opens_at"].hour, ', ""), "derive.py, row 0: got '4 numbers'"),
        (derive("stock__amount", "stock__worth"), "derive.py, row 0: got \"KeyError: 'stock__worth'\""),
        (derive('(request["opens_at"].hour,', '("noon",'), "derive.py, row 0: got"),
        (derive('"hour", "amount"', '"price", "amount"'), "derive.COLUMNS: got"),
        (derive('"hour", "amount"', '"amount", "amount"'), "derive.COLUMNS: got"),
    ],
)
def test_a_use_case_that_does_not_fit_is_refused_in_one_line(tmp_path, data, changes, message):
    use_case = write_use_case(tmp_path / "use_case", **changes)
    with pytest.raises(InputError) as refusal:
        build(use_case, data, tmp_path, AS_OF)
    assert message in str(refusal.value)
    assert not (tmp_path / "rows.parquet").exists()


def test_data_without_a_table_or_its_time_is_refused(use_case, data, tmp_path):
    table = pq.read_table(data / "facts.parquet")
    pq.write_table(table.drop_columns(["told_at"]), data / "facts.parquet")
    with pytest.raises(InputError, match=r"data facts: .* expected a table with told_at"):
        build(use_case, data, tmp_path, AS_OF)
    (data / "facts.parquet").unlink()
    with pytest.raises(InputError, match=r"data facts: .* expected a Parquet file for every table"):
        build(use_case, data, tmp_path, AS_OF)


def test_no_row_at_all_is_refused(use_case, data, tmp_path):
    with pytest.raises(InputError, match="at least one labelled row by as_of"):
        build(use_case, data, tmp_path, at(30))


def test_the_step_seals_its_artifact_and_gives_metrics(use_case, data, tmp_path):
    inputs = {
        "use_case": sealed(use_case, tmp_path / "sealed_use_case", "use_case"),
        "data": sealed(data, tmp_path / "judged", "judged"),
    }
    given = executor_input(tmp_path / "out", inputs, {"as_of": "2020-03-04"}, ["training_set", "metrics"])
    assert main("features", STEPS, ["build_training_set", given]) == 0
    artifact = open_artifact(tmp_path / "out" / "training_set", "training_set")
    assert artifact.details["rows"] == pq.read_metadata(artifact.path / "rows.parquet").num_rows == 5
    assert set(artifact.origin.inputs) == {"use_case", "data"}
    figures = read_json(tmp_path / "out" / "metrics", "metrics")
    assert (figures["rows"], figures["left_out_not_due"], figures["missing_weather"]) == (5, 1, 1.0)


def test_the_step_takes_judged_data_only(use_case, data, tmp_path, capsys):
    inputs = {
        "use_case": sealed(use_case, tmp_path / "sealed_use_case", "use_case"),
        "data": sealed(data, tmp_path / "snapshot", "snapshot"),
    }
    given = executor_input(tmp_path / "out", inputs, {"as_of": "2020-03-04"}, ["training_set", "metrics"])
    assert main("features", STEPS, ["build_training_set", given]) == 2
    assert "kind of snapshot: got 'snapshot', expected 'judged'" in capsys.readouterr().err
    assert not (tmp_path / "out" / "training_set").exists()


def test_a_lost_answer_stops_the_step(use_case, data, tmp_path, monkeypatch):
    """Should Feast ever drop a row, a training set is not written with a hole."""
    from windsock.features import repository

    whole = repository.FeatureStore.get_historical_features

    class Short:
        def __init__(self, job):
            self.job = job

        def to_arrow(self):
            return self.job.to_arrow().slice(1)

    monkeypatch.setattr(repository.FeatureStore, "get_historical_features", lambda *a, **k: Short(whole(*a, **k)))
    with pytest.raises(RuntimeError, match=r"stock: 5 questions got 4 answers"):
        build(use_case, data, tmp_path, AS_OF)


def test_a_request_may_not_name_a_field_like_a_column_of_the_training_set(data, tmp_path):
    renamed = USE_CASE.replace('price = "number"', 'label_known_at = "number"')
    use_case = write_use_case(tmp_path / "use_case", use_case_toml=renamed,
                              labels_sql=LABELS.replace(" price,", ""))  # fmt: skip
    with pytest.raises(InputError, match=r"request.fields: got \['label_known_at'\]"):
        build(use_case, data, tmp_path, AS_OF)


def test_rows_are_written_with_microseconds(use_case, data, tmp_path):
    """Feast's DuckDB store cannot materialize nanoseconds, and a reader elsewhere may know no others than these."""
    _, rows = built(use_case, data, tmp_path / "out")
    assert {field.type.unit for field in rows.schema if pa.types.is_timestamp(field.type)} == {"us"}
