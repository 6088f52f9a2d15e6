"""Settings of training and evaluation: `[split]`, `[training]` and `[evaluation]` in `use_case.toml`."""

from collections.abc import Container
from dataclasses import dataclass, field

from windsock.contracts.bound import Bound
from windsock.contracts.errors import InputError


@dataclass(frozen=True)
class Split:
    """How the labelled time is cut, from the end: evaluation last, calibration before it, training all before that.

    Calibration is cut into `calibration_folds` parts, each scored by a model of the time before it; the final model
    then learns from calibration too.
    """

    evaluation_days: int = field(metadata={"low": 1})
    calibration_days: int = field(metadata={"low": 1})
    training_days: int = field(metadata={"low": 1})
    calibration_folds: int = field(default=3, metadata={"low": 1, "high": 50})


@dataclass(frozen=True)
class Training:
    """The one seed, and the hyperparameters that `estimator.py` is given."""

    seed: int = field(metadata={"low": 0, "high": 2**32 - 1})
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Slices:
    """Parts of the held-out rows that are judged on their own: one for each value of each of these request fields.

    A value with fewer than `minimum_rows` held-out rows is listed and not judged.
    """

    columns: tuple[str, ...]
    minimum_rows: int = field(metadata={"low": 1})
    cost_margin: Bound
    auc_margin: Bound
    calibration_gap: Bound

    def __post_init__(self) -> None:
        self.cost_margin.check("evaluation.slices.cost_margin", 0, 1)
        self.auc_margin.check("evaluation.slices.auc_margin", 0, 0.5)
        self.calibration_gap.check("evaluation.slices.calibration_gap", 0, 0.5)


@dataclass(frozen=True)
class Evaluation:
    """What a candidate must reach on the held-out time.

    Intervals are at `confidence`, from `bootstrap_samples` resamples of whole days. `cost_margin` is how much dearer
    than the model in production a candidate may at most be, as a share of production's cost. `auc_ceiling` is where a
    ranking is too good to be true and somebody should look for a leak.
    """

    auc_floor: Bound
    calibration_error: Bound
    cost_margin: Bound
    auc_ceiling: Bound | None = None
    slices: Slices | None = None
    minimum_rows: int = field(default=1000, metadata={"low": 1})
    bootstrap_samples: int = field(default=2000, metadata={"low": 100, "high": 100_000})
    confidence: float = field(default=0.95, metadata={"low": 0.5, "high": 0.999})

    def __post_init__(self) -> None:
        self.auc_floor.check("evaluation.auc_floor", 0.5, 1)
        self.calibration_error.check("evaluation.calibration_error", 0, 0.5)
        self.cost_margin.check("evaluation.cost_margin", 0, 1)
        if self.auc_ceiling is not None:
            self.auc_ceiling.check("evaluation.auc_ceiling", self.auc_floor.limit, 1)

    def check_fields(self, fields: Container[str]) -> None:
        """Every field that slices are made of must be one of the request's."""
        for name in self.slices.columns if self.slices else ():
            if name not in fields:
                raise InputError("evaluation.slices.columns", name, "a field of the request")
