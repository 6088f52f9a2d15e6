"""Recurring runs become what git names, and a run in flight is never deleted with its schedule."""

import pytest
from windsock.contracts.errors import InputError

from pipelines.reconcile import Act, Recurring, Schedule, reconcile
from pipelines.schedules import main

NAME = "windsock-materialization"


def one(recurring_id="1", name=NAME, made_of="new", enabled=True, at_work=False):
    return Recurring(recurring_id, name, made_of, enabled, at_work)


@pytest.mark.parametrize(
    ("existing", "expected"),
    [
        ([], [(Act.CREATE, "")]),
        ([one()], [(Act.KEEP, "1")]),
        ([one(at_work=True)], [(Act.KEEP, "1")]),
        ([one(made_of="old")], [(Act.DISABLE, "1"), (Act.DELETE, "1"), (Act.CREATE, "")]),
        # What is at work is let finish; its schedule goes by a later call.
        ([one(made_of="old", at_work=True)], [(Act.DISABLE, "1"), (Act.CREATE, "")]),
        ([one(made_of="old", enabled=False, at_work=True), one("2")], [(Act.KEEP, "2")]),
        ([one(made_of="old", enabled=False), one("2")], [(Act.DELETE, "1"), (Act.KEEP, "2")]),
        # Two of the same, made by two calls at once: the one at work stays.
        ([one(), one("2", at_work=True)], [(Act.KEEP, "2"), (Act.DISABLE, "1"), (Act.DELETE, "1")]),
        # Somebody switched it off by hand: git says that it is on.
        ([one(enabled=False)], [(Act.DELETE, "1"), (Act.CREATE, "")]),
        ([one("9", name="theirs", made_of="x"), one()], [(Act.KEEP, "1")]),
    ],
)
def test_what_is_done(existing, expected):
    assert [(action.act, action.recurring_id) for action in reconcile({NAME: "new"}, existing)] == expected


def test_what_git_no_longer_names_goes():
    actions = reconcile({}, [one(), one("2", at_work=True)])
    assert [(action.act, action.recurring_id) for action in actions] == [
        (Act.DISABLE, "2"),
        (Act.DISABLE, "1"),
        (Act.DELETE, "1"),
    ]


@pytest.mark.parametrize("cron", ["", "0 5 * * 1", "0 5 * * * * *", "0 5 * * * rm"])
def test_a_cron_of_other_than_six_fields_is_named(cron):
    with pytest.raises(InputError, match="cron: got"):
        Schedule(cron)


def test_a_wrong_file_is_told_where_kubeflow_is_not_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KFP_ENDPOINT", "http://127.0.0.1:9")
    (tmp_path / "wrong.toml").write_text('[training]\ncron = "* * *"\n')
    assert main(["--file", str(tmp_path / "wrong.toml")]) == 2
    assert "wrong.toml: training.cron: got '* * *'" in capsys.readouterr().err
    (tmp_path / "right.toml").write_text("")
    assert main(["--file", str(tmp_path / "right.toml")]) == 1
