"""The request path with its real parts: whatever breaks, a valid request is answered in time, with its reason."""

import asyncio
import shutil
import signal
import sqlite3
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import stage
from onnx import TensorProto, helper, numpy_helper
from windsock.contracts.call import Call
from windsock.contracts.journal import NotRecorded, Recorder
from windsock.contracts.record import Prediction
from windsock.contracts.recorded import PATIENCE
from windsock.predictor.answer import CLOCKS, Answerer, OverloadError
from windsock.predictor.metrics import Metrics
from windsock.predictor.release import load_release
from windsock.predictor.store import open_reader

ULM = {"line": "RE1", "station": "Ulm", "platform": 7, "load": 0.5, "due_at": stage.DUE}
# One row by hand: load, waiting, delay, share and closed of the stage, through the logistic model.
BY_MODEL = 1 / (1 + np.exp(-(0.5 + 0.4 + 0.125 + 0.5 + 1.0 + stage.BIAS)))


class Memory:
    """Keeps what the journal was given, and gives it to the journal."""

    def __init__(self, recorder):
        self.recorder = recorder
        self.predictions: list[Prediction] = []

    async def append(self, predictions, within_s):
        await self.recorder.append(predictions, within_s)
        self.predictions += predictions


class Road:
    """A request path over a release and a store, inside an event loop."""

    def __init__(self, bundle, plan, store, tmp_path):
        known = tmp_path / "known"
        stage.note_plan(bundle, known)
        self.release = load_release(bundle.artifact.path, known=known)
        self.store = store
        self.directory = tmp_path / "record"

    def run(self, scenario):
        return asyncio.run(self._run(scenario))

    async def _run(self, scenario):
        serving = self.release.use_case.serving
        recorder = Recorder.open(self.directory, (self.directory / "shipped").as_uri(), serving.record, "test")
        self.record = Memory(recorder)
        self.metrics = Metrics(dict)
        self.metrics.serves(self.release.digest)
        timeout_s = serving.features_ms / 1000
        self.answerer = Answerer(
            self.release,
            self.record,
            self.metrics,
            lambda plan: open_reader(str(self.store), plan, timeout_s),
            CLOCKS["request"],
        )
        try:
            return await scenario(self)
        finally:
            self.answerer.workers.close()
            recorder.close()

    async def ask(self, *rows, deadline_ms=1500):
        answered = await self.answerer.answer(list(rows), Call(deadline_ms), time.monotonic())
        return answered.answers

    async def reason(self, row=ULM, **more):
        (answer,) = await self.ask(row, **more)
        assert (answer.answered_by == "rules") == bool(answer.reason)
        assert answer.probability == (pytest.approx(BY_MODEL, abs=1e-6) if not answer.reason else 0.1)
        return answer.reason


@pytest.fixture
def path(bundle, plan, sqlite_store, tmp_path):
    return Road(bundle, plan, sqlite_store, tmp_path)


def test_a_model_answers_and_the_record_holds_all_that_it_used(path):
    async def scenario(path):
        (answer,) = await path.ask(ULM)
        assert (answer.answered_by, answer.reason, answer.decision) == ("model", "", "act")
        assert answer.probability == pytest.approx(BY_MODEL, abs=1e-6)
        (record,) = path.record.predictions
        assert record.prediction_id == answer.prediction_id
        assert record.release == path.release.digest == answer.release
        assert record.row == (0.5, 40.0, 2.5, 0.25, 1.0)
        assert record.features["station_now__weather"] == "rain"
        assert record.feature_times["station_now"] == stage.NOW - timedelta(seconds=600)
        assert record.key == "RE1/Ulm/2013-07-01T13:00:00Z"
        assert record.probability == answer.probability
        assert Prediction.decode(record.encode()) == record

    path.run(scenario)


