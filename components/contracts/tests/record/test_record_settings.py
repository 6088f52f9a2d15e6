import pytest
from windsock.contracts.errors import InputError
from windsock.contracts.record_settings import RecordSettings
from windsock.contracts.settings import parse


def test_nothing_has_to_be_set():
    assert parse(RecordSettings, {}, "record") == RecordSettings()


@pytest.mark.parametrize(
    "name, value",
    [
        ("capacity_mb", 3),
        ("capacity_mb", 256.5),
        ("group_rows", 0),
        ("waiting_appends", -1),
        ("ship_every_s", 0),
        ("ship_every_s", float("nan")),
        ("batch_rows", "many"),
        ("keep_shipped_s", -0.1),
        ("capacity", 256),
    ],
)
def test_a_bad_setting_is_named(name, value):
    with pytest.raises(InputError, match=f"^record.{name}: got "):
        parse(RecordSettings, {name: value}, "record")
