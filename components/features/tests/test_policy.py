import math
from dataclasses import replace

import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.use_case import View
from windsock.features.policy import FeatureView, check_columns, check_views, model_rows

STOCK = FeatureView("stock", ("kiosk",), {"kiosk": "VARCHAR", "amount": "DOUBLE"}, 60.0)
SETTINGS = {"stock": View(60)}
FIELDS = ("kiosk", "opens_at")


def test_features_are_what_is_no_key():
    assert STOCK.features == ("amount",)


def test_views_that_agree_pass():
    check_views({"stock": STOCK}, SETTINGS, FIELDS)


@pytest.mark.parametrize(
    ("declared", "settings", "field"),
    [
        ({}, SETTINGS, "views of features.py"),
        ({"stock": STOCK}, {}, "views of features.py"),
        ({"stock": replace(STOCK, ttl_s=0)}, SETTINGS, "ttl of view stock"),
        ({"stock": replace(STOCK, join_keys=("owner",))}, SETTINGS, "entity of view stock"),
    ],
)
def test_views_that_disagree_are_refused(declared, settings, field):
    with pytest.raises(InputError) as refusal:
        check_views(declared, settings, FIELDS)
    assert refusal.value.field == field


@pytest.mark.parametrize("columns", [None, (), ["a"], ("a", "a"), ("a", 1), ("a", "kiosk")])
def test_columns_that_are_no_different_names_are_refused(columns):
    with pytest.raises(InputError):
        check_columns(columns, FIELDS)
    assert check_columns(("a", "b"), FIELDS) == ("a", "b")


def test_model_rows_are_laid_one_after_the_other_as_32_bit_floats():
    flat = model_rows(
        lambda request, features: (request["x"], features["y"]),
        2,
        [{"x": 1}, {"x": 0.1}],
        [{"y": 2.0}, {"y": math.nan}],
    )
    assert flat.typecode == "f"
    assert list(flat[:3]) == [1.0, 2.0, pytest.approx(0.1, abs=1e-8)]
    assert math.isnan(flat[3])


@pytest.mark.parametrize("row", [(1.0,), (1.0, 2.0, 3.0), (1.0, None), (1.0, "2"), 3.0, None])
def test_a_row_that_is_not_so_many_numbers_is_refused(row):
    with pytest.raises(InputError, match=r"derive.py, row 0"):
        model_rows(lambda request, features: row, 2, [{}], [{}])


def test_requests_and_features_must_be_as_many():
    with pytest.raises(ValueError, match="zip"):
        model_rows(lambda request, features: (1.0,), 1, [{}, {}], [{}])
