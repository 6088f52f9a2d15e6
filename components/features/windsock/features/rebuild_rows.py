"""The step `rebuild_rows`: would the history give the model the same row that serving gave it?

For each answer it takes the values of every view as of the very time that the record names, as they were known when the
answer was given, and makes the row anew by the release's own `derive.py`. What differs is skew: of the online store, of
the server, or of a history that was rewritten. How old the values were is not: the server watches that itself.
"""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from windsock.contracts.log import log
from windsock.contracts.monitoring import Rebuilt
from windsock.contracts.release import KIND, Bundle, open_bundle
from windsock.contracts.step import Step
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.contracts.use_case_code import load_module
from windsock.features.build_training_set import FILE, open_training_repository
from windsock.features.history import open_history
from windsock.features.rows import matrix_of, read_served, rebuild

# Some minutes of work; a share of one percent of so many is known to 0.07 percent.
ANSWERS = 20_000
# Both are 32-bit floats of the same sums; what is farther apart is another value.
TOLERANCE = 1e-5


def run(step: Step) -> None:
    """Writes `rebuilt` and `metrics`."""
    settings = load_use_case(step.artifact("use_case", "use_case").path)
    bundle = open_bundle(step.path("release"))
    step.artifact("release", KIND)
    snapshot, labelled = step.artifact("snapshot", "snapshot"), step.artifact("labelled", "labelled")
    if bundle.release.answers_with == "model":
        found = compare(bundle, settings, snapshot.path, labelled.path / FILE, step.as_of)
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


def compare(bundle: Bundle, settings: UseCase, snapshot: Path, labelled: Path, as_of: datetime) -> Rebuilt:
    """Rebuilds the answers of the windows that an alarm is judged by."""
    drift, columns = settings.drift, bundle.release.columns
    use_case = load_use_case(bundle.use_case)
    since = as_of - timedelta(days=drift.window_days * drift.persistence)
    served = read_served(labelled, use_case, bundle.digest, since, ANSWERS)
    if not served.num_rows:
        return Rebuilt(0, dict.fromkeys(columns, 0))
    derive = load_module(bundle.use_case / "derive.py", "windsock_release_derive").derive
    missing = 0
    with TemporaryDirectory() as scratch, open_history(use_case, bundle.use_case, snapshot, as_of) as history:
        repository = open_training_repository(bundle.use_case, use_case, Path(scratch))
        history.serve(served)
        for _, view in sorted(repository.views.items()):
            history.compute(view)
            missing += history.look_up(view)
        table = history.served_rows()
    made, given = rebuild(table, use_case, derive, columns), matrix_of(table.column("row"), len(columns))
    differ = ~np.isclose(made, given, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
    counts = {name: int(differ[:, index].sum()) for index, name in enumerate(columns)}
    keys = table.select(list(use_case.request.key))
    examples = {
        name: f"{keys.slice(first, 1).to_pylist()[0]}: given {given[first, index]:g}, rebuilt {made[first, index]:g}"
        for index, name in enumerate(columns)
        if counts[name] and (first := int(differ[:, index].argmax())) >= 0
    }
    return Rebuilt(table.num_rows, counts, examples, missing)
