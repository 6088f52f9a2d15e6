"""Settings of training and evaluation: `[split]`, `[training]` and `[evaluation]` in `use_case.toml`."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Split:
    """How the labelled time is cut, from the end: evaluation last, calibration before it, training all before that."""

    evaluation_days: int = field(metadata={"low": 1})
    calibration_days: int = field(metadata={"low": 1})
    training_days: int = field(metadata={"low": 1})


@dataclass(frozen=True)
class Training:
    """The one seed, and the hyperparameters that `estimator.py` is given."""

    seed: int = field(metadata={"low": 0})
    parameters: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluation:
    """What a candidate must reach."""

    bootstrap_samples: int = field(default=1000, metadata={"low": 100})