def test_in_recorded_time_the_record_says_when_it_was_asked_and_times_by_the_same_measure(path, bundle, tmp_path):
    usual = path.release
    path.release = load_release(bundle.artifact.path, known=tmp_path / "known", recorded=True)
    assert path.release.use_case.serving.deadline_ms == PATIENCE * usual.use_case.serving.deadline_ms

    async def scenario(path):
        began = time.monotonic()
        await path.ask(ULM, deadline_ms=path.release.use_case.serving.deadline_ms)
        took_s = time.monotonic() - began
        (record,) = path.record.predictions
        assert record.predicted_at == stage.DUE - timedelta(hours=1)
        assert record.deadline_s == usual.use_case.serving.deadline_ms / 1000
        assert 0 < record.latency_s <= took_s / PATIENCE
        assert Prediction.decode(record.encode()) == record

    path.run(scenario)


@pytest.mark.parametrize(
    "change, reason",
    [
        ({}, ""),
        ({"station": "Bonn"}, "features_stale"),
        ({"station": "Köln"}, "features_future"),
        ({"station": "Nowhere"}, "features_missing"),
        ({"due_at": stage.DUE + timedelta(hours=2)}, "features_stale"),
        ({"due_at": stage.DUE - timedelta(hours=2)}, "features_future"),
        ({"due_at": datetime(1, 1, 1, tzinfo=UTC)}, "features_future"),
    ],
)
def test_a_required_view_that_cannot_be_used_gives_the_rules(path, change, reason):
    assert path.run(lambda path: path.reason(ULM | change)) == reason


def test_an_optional_view_that_is_stale_is_a_missing_value(path):
    async def scenario(path):
        (answer,) = await path.ask(ULM | {"line": "RE2", "platform": 1})
        assert answer.answered_by == "model"
        row = path.record.predictions[0].row
        assert np.isnan(row[3])
        assert np.isnan(row[4])
        assert path.record.predictions[0].feature_times["line_record"] is None

    path.run(scenario)


def test_each_row_of_a_batch_has_its_own_answer(path):
    async def scenario(path):
        answers = await path.ask(ULM, ULM | {"station": "Bonn", "load": 0.9}, ULM)
        assert [(each.answered_by, each.reason) for each in answers] == [
            ("model", ""),
            ("rules", "features_stale"),
            ("model", ""),
        ]
        assert answers[0].probability == answers[2].probability
        assert answers[1].probability == 0.6
        assert len({each.prediction_id for each in answers}) == 3
        assert len(path.record.predictions) == 3

    path.run(scenario)


def test_a_store_that_is_gone_opens_the_breaker_and_comes_back(bundle, plan, sqlite_store, tmp_path):
    path = Road(bundle, plan, tmp_path / "online.db", tmp_path)

    async def scenario(path):
        reasons = [await path.reason() for _ in range(5)]
        assert reasons == ["features_down"] * 3 + ["features_open"] * 2
        assert path.answerer.model_fault == "features_open"
        shutil.copy(sqlite_store, path.store)
        await asyncio.sleep(0.35)
        assert await path.reason() == ""
        assert path.answerer.model_fault == ""

    path.run(scenario)


def test_a_killed_redis(bundle, plan, own_redis, tmp_path):
    url, process = own_redis

    async def scenario(path):
        assert await path.reason() == ""
        process.kill()
        process.wait(10)
        assert await path.reason() == "features_down"

    Road(bundle, plan, url, tmp_path).run(scenario)


def test_a_frozen_redis_costs_its_time_only_until_the_breaker_opens(bundle, plan, own_redis, tmp_path):
    url, process = own_redis

    async def scenario(path):
        assert await path.reason() == ""
        process.send_signal(signal.SIGSTOP)
        reasons = []
        for _ in range(8):
            reasons.append(await path.reason())
        assert set(reasons) <= {"features_slow", "features_busy", "features_open"}
        assert reasons[0] == "features_slow"
        assert path.answerer.model_fault
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.5)
        for _ in range(20):
            if await path.reason() == "":
                return
            await asyncio.sleep(0.1)
        pytest.fail("the store came back, but the model did not")

    Road(bundle, plan, url, tmp_path).run(scenario)


