"""Replayed time: each stretch finds the features and labels that a run at its beginning would have found, no later."""

import argparse
import csv
import io
import json
import sys
from datetime import timedelta

import pytest
from kiosks import START, at, write_data, write_use_case
from test_materialize import fact, read_all
from windsock.contracts.clock import format_time
from windsock.features.online_store import parse_address
from windsock.features.replay import main, open_replay, write_labels
from windsock.features.repository import open_repository

DAY = 24 * 60
FACTS = [fact("k0", None, 1.0, 0, 5), fact("k0", None, 2.0, 100, 130), fact("k0", None, 3.0, 110, 300),
         fact("k1", 1, 4.0, 125, 126)]  # fmt: skip
# Asked half an hour before: at minute 120, 150, 170 (known too late: left out), a day later, and before the replay.
PLANS = [("k0", 1, at(150), 5.0, at(1)), ("k1", 1, at(180), 6.0, at(2)), ("k2", 1, at(200), 7.0, at(171)),
         ("k0", 1, at(DAY + 150), 8.0, at(3)), ("k3", 1, at(100), 9.0, at(4))]  # fmt: skip
SALES = [("k0", at(150), True, at(200)), ("k1", at(180), False, at(DAY + 400)), ("k3", at(100), True, at(101))]


@pytest.fixture
def options(tmp_path):
    return argparse.Namespace(
        use_case=write_use_case(tmp_path / "use_case"),
        data=write_data(tmp_path / "data", facts=FACTS, plans=PLANS, sales=SALES),
        online_store=f"sqlite:///{tmp_path / 'online.db'}",
        labels=tmp_path / "labels.csv",
        since=format_time(at(90)),
        until=format_time(at(2 * DAY)),
        stretch_minutes=60,
        labels_since="",
        requests_only=False,
        continues=False,
    )


def stock_of(options, kiosk):
    online = parse_address(options.online_store).feast
    repository = open_repository(options.use_case, options.use_case, options.labels.with_name("other.db"), online)
    return read_all(repository, "stock")[kiosk,]


def labels(options):
    return [(row["key"], row["label"]) for row in csv.DictReader(io.StringIO(options.labels.read_text()))]


def test_a_stretch_knows_what_was_known_at_its_beginning(options):
    with open_replay(options) as replay:
        stretches = replay.stretches()
        first = next(stretches)
        assert (first["at"], [one["kiosk"] for one in first["requests"]]) == (format_time(at(90)), ["k0"])
        assert stock_of(options, "k0")[1]["amount"] == 1.0, "the newer fact was told at minute 130"
        second = next(stretches)
        assert (second["at"], [one["kiosk"] for one in second["requests"]]) == (format_time(at(150)), ["k1"])
        assert stock_of(options, "k0")[1]["amount"] == 2.0
        assert labels(options) == []
        third = next(stretches)
        assert third["at"] == format_time(at(DAY + 90))
        assert third["requests"] == [{"kiosk": "k0", "street": 1, "opens_at": format_time(at(DAY + 150)), "price": 8.0}]
        assert stock_of(options, "k0")[1]["amount"] == 3.0
        # A day must pass before a label counts, which at minute 1,530 it has for what opened at minute 90 or before.
        assert labels(options) == [], "k3 opened at minute 100"
        assert list(stretches) == []


def test_what_is_brought_bit_by_bit_is_what_is_brought_at_once(options, tmp_path):
    options.stretch_minutes = 7
    with open_replay(options) as replay:
        last = [stretch["at"] for stretch in replay.stretches()][-1]
        bit_by_bit = {view: replay.ledger.digests(view) for view in replay.repository.views}
    options.since, options.online_store = last, f"sqlite:///{tmp_path / 'at_once.db'}"
    with open_replay(options) as replay:
        next(replay.stretches())
        assert {view: replay.ledger.digests(view) for view in replay.repository.views} == bit_by_bit
    assert any(bit_by_bit.values())


