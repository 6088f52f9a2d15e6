"""The step `rebuild_rows`: would the history give the model the same row that serving gave it?

For each answer it takes the values of every view as of the very time that the record names, as they were known before
the answer was given, and makes the row anew by the release's own `derive.py`. What differs is skew: of the online
store, of the server, or of a history that was rewritten. How old the values were is not: the server watches that.
"""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from windsock.contracts.clock import format_time
from windsock.contracts.log import log
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.release import KIND, Bundle, open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.features.build_training_set import FILE, open_training_repository
from windsock.features.history import open_history
from windsock.features.rows import matrix_of, read_served, rebuild, records_of

# A share of one percent of so many is known to 0.2 percent.
ANSWERS = 3_000
# The store is brought up to date now and then: of a row that was corrected shortly before the answer, it may have held
# an earlier version. A value counts as skew that none of the last versions explains.
VERSIONS = 4
# Both are 32-bit floats of the same sums; what is farther apart is another value.
TOLERANCE = 1e-5


def run(step: Step) -> None:
    """Writes `rebuilt` and `metrics`."""
    settings = load_use_case(step.artifact("use_case", "use_case").path)
    bundle = open_bundle(step.path("release"))
    step.artifact("release", KIND)
    data, labelled = step.artifact("data", "judged"), step.artifact("labelled", "labelled")
    if bundle.release.answers_with == "model":
        found = compare(bundle, settings, data.path, labelled.path / FILE, step.as_of)
    else:
        found = Rebuilt(0, {})
    details = {
        "rows": found.rows,
        "missing": found.missing,
        "columns_differing": sum(map(bool, found.differing.values())),
    }
    with step.output("rebuilt", "rebuilt", dict(details)) as directory:
        found.write(directory)
    step.metrics("metrics", details)
    log("rows_rebuilt", **details)


def compare(bundle: Bundle, settings: UseCase, data: Path, labelled: Path, as_of: datetime) -> Rebuilt:
    """Rebuilds the answers of the windows that an alarm is judged by."""
    drift, columns = settings.drift, bundle.release.columns
    use_case = load_use_case(bundle.use_case)
    since = as_of - timedelta(days=drift.window_days * drift.persistence)
    served = read_served(labelled, use_case, bundle.digest, since, ANSWERS)
    if not served.num_rows:
        return Rebuilt(0, dict.fromkeys(columns, 0))
    derive = load_module(bundle.use_case / "derive.py", "windsock_release_derive").derive
    given = matrix_of(served.column("row"), len(columns))
    differ = np.ones(given.shape, dtype=bool)
    facts_from = use_case.facts_from(since - timedelta(minutes=use_case.request.lead_time_minutes))
    with TemporaryDirectory() as scratch, open_history(use_case, bundle.use_case, data, as_of, facts_from) as history:
        repository = open_training_repository(bundle.use_case, use_case, Path(scratch))
        views = [view for _, view in sorted(repository.views.items())]
        history.serve(served)
        for view in views:
            history.compute(view)
        missing = sum(history.missing(view) for view in views)
        for version in range(1, VERSIONS + 1):
            made = rebuild(history.look_up(views, version), use_case, derive, columns)
            differ &= ~np.isclose(made, given, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
            if not differ.any():
                break
    counts = {name: int(differ[:, index].sum()) for index, name in enumerate(columns)}
    examples = {
        name: f"{_key(served, use_case, first)}: given {given[first, index]:g}, rebuilt {made[first, index]:g}"
        for index, name in enumerate(columns)
        if counts[name] and (first := int(differ[:, index].argmax())) >= 0
    }
    return Rebuilt(served.num_rows, counts, examples, missing)


def _key(served: Any, use_case: UseCase, row: int) -> str:
    """What an answer was about, in words."""
    values = next(records_of(served.slice(row, 1), use_case.request.key)).values()
    return " ".join(format_time(value) if isinstance(value, datetime) else str(value) for value in values)