def test_a_redis_that_takes_seconds(bundle, plan, own_redis, tmp_path):
    import redis

    async def scenario(path):
        assert await path.reason() == ""
        with redis.Redis.from_url(own_redis[0]) as client:
            client.client_pause(3000)
        assert await path.reason() == "features_slow"

    Road(bundle, plan, own_redis[0], tmp_path).run(scenario)


def test_garbage_in_the_store(bundle, plan, sqlite_store, tmp_path):
    shutil.copy(sqlite_store, tmp_path / "online.db")
    with sqlite3.connect(tmp_path / "online.db") as connection:
        connection.execute("update trains_station_now set value = ? where feature_name = 'delay'", [b"\x12\x02ab"])
    connection.close()
    path = Road(bundle, plan, tmp_path / "online.db", tmp_path)
    assert path.run(lambda path: path.reason()) == "features_invalid"


def broken_use_case(tmp_path, derive):
    """The stage's use case with another `derive.py`."""
    directory = tmp_path / "use_case"
    shutil.copytree(stage.TRAINS, directory, ignore=shutil.ignore_patterns("__pycache__"))
    head = "import time\nCOLUMNS = ('load', 'waiting', 'delay', 'line_late_share', 'closed')\n"
    (directory / "derive.py").write_text(head + f"def derive(request, features):\n    {derive}\n")
    return directory


@pytest.mark.parametrize(
    "derive, reason",
    [
        ("raise KeyError('x')", "derive_failed"),
        ("return 1 / 0", "derive_failed"),
        ("return ('a', 'b', 'c', 'd', 'e')", "derive_failed"),
        ("return (1.0,)", "derive_failed"),
        ("return (1.0,) * 6", "derive_failed"),
        ("return None", "derive_failed"),
        ("return ([1.0],) * 5", "derive_failed"),
    ],
)
def test_a_derive_that_breaks(plan, sqlite_store, tmp_path, derive, reason):
    bundle = stage.make_bundle(tmp_path / "release", use_case=broken_use_case(tmp_path, derive))
    assert Road(bundle, plan, sqlite_store, tmp_path).run(lambda path: path.reason()) == reason


def test_a_model_that_hangs_costs_only_the_deadline_and_then_nothing(plan, sqlite_store, tmp_path):
    use_case = broken_use_case(tmp_path, "time.sleep(6.0); return (0.0,) * 5")
    bundle = stage.make_bundle(tmp_path / "release", use_case=use_case)

    async def scenario(path):
        together = [asyncio.create_task(path.reason()) for _ in range(2)]
        assert [await each for each in together] == ["model_slow"] * 2
        assert await path.reason() == "model_busy"
        assert path.answerer.model_fault == "model_busy"

    Road(bundle, plan, sqlite_store, tmp_path).run(scenario)


def model_of(operator, inputs, **attributes):
    """An ONNX model over the five columns, of one operator."""
    node = helper.make_node(operator, inputs, ["probability"], **attributes)
    rows = helper.make_tensor_value_info("rows", TensorProto.FLOAT, [None, 5])
    out = helper.make_tensor_value_info("probability", TensorProto.FLOAT, [None, None])
    nothing = numpy_helper.from_array(np.array([np.nan], np.float32), "nothing")
    nine = numpy_helper.from_array(np.array([9], np.int64), "nine")
    graph = helper.make_graph([node], "broken", [rows], [out], [nothing, nine])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10).SerializeToString()


@pytest.mark.parametrize(
    "model, reason",
    [
        pytest.param(model_of("Add", ["rows", "nothing"]), "model_invalid", id="not a number"),
        pytest.param(model_of("Exp", ["rows"]), "model_invalid", id="above one"),
        pytest.param(model_of("Gather", ["rows", "nine"], axis=1), "model_failed", id="raises"),
        pytest.param(model_of("Transpose", ["rows"]), "model_failed", id="five answers for one row"),
    ],
)
def test_a_model_that_breaks(plan, sqlite_store, tmp_path, model, reason):
    bundle = stage.make_bundle(tmp_path / "release", model=model)
    assert Road(bundle, plan, sqlite_store, tmp_path).run(lambda path: path.reason()) == reason


