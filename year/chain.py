"""The chain of a year: each stage by the very command that a person would type, in a home of the year's own."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from windsock.contracts.errors import EXIT_REFUSED, InputError
from windsock.contracts.files import read_json, write_text
from windsock.contracts.recorded import CLOCK
from windsock.contracts.release import Bundle, Registry
from windsock.contracts.rollout_settings import FULL
from windsock.contracts.threads import THREADS
from windsock.contracts.use_case_code import pack_use_case
from windsock.contracts.warm import Command, run

from pipelines.runners.environment import STEP_ENVIRONMENT
from pipelines.workspace import REPOSITORY, Workspace
from year.plan import Due, Period, Stage
from year.scenario import Scenario
from year.ungated import train_ungated

READY_S = 600.0
STOP_S = 60.0
# An hour's questions go in calls of so many; while two releases share them each goes alone: the split is by call.
BATCH_ROWS = 60
# While a model is trained the day after it has been asked, and all that is left runs ahead and is nice.
PROCESSORS = os.cpu_count() or 1
# A rollout that the evidence has not decided for so long is ended by hand, as by a person who was alerted.
UNDECIDED_DAYS = 42


@dataclass(frozen=True)
class Said:
    """How a command ended, and its last line on standard output."""

    exit_code: int
    last_line: str


class Chain:
    """Runs stages; everything they make lies below `home`. Two of them may run at once: one ahead, one served."""

    def __init__(self, home: Path, scenario: Scenario | None, environment: Mapping[str, str]) -> None:
        self.home, self.scenario = home, scenario
        self.workspace = Workspace(home)
        self.registry = Registry(self.workspace.releases)
        # Three lanes share the processors: threads of one would only wait for those of another.
        self.environment = {**os.environ, THREADS: "1", **environment, "WINDSOCK_HOME": str(home)}
        # By the day on which a period ends: the run that judged its data.
        self.judged: dict[date, dict[str, Any]] = {}
        self.watched: Path | None = None
        self._old: list[Path] = []
        self.ungated: dict[date, str] = {}
        self.tried_since: date | None = None
        self.weight = 0

    @property
    def trying(self) -> bool:
        """Whether a release is led through its canary."""
        return self.tried_since is not None

    def run(self, due: Due) -> tuple[int, dict[str, Any]]:
        """Runs a stage; returns its exit code and its figures.

        Raises:
            InputError: it broke: what a gate or a judge refuses is no break.
        """
        code, figures = self._stages[due.stage](due)
        self.remember(due, figures)
        return code, figures

    def remember(self, due: Due, figures: Mapping[str, Any]) -> None:
        """Takes in what a stage said, in this process or in one that was killed: later stages go by it."""
        if due.stage == Stage.JUDGE:
            self.judged[due.period.until] = dict(figures)
        elif due.stage == Stage.MONITOR:
            self._old += [self.watched] if self.watched else []
            self.watched = Path(figures["run"])
        elif due.stage == Stage.UNGATED:
            self.ungated[due.period.until] = figures["release"]
        elif due.stage == Stage.LEAD:
            self.tried_since = date.fromisoformat(figures["since"]) if figures["phase"] != "idle" else None
            self.weight = int(figures.get("weight", 0))

    @property
    def _stages(self) -> Mapping[Stage, Callable[[Due], tuple[int, dict[str, Any]]]]:
        return {
            Stage.TRAIN: self._train,
            Stage.DELIVER: self._deliver,
            Stage.JUDGE: self._judge,
            Stage.UNGATED: self._ungated,
            Stage.REPLAY: self._replay,
            Stage.MONITOR: self._monitor,
            Stage.RETRAIN: self._retrain,
            Stage.LEAD: self._lead,
            Stage.COUNT: self._count,
        }

    def command(self, folder: str, module: str, *words: str, log: str = "year", threads: int = 1) -> Said:
        """Runs a command in a folder's environment; what it says goes to a log of the year's."""
        environment = {**self.environment, THREADS: str(threads)}
        python = REPOSITORY / folder / ".venv" / "bin" / "python"
        if not python.exists():
            raise InputError("environment", f"{folder}/.venv", "a prepared one: run `make environments`")
        with (self.home / f"{log}.log").open("a", encoding="utf-8") as said, TemporaryFile("w+") as told:
            print(f"$ {folder} {module} {' '.join(words)}", file=said, flush=True)
            with open(os.devnull, "rb") as nothing:
                code = run(Command(python, module, words, REPOSITORY, environment), nothing, told, said)
            told.seek(0)
            text = told.read()
            said.write(text)
        return Said(code, text.strip().rpartition("\n")[2])

    def must(
        self, folder: str, module: str, *words: str, also: tuple[int, ...] = (), log: str = "year", threads: int = 1
    ) -> Said:
        """The same, for a command that may end with 0 or with one of `also`.

        Raises:
            InputError: it ended otherwise.
        """
        said = self.command(folder, module, *words, log=log, threads=threads)
        if said.exit_code not in (0, *also):
            what = f"{folder} {module} {' '.join(words[:4])}"
            raise InputError(what, said.exit_code, f"an exit code of 0; see {self.home / log}.log")
        return said

    def production(self) -> str:
        """The digest of the release in production."""
        bundle = self.registry.production()
        return "" if bundle is None else bundle.digest

    @contextmanager
    def serving(self, as_of: str) -> Iterator[None]:
        """`make serve` for the length of the block, its features no older than where the replay stands.

        Raises:
            InputError: it does not come up.
        """
        clock, log = self.workspace.serving / "replayed.json", self.home / "serve.log"
        known = read_json(clock, "replay")["at"] if clock.exists() else as_of
        # The servers of a year that was killed may still be there; where there are none this says so, and that is all.
        self.command("serving/edge", "serving.local", "stop")
        python = REPOSITORY / "serving" / "edge" / ".venv" / "bin" / "python"
        command = [python, "-m", "serving.local", "up", "--port", "0", "--as-of", known, "--clock", CLOCK]
        with log.open("wb") as said:
            process = subprocess.Popen(command, cwd=REPOSITORY, env=self.environment, stdout=said, stderr=said)
        try:
            self._await(process, log)
            if self.trying:
                # Servers that come up know the release in production alone: the rollout gets its traffic back.
                self.must("serving/edge", "serving.local", "turn", "--at", known, also=(EXIT_REFUSED,))
            yield
        finally:
            process.terminate()
            process.wait(STOP_S)

    @staticmethod
    def _await(process: "subprocess.Popen[bytes]", log: Path) -> None:
        until = time.monotonic() + READY_S
        while b"POST http" not in log.read_bytes():
            if process.poll() is not None or time.monotonic() > until:
                raise InputError("serving", "not ready", f"servers that come up; see {log}")
            time.sleep(0.2)

    def _source(self, until: date, log: str) -> int:
        words = ["--into", str(self.workspace.landing), "--until", str(until)]
        words += ["--upstream", str(self.home / "upstream.duckdb")]
        words += ["--incidents", str(self.scenario.path)] if self.scenario else []
        return self.must("feature_repo", "feature_repo.source", *words, log=log).exit_code

    def _deliver(self, due: Due) -> tuple[int, dict[str, Any]]:
        return self._source(due.period.until, "ahead"), {}

    def _train(self, due: Due) -> tuple[int, dict[str, Any]]:
        self._source(due.period.since, "year")
        self.must("pipelines", "pipelines.run", "training", "--as-of", str(due.period.since), threads=PROCESSORS)
        return 0, {"production": self.production()}

    def _judge(self, due: Due) -> tuple[int, dict[str, Any]]:
        words = ["validation", "--as-of", str(due.period.until)]
        said = self.must("pipelines", "pipelines.run", *words, also=(EXIT_REFUSED,), log="ahead")
        run = Path(said.last_line)
        return said.exit_code, {"run": str(run), "passed": said.exit_code == 0, "reasons": self._reasons(run)}

    @staticmethod
    def _reasons(run: Path) -> list[str]:
        """The checks for which the data gates refuse."""
        found = read_json(run / "validate-data" / "verdict" / "verdict.json", "verdict")["findings"]
        return [str(one["check"]) for one in found if one["outcome"] != "passed"]

    def _ungated(self, due: Due) -> tuple[int, dict[str, Any]]:
        use_case = pack_use_case(REPOSITORY / "feature_repo", self.workspace.use_cases)
        at = due.period.until
        place = self.home / "ungated" / str(at)
        bundle = train_ungated(self._run_step, self.workspace.landing, use_case, f"{at}T00:00:00Z", place)
        return 0, {"release": str(bundle.artifact.path)}

    def _run_step(self, component: str, step: str, given: str) -> None:
        python = REPOSITORY / "components" / component / ".venv" / "bin" / "python"
        environment = {**self.environment, **STEP_ENVIRONMENT}
        with (self.home / "ahead.log").open("ab") as said, open(os.devnull, "rb") as nothing:
            command = Command(python, f"windsock.{component}", (step, given), REPOSITORY, environment)
            if run(command, nothing, said, said) != 0:
                raise InputError(f"{component} {step}", "an error", f"a model without gates; see {said.name}")

    def _replay(self, due: Due) -> tuple[int, dict[str, Any]]:
        clock, until = self.workspace.serving / "replayed.json", due.period.until
        known = read_json(clock, "replay") if clock.exists() else {"at": ""}
        judged = self.judged[until]
        features = "brought" if judged["passed"] else "left: data refused"
        if known.pop("at") >= f"{until}T00:00:00Z":
            return 0, {"in_all": known, "features": features}  # All was asked before a kill.
        words = ["replay", "--until", str(until), "--judged", str(Path(judged["run"]) / "validate-data" / "judged")]
        words += [] if judged["passed"] else ["--requests-only"]
        words += ["--batch-rows", str(1 if 0 < self.weight < FULL else BATCH_ROWS)]
        said = self.must("serving/edge", "serving.local", *words, also=(EXIT_REFUSED,))
        return said.exit_code, dict(json.loads(said.last_line))

    def _monitor(self, due: Due) -> tuple[int, dict[str, Any]]:
        words = ["monitoring", "--as-of", str(due.period.until), "--after", self.judged[due.period.until]["run"]]
        run = Path(self.must("pipelines", "pipelines.run", *words).last_line)
        newest = sorted((self.workspace.monitoring / "history").glob("*.json"))[-1]
        details = read_json(newest, "history")["details"]
        alerts = [alert["labels"] for alert in details["raised"]["alerts"] if not alert["ends_at"]]
        named = [f"{labels['alertname']}: {labels['check']}" for labels in alerts]
        verdict = read_json(run / "detect-drift" / "verdict" / "verdict.json", "verdict")
        effects = {one["check"]: (one["outcome"], one["effect"]) for one in verdict["findings"]}
        told = {"alerts": named, "why": details["why"], "request": details["request"]}
        return 0, {"run": str(run), **told, "effects": effects}

    def _retrain(self, _: Due) -> tuple[int, dict[str, Any]]:
        before = self.registry.candidate()
        said = self.command("pipelines", "pipelines.retrain", threads=PROCESSORS)
        after = self.registry.candidate()
        new = after is not None and (before is None or before.digest != after.digest)
        return said.exit_code, {"candidate": after.digest} if new and after else {}

    def _lead(self, due: Due) -> tuple[int, dict[str, Any]]:
        for bad in self.scenario.tried_in(due.period) if self.scenario else ():
            bad.propose(self.registry, self.home / "scenario")
        if not self.trying and self.registry.candidate() is None:
            return 0, {"phase": "idle"}
        at = str(due.period.until)
        said = self.must("serving/edge", "serving.local", "turn", "--at", at, *self._due(), also=(EXIT_REFUSED,))
        figures = dict(json.loads(said.last_line))
        begun = self.tried_since or due.period.until
        figures["since"] = str(begun)
        if figures["phase"] == "rolling" and (due.period.until - begun).days >= UNDECIDED_DAYS:
            # Nobody promotes what was not shown to be good; a person who is told makes room for the next one.
            reason = f"undecided for {UNDECIDED_DAYS} days"
            self.must("serving/edge", "serving.local", "rollback", "--at", at, "--reason", reason)
            figures |= {"phase": "idle", "weight": 0, "undecided": True}
        return said.exit_code, figures

    def _due(self) -> list[str]:
        """All labels that were found due since the rollout began: monitoring tells those of the last weeks."""
        if self.watched is None:
            return []
        path, header, known = self.home / "due.csv", "key,label,event_time", dict[str, str]()
        before = [path] if self.trying and path.exists() else []
        for source in (*before, self.watched / "join-labels" / "labelled" / "labels.csv"):
            rows = source.read_text(encoding="utf-8").splitlines()[1:]
            known |= {row.rpartition(",")[0].rpartition(",")[0]: row for row in rows}
        write_text(path, "\n".join([header, *known.values()]) + "\n")
        return ["--labels", str(path)]

    def _count(self, due: Due) -> tuple[int, dict[str, Any]]:
        days = due.counted or due.period
        use_case = pack_use_case(REPOSITORY / "feature_repo", self.workspace.use_cases)
        labelled = (self.watched or self.home) / "join-labels" / "labelled"
        words = ["--use-case", str(use_case.path), "--labelled", str(labelled)]
        words += ["--since", str(days.since), "--until", str(days.until)]
        words += ["--model", f"first={self.first().artifact.path}", "--model", f"ungated={self._model_of(days)}"]
        said = self.must("components/drift", "windsock.drift.compare", *words)
        return 0, {"counted": (str(days.since), str(days.until)), **json.loads(said.last_line)}

    def _model_of(self, days: Period) -> str:
        """The model of a month that no gate has seen: in the first month the one that all begin with."""
        return self.ungated.get(days.since.replace(day=1), str(self.first().artifact.path))

    def first(self) -> Bundle:
        """The first release, which the year began with."""
        return self.registry.get(str(read_json(self.home / "first.json", "first release")["digest"]))

    def forget_rows(self, before: date) -> None:
        """Removes the rows of runs that nobody goes by any more: a year of them would fill a disk."""
        for until in [until for until in list(self.judged) if until < before]:
            self._forget(Path(self.judged.pop(until)["run"]))
        while self._old:
            self._forget(self._old.pop())

    @staticmethod
    def _forget(run: Path) -> None:
        for path in run.rglob("*.parquet"):
            path.unlink()
