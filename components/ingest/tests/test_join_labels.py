"""The join as a step: real batches of records, a snapshot, a small use case; whatever comes in whatever order."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from answered import START, answer, at
from pyarrow import parquet
from windsock.contracts.artifact import Origin, new_artifact, open_artifact
from windsock.contracts.clock import format_time
from windsock.contracts.errors import InputError
from windsock.contracts.journal.lines import encode_lines
from windsock.contracts.journal.sinks import batch_name
from windsock.contracts.record import Prediction, entity_key
from windsock.contracts.record_chain import genesis, seal
from windsock.contracts.step import Step
from windsock.contracts.use_case_code import pack_use_case
from windsock.ingest import join_labels

USE_CASE = Path(__file__).parents[3] / "tests" / "journeys" / "other_use_case"
AS_OF = START + timedelta(days=4)
WRITER = "predictor-0.018f3c5e-0000-7000-8000-000000000000"


class World:
    """A sink, a snapshot and a packed use case, and the step on them."""

    def __init__(self, root: Path) -> None:
        self.root, self.shipped, self.head = root, 0, genesis(WRITER)
        self.sink = root / "records"
        self.sink.mkdir()
        self.use_case = pack_use_case(USE_CASE, root / "packed")
        self.labels: list[tuple[int, float, str, float]] = []
        self.runs = 0

    def ship(self, *answers: Prediction, again: bool = False) -> None:
        head, links = self.head, []
        for one in answers:
            link = seal(WRITER, head, one.encode())
            head = replace(head, sequence=link.sequence, digest=link.digest)
            links.append(link)
        content, first_day, last_day = encode_lines(links)
        name = batch_name(WRITER, links[0].sequence, links[-1].sequence, first_day, last_day, "jsonl")
        path = self.sink / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        if not again:
            self.head = head

    def label(self, pump: int, hours: float, tripped: str, known: float) -> None:
        self.labels.append((pump, hours, tripped, known))

    def snapshot(self) -> Path:
        target = self.root / f"snapshot-{self.runs}"
        stamp = pa.timestamp("us", tz="UTC")
        shifts = sorted({(pump, hours) for pump, hours, *_ in self.labels} | {(99, 0)})
        with new_artifact(target, "snapshot", Origin("snapshot_data")) as directory:
            planned = {
                "pump": [pump for pump, _ in shifts],
                "site": ["north"] * len(shifts),
                "load": [0.5] * len(shifts),
                "starts_at": pa.array([at(hours) for _, hours in shifts], stamp),
                "planned_at": pa.array([START] * len(shifts), stamp),
            }
            trips = {
                "pump": pa.array([row[0] for row in self.labels], pa.int64()),
                "starts_at": pa.array([at(row[1]) for row in self.labels], stamp),
                "tripped": pa.array([row[2] for row in self.labels], pa.string()),
                "logged_at": pa.array([at(row[3]) for row in self.labels], stamp),
            }
            parquet.write_table(pa.table(planned), directory / "shifts.parquet")
            parquet.write_table(pa.table(trips), directory / "trips.parquet")
            parquet.write_table(pa.table({"pump": [1]}), directory / "readings.parquet")
        return target

    def run(self, as_of: datetime = AS_OF):
        self.runs += 1
        out = self.root / f"out-{self.runs}"
        inputs = {"use_case": self.use_case.path, "records": self.sink, "snapshot": self.snapshot()}
        executor_input = {
            "inputs": {
                "artifacts": {name: {"artifacts": [{"uri": str(path)}]} for name, path in inputs.items()},
                "parameterValues": {"as_of": as_of.isoformat()},
            },
            "outputs": {
                "artifacts": {
                    name: {"artifacts": [{"name": name, "uri": str(out / name)}]}
                    for name in ("labelled", "report", "metrics")
                },
                "outputFile": str(out / "executor_output.json"),
            },
        }
        step = Step("join_labels", executor_input, {})
        join_labels.run(step)
        step.finish()
        self.report = (out / "report").read_text()
        artifact = open_artifact(out / "labelled", "labelled")
        return artifact, parquet.read_table(artifact.path / join_labels.FILE)


@pytest.fixture
def world(tmp_path) -> World:
    return World(tmp_path)


def states(table) -> dict[str, tuple[str, int | None]]:
    return {row["key"].split("/")[0]: (row["state"], row["label"]) for row in table.to_pylist()}


def test_every_answer_keeps_its_row_and_says_what_is_known(world):
    world.ship(answer(1, 1), answer(2, 2), answer(3, 3), answer(4, 80), answer(5, 90))
    world.label(1, 1, "true", 8)
    world.label(2, 2, "false", 200)  # Known after as_of.
    world.label(4, 80, "true", 81)  # Early, of a day that is not mature.
    artifact, table = world.run()
    assert states(table) == {
        "1": ("labelled", 1),
        "2": ("unknown", None),
        "3": ("unknown", None),
        "4": ("open", 1),
        "5": ("open", None),
    }
    assert {name: artifact.details[name] for name in ("answers", "labelled", "unknown", "open")} == {
        "answers": 5,
        "labelled": 1,
        "unknown": 2,
        "open": 2,
    }
    # A rollout judges by what is due and known; an early label would be one of few.
    assert (artifact.path / join_labels.LABELS).read_text().splitlines() == [
        "key,label,event_time",
        f"{table.to_pylist()[0]['key']},1,{format_time(at(1))}",
    ]
    first = table.to_pylist()[0]
    assert first["request__load"] == 0.5
    assert first["row"][0] == 1.0
    assert first["row"][1] != first["row"][1]
    assert "How long labels take" in world.report
    assert "<svg" in world.report


def test_a_later_label_changes_no_earlier_answer_and_settles_a_later_one(world):
    world.ship(answer(1, 1))
    world.label(1, 1, "false", 90)
    assert states(world.run(at(72))[1]) == {"1": ("unknown", None)}
    assert states(world.run(at(96))[1]) == {"1": ("labelled", 0)}


def test_running_again_gives_the_same_digest_whatever_the_order_of_delivery(world, tmp_path):
    answers = [answer(pump, pump) for pump in range(1, 6)]
    world.ship(*answers[:2])
    world.ship(*answers[2:])
    for pump in (3, 1, 2):
        world.label(pump, pump, "true", 10 + pump)
    first = world.run()[0].digest
    assert world.run()[0].digest == first
    (tmp_path / "other").mkdir()
    other = World(tmp_path / "other")
    other.ship(*reversed(answers))
    for pump in (1, 2, 3):
        other.label(pump, pump, "true", 10 + pump)
    assert other.run()[0].digest == first


def test_of_several_answers_about_one_thing_the_last_counts_and_no_copy_is_one(world):
    early, late = answer(1, 1), answer(1, 1, predicted_at=at(0.5), decision=False)
    shadow = answer(1, 1, predicted_at=at(0.9), role="shadow")
    world.ship(late, early, shadow)
    world.label(1, 1, "true", 5)
    artifact, table = world.run()
    assert sorted((row["decision"], row["counts"]) for row in table.to_pylist()) == [(False, True), (True, False)]
    assert (artifact.details["read"], artifact.details["copies"], artifact.details["answers"]) == (3, 1, 2)


def test_answers_of_after_as_of_are_not_seen(world):
    world.ship(answer(1, 1), answer(2, 120))
    artifact, table = world.run()
    assert table.num_rows == 1
    assert (artifact.details["read"], artifact.details["later"]) == (2, 1)


def test_an_answer_of_the_very_moment_belongs_to_the_day_that_begins_with_it(world):
    """That day may be asked while this one is watched: whether its first answer is there would be chance."""
    world.ship(answer(1, 1, predicted_at=AS_OF), answer(2, 1, predicted_at=AS_OF - timedelta(microseconds=1)))
    artifact, table = world.run()
    assert [row["key"] for row in table.to_pylist()] == [entity_key((2, at(1)))]
    assert artifact.details["later"] == 1


def test_a_record_that_was_changed_is_no_evidence(world):
    world.ship(answer(1, 1), answer(2, 2))
    batch = next(world.sink.rglob("*.jsonl"))
    batch.write_bytes(batch.read_bytes().replace(b'\\"decision\\":true', b'\\"decision\\":false', 1))
    artifact, table = world.run()
    assert table.num_rows == 1
    assert artifact.details["faults"] == 1
    batch.write_bytes(b"{nothing\n")
    assert world.run()[0].details["unreadable"] == 1


def test_a_batch_that_came_twice_counts_once(world):
    world.ship(answer(1, 1), answer(2, 2))
    world.head = genesis(WRITER)
    batch = next(world.sink.rglob("*.jsonl"))
    copy = batch.with_name(batch_name(WRITER, 1, 2, "2020-02-29", "2020-03-01", "jsonl").split("/")[1])
    if copy != batch:
        copy.write_bytes(batch.read_bytes())
    assert world.run()[1].num_rows == 2


def test_no_record_at_all_is_an_empty_table_and_no_crash(world):
    artifact, table = world.run()
    assert table.num_rows == 0
    assert artifact.details["answers"] == 0
    assert "inconclusive" in world.report


def test_labels_that_are_none_are_refused_by_name(world):
    world.ship(answer(1, 1))
    world.label(1, 1, "true", 5)
    broken = world.root / "broken"
    with new_artifact(broken, "use_case", Origin("pack")) as directory:
        for path in world.use_case.path.iterdir():
            if path.is_file() and path.name != "manifest.json":
                (directory / path.name).write_bytes(path.read_bytes())
        query = (directory / "labels.sql").read_text()
        (directory / "labels.sql").write_text(query.replace("(tripped = 'true')::tinyint", "7"))
    world.use_case = replace(world.use_case, path=broken)
    with pytest.raises(InputError, match="tripped"):
        world.run()
