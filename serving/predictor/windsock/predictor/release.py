"""A release in memory: all that answering needs, loaded once and never changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.protocol import Protocol
from windsock.contracts.recorded import unhurried
from windsock.contracts.release import Bundle, load_use_case_module, open_bundle
from windsock.contracts.use_case import UseCase, load_use_case
from windsock.predictor.examine import examine
from windsock.predictor.freshness import Freshness
from windsock.predictor.model import Scorer
from windsock.predictor.plan import Plan

Derive = Callable[[Mapping[str, object], Mapping[str, object]], tuple[float, ...]]


@dataclass(frozen=True)
class Release:
    """What answers: `scorer` is None in a release that answers by the rules; `recorded` if its time is (see there)."""

    digest: str
    use_case: UseCase
    protocol: Protocol
    threshold: float
    plan: Plan
    freshness: Freshness
    derive: Derive
    columns: int
    rules: Callable[[Mapping[str, object]], float]
    scorer: Scorer | None
    recorded: bool = False


def load_release(directory: Path, model_name: str = "", known: Path | None = None, recorded: bool = False) -> Release:
    """Opens a bundle, has it examined unless it is `known` (see `examine`), and loads it.

    Raises:
        InputError: a digest does not match, or something in the bundle may not be let in; one line says what.
    """
    directory = directory.resolve()
    bundle = open_bundle(directory)
    plan = examine(bundle, known)
    use_case = load_use_case(bundle.use_case)
    if recorded:
        use_case = unhurried(use_case)
    rules: Any = load_use_case_module(bundle, "fallback")
    scorer, derive = _model(bundle)
    # Nothing may have changed between the first look and the last read.
    if open_bundle(directory).digest != bundle.digest:
        raise InputError("release", str(directory), "a directory that stays as it is while it is loaded")
    return Release(
        digest=bundle.digest,
        use_case=use_case,
        protocol=Protocol(model_name or use_case.name, use_case.request, use_case.serving.rows_at_most),
        threshold=bundle.release.threshold,
        plan=plan,
        freshness=Freshness(plan, use_case.views, use_case.serving.skew_s),
        derive=derive,
        columns=len(bundle.release.columns),
        rules=rules.probability,
        scorer=scorer,
        recorded=recorded,
    )


def _no_columns(_request: Mapping[str, object], _features: Mapping[str, object]) -> tuple[float, ...]:
    return ()


def _model(bundle: Bundle) -> tuple[Scorer | None, Derive]:
    if bundle.release.answers_with == "rules":
        return None, _no_columns
    module: Any = load_use_case_module(bundle, "derive")
    if tuple(module.COLUMNS) != bundle.release.columns:
        raise InputError("release.columns", bundle.release.columns, f"those of derive.py: {module.COLUMNS}")
    return Scorer(bundle.model, len(bundle.release.columns)), module.derive