def test_day_by_day_from_facts_of_late_is_what_is_brought_at_once_from_all_of_them(options, tmp_path):
    settings = options.use_case / "use_case.toml"
    told = settings.read_text().replace("[views.stock]", "[views.stock]\nlooks_back_days = 1")
    settings.write_text(told.replace("[views.weather]", "[views.weather]\nlooks_back_days = 1"))
    # The last fact corrects one of two days before, by then too old to be used.
    facts = [fact("k0", None, float(hour), hour * 60, hour * 60 + 5) for hour in range(2, 118)]
    facts += [fact("k1", None, 7.0, 200, 210), fact("k0", None, 99.0, DAY + 7, 3 * DAY + 30)]
    plans = [("k0", 1, at(60 * hour), 5.0, at(1)) for hour in range(3, 118)]
    write_data(options.data, facts=facts, plans=plans, sales=SALES)

    def digests(store, days, continues):
        options.online_store, options.continues, reached = f"sqlite:///{tmp_path / store}.db", continues, []
        for day in days:
            options.since, options.until = format_time(at(day * DAY + 60)), format_time(at((day + 1) * DAY + 60))
            with open_replay(options) as replay:
                reached.append(replay.brought is not None)
                assert list(replay.stretches())
                last = {view: replay.ledger.digests(view) for view in replay.repository.views}
        return last, reached

    by_day, reached = digests("by_day", range(4), True)
    at_once, _ = digests("at_once", [3], False)
    assert reached == [False, True, True, True]
    assert by_day["stock"].keys() - at_once["stock"].keys() == set()
    assert {key: by_day["stock"][key] for key in at_once["stock"]} == at_once["stock"]


def test_without_a_look_back_all_facts_are_read_and_news_alone_are_written(options):
    options.stretch_minutes = DAY
    with open_replay(options) as replay:
        list(replay.stretches())
        reached = replay.ledger.until("stock")
    options.continues, options.since, options.until = True, format_time(at(2 * DAY)), format_time(at(4 * DAY))
    with open_replay(options) as replay:
        assert format_time(replay.brought) == reached


@pytest.mark.parametrize("of_later", [True, False])
def test_a_store_that_is_elsewhere_is_not_gone_on_with(options, of_later):
    with open_replay(options) as replay:
        if of_later:
            list(replay.stretches())
    options.continues = True
    with open_replay(options) as replay:
        assert replay.brought is None


def test_labels_come_once_they_are_settled_and_not_from_before_the_replay(options):
    options.stretch_minutes = DAY
    options.since = format_time(at(110))
    with open_replay(options) as replay:
        assert [stretch["labels"] for stretch in replay.stretches()] == [0, 0]
        assert write_labels(replay.history.earlier(at(DAY + 180)), options.labels, at(110)) == 1
        assert write_labels(replay.history.earlier(at(DAY + 400)), options.labels, at(110)) == 2
    assert labels(options)[0] == (f"k0/{format_time(at(150))}", "1")


def test_a_replay_that_goes_on_tells_the_labels_of_before_when_asked(options):
    options.stretch_minutes = DAY
    options.since = format_time(at(DAY))
    with open_replay(options) as replay:
        list(replay.stretches())
    assert labels(options) == []
    options.labels_since, options.until = format_time(at(110)), format_time(at(4 * DAY))
    with open_replay(options) as replay:
        assert write_labels(replay.history, options.labels, replay.labels_since) == 2
    assert labels(options)[0] == (f"k0/{format_time(at(150))}", "1")


def test_with_refused_data_the_questions_go_on_and_the_features_stay(options):
    options.requests_only = True
    with open_replay(options) as replay:
        stretches = list(replay.stretches())
        assert [stretch["rows_written"] for stretch in stretches] == [0, 0, 0]
        assert all(stretch["requests"] for stretch in stretches)
        assert replay.begins_at == at(90)


def test_a_later_replay_goes_on_where_the_store_is(options):
    with open_replay(options) as replay:
        assert len(list(replay.stretches())) == 3
    with open_replay(options) as replay:
        assert replay.begins_at == START + timedelta(days=1, minutes=90)
        assert len(list(replay.stretches())) == 1


def test_the_command_answers_a_line_with_a_line_and_then_ends(options, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO("next\n" * 4))
    given = {name: value for name, value in vars(options).items() if name not in ("requests_only", "continues")}
    words = [f"--{name.replace('_', '-')}={value}" for name, value in given.items()]
    assert main(words) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(answer["requests"]) for answer in answers] == [1, 1, 1, 0]
    assert main([*words[:-2], "--until", "soon", words[-1]]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
