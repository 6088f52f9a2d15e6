"""The step `materialize_features`: brings the online store to what was known at `as_of`, writing only what changed."""

from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from windsock.contracts.clock import format_time, parse_time
from windsock.contracts.files import write_json
from windsock.contracts.log import log
from windsock.contracts.step import Step
from windsock.contracts.use_case import load_use_case
from windsock.features.history import History, open_history
from windsock.features.online_store import Ledger, open_ledger, parse_address
from windsock.features.policy import FeatureView, check_views
from windsock.features.repository import Repository, open_repository

KIND = "materialized"


def run(step: Step) -> None:
    """Writes to the online store that the parameter names; the artifact `materialized` says what was written."""
    use_case, data = step.artifact("use_case", "use_case"), step.artifact("data", "judged")
    address = str(step.parameter("online_store"))
    details: dict[str, Any] = {}
    with step.output("materialized", KIND, details) as directory:
        details.update(materialize(use_case.path, data.path, directory, step.as_of, address))
    log("features_materialized", **details)


def materialize(directory: Path, data: Path, into: Path, as_of: datetime, online_store: str) -> dict[str, Any]:
    """Brings every view to `as_of`; returns rows written, from and to by view.

    Writes into `into` Feast's registry for servers to read, and `views.json`: what lies in the store, in plain words.

    Raises:
        InputError: the use case's files do not fit together, or the store is out of reach or has another writer.
    """
    use_case, address = load_use_case(directory), parse_address(online_store)
    with TemporaryDirectory() as scratch, open_history(use_case, directory, data, as_of) as history:
        repository = open_repository(directory, Path(scratch), into / "registry.db", address.feast)
        check_views(repository.views, use_case.views, use_case.request.fields)
        with open_ledger(address, repository.project) as ledger:
            views = {
                name: bring(history, repository, ledger, view, as_of) for name, view in sorted(repository.views.items())
            }
        described = {name: describe(view) for name, view in repository.views.items()}
    write_json(into / "views.json", {"project": repository.project, "views": described})
    return {
        "as_of": format_time(as_of),
        "online_store": address.text,
        "project": repository.project,
        "rows_written": sum(view["rows_written"] for view in views.values()),
        "views": views,
    }


def bring(
    history: History, repository: Repository, ledger: Ledger, view: FeatureView, as_of: datetime
) -> dict[str, Any]:
    """Brings one view to `as_of`: writes the rows that differ from what the ledger says lies in the store.

    A store that was already asked to reach a later time stays as it is. A key that has no row any more, since a
    correction took it away, gets a row of missing values. Whatever stops this on the way, the next run completes it.
    """
    before = ledger.until(view.name)
    if before and parse_time(before, "until") > as_of:
        return {"rows_written": 0, "from": before, "to": before}
    history.compute(view)
    return {"rows_written": write(history, repository, ledger, view), "from": before, "to": format_time(as_of)}


def write(
    history: History, repository: Repository, ledger: Ledger, view: FeatureView, since: datetime | None = None
) -> int:
    """Writes the rows of a computed view that differ from what lies in the store; returns their number.

    With `since` the store has all that this very computation of the view knew by then: only what is news is looked at,
    and no key can be gone.
    """
    latest = history.latest(view, since)
    current = dict(zip(latest.column("key").to_pylist(), latest.column("digest").to_pylist(), strict=True))
    known = ledger.digests(view.name, list(current) if since else None)
    changed = {key: digest for key, digest in current.items() if known.get(key) != digest}
    gone = [] if since else sorted(known.keys() - current.keys())
    ledger.begin(view.name, format_time(history.as_of), [*changed, *gone])
    if not changed and not gone:
        return 0
    repository.write_online(view, history.rows_to_write(view, latest, list(changed), gone))
    ledger.end(view.name, changed, gone)
    return len(changed) + len(gone)


def describe(view: FeatureView) -> dict[str, Any]:
    """A view's keys and features with their types."""
    return {
        "join_keys": {name: view.columns[name] for name in view.join_keys},
        "features": {name: view.columns[name] for name in view.features},
        "fresh_for_s": view.ttl_s,
    }