def test_rules_that_break_their_promise_still_answer(plan, sqlite_store, tmp_path):
    directory = tmp_path / "use_case"
    shutil.copytree(stage.TRAINS, directory, ignore=shutil.ignore_patterns("__pycache__"))
    (directory / "fallback.py").write_text("def probability(request):\n    return float('nan')\n")
    bundle = stage.make_bundle(tmp_path / "release", use_case=directory)

    async def scenario(path):
        (answer,) = await path.ask(ULM | {"station": "Nowhere"})
        assert (answer.probability, answer.decision, answer.answered_by) == (0.0, "skip", "rules")

    Road(bundle, plan, sqlite_store, tmp_path).run(scenario)


def test_a_release_of_rules_answers_by_rules(plan, sqlite_store, tmp_path):
    bundle = stage.make_bundle(tmp_path / "release", model=b"")
    assert Road(bundle, plan, sqlite_store, tmp_path).run(lambda path: path.reason()) == "rules_release"


def test_a_deadline_of_five_milliseconds_is_answered_all_the_same(path):
    async def scenario(path):
        for _ in range(20):
            (answer,) = await path.ask(ULM, deadline_ms=5)
            assert answer.reason in ("", "features_slow", "features_busy", "model_slow", "deadline")

    path.run(scenario)


def test_beyond_the_bound_requests_are_shed_at_once(plan, sqlite_store, tmp_path):
    use_case = broken_use_case(tmp_path, "time.sleep(0.02); return (0.0,) * 5")
    bundle = stage.make_bundle(tmp_path / "release", use_case=use_case)

    async def scenario(path):
        bound = path.release.use_case.serving.requests_at_once
        tasks = [asyncio.create_task(path.ask(ULM)) for _ in range(bound)]
        await asyncio.sleep(0)
        with pytest.raises(OverloadError):
            await path.ask(ULM)
        answers = [answer for task in tasks for answer in await task]
        assert len(answers) == bound
        assert path.answerer.in_work == 0
        assert len(path.record.predictions) == bound

    Road(bundle, plan, sqlite_store, tmp_path).run(scenario)


def test_an_answer_that_cannot_be_recorded_does_not_leave(path):
    async def scenario(path):
        path.record.recorder.close()
        with pytest.raises(NotRecorded):
            await path.ask(ULM)
        assert path.answerer.in_work == 0

    path.run(scenario)


def test_another_release_takes_over_between_two_requests(path, plan, tmp_path):
    other = stage.make_bundle(tmp_path / "other", threshold=0.9)
    stage.note_plan(other, tmp_path / "known")
    release = load_release(other.artifact.path, known=tmp_path / "known")

    async def scenario(path):
        (before,) = await path.ask(ULM)
        path.answerer.take(release)
        (after,) = await path.ask(ULM)
        assert (before.decision, after.decision) == ("act", "skip")
        assert (before.release, after.release) == (path.release.digest, other.digest)
        assert before.probability == after.probability

    path.run(scenario)


def test_the_metrics_tell_who_answered_and_why(path):
    async def scenario(path):
        await path.ask(ULM, ULM | {"station": "Bonn"})
        text = path.metrics.render().decode()
        release = path.release.digest[:19]
        assert f'windsock_answers_total{{answered_by="model",reason="",release="{release}"}} 1.0' in text
        assert f'answered_by="rules",reason="features_stale",release="{release}"}} 1.0' in text
        assert 'windsock_feature_age_seconds{view="line_record"} 600.0' in text

    path.run(scenario)


def test_series_of_releases_long_gone_are_dropped(path):
    async def scenario(path):
        for number in range(50):
            path.metrics.serves(f"sha256:{number:064d}")
        await path.ask(ULM)
        assert len(path.metrics._answers) <= 4

    path.run(scenario)
