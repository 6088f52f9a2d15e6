"""The step `build_training_set`: a model row for each thing whose label is due, of what was known when it was asked."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.log import log
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.features.history import History, open_history
from windsock.features.policy import FeatureView, check_columns, check_views
from windsock.features.repository import Repository, open_repository
from windsock.features.rows import write_rows

KIND = "training_set"
FILE = "rows.parquet"


def run(step: Step) -> None:
    """Joins the judged data as of the step's time and writes the artifact `training_set` and the output `metrics`."""
    use_case, data = step.artifact("use_case", "use_case"), step.artifact("data", "judged")
    details: dict[str, Any] = {}
    with step.output("training_set", KIND, details) as directory:
        details.update(build(use_case.path, data.path, directory, step.as_of))
    figures = {name: value for name, value in details.items() if isinstance(value, (int, float))}
    step.metrics("metrics", {**figures, **{f"missing_{name}": share for name, share in details["missing"].items()}})
    log("training_set_built", **details)


def build(directory: Path, data: Path, into: Path, as_of: datetime) -> dict[str, Any]:
    """Writes `rows.parquet` and returns the figures for the manifest.

    Raises:
        InputError: the use case's files do not fit together, or no row is left to learn from.
    """
    use_case = load_use_case(directory)
    derive = load_module(directory / "derive.py", "windsock_use_case_derive")
    label = use_case.label.column
    columns = check_columns(getattr(derive, "COLUMNS", None), {*use_case.request.fields, label})
    with TemporaryDirectory() as scratch, open_history(use_case, directory, data, as_of) as history:
        left_out = history.ask()
        repository = open_training_repository(directory, use_case, Path(scratch))
        view_rows, missing = {}, {}
        for name, view in sorted(repository.views.items()):
            view_rows[name] = history.compute(view)
            missing[name] = round(join(history, repository, view), 6)
        table = history.training_rows()
        if not table.num_rows:
            raise InputError("training set", f"no row, left out {left_out}", "at least one labelled row by as_of")
        positives = write_rows(into / FILE, table, use_case, derive.derive, columns)
    return {
        "rows": table.num_rows,
        "positives": positives,
        "positive_share": round(positives / table.num_rows, 6),
        "left_out": left_out,
        **{f"left_out_{reason}": count for reason, count in left_out.items()},
        "view_rows": view_rows,
        "missing": missing,
        "columns": list(columns),
        "label": label,
    }


def open_training_repository(directory: Path, use_case: UseCase, scratch: Path) -> Repository:
    """The feature repository with everything it writes in a scratch directory."""
    online_store = {"type": "sqlite", "path": str(scratch / "online.db")}
    repository = open_repository(directory, scratch, scratch / "registry.db", online_store)
    check_views(repository.views, use_case.views, use_case.request.fields)
    return repository


def join(history: History, repository: Repository, view: FeatureView) -> float:
    """Joins one view to all requests through Feast; returns the share of requests for which it knew nothing.

    Feast is asked for the different keys and times only, part by part in order of time, and gets the rows that can be
    valid in the part: the same answers in a fraction of the time and memory.
    """
    for part in history.questions(view):
        first, last = (part.column("event_timestamp")[index].as_py() for index in (0, -1))
        history.write_source(view, repository.source(view), first - timedelta(seconds=view.ttl_s), last)
        history.accept(repository.historical(view, part))
    return history.answer(view)
