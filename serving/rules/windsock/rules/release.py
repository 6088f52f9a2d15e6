"""A release as the rules service uses it: its request fields, its rules and its threshold. The model is not read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from windsock.contracts.protocol import Protocol
from windsock.contracts.recorded import unhurried
from windsock.contracts.release import load_use_case_module, open_bundle
from windsock.contracts.use_case import UseCase, load_use_case


@dataclass(frozen=True)
class Release:
    """What answers; `own` says that the rules are the release itself, and stand in for no model.

    `recorded` says that its time is recorded time.
    """

    digest: str
    use_case: UseCase
    protocol: Protocol
    threshold: float
    rules: Callable[[Mapping[str, object]], float]
    own: bool = False
    recorded: bool = False


def load_release(directory: Path, model_name: str = "", recorded: bool = False) -> Release:
    """Opens a bundle, every digest checked, and loads its rules.

    Raises:
        InputError: the bundle is refused; one line says why.
    """
    bundle = open_bundle(directory.resolve())
    use_case = load_use_case(bundle.use_case)
    if recorded:
        use_case = unhurried(use_case)
    module: Any = load_use_case_module(bundle, "fallback")
    protocol = Protocol(model_name or use_case.name, use_case.request, use_case.serving.rows_at_most)
    own = bundle.release.answers_with == "rules"
    return Release(bundle.digest, use_case, protocol, bundle.release.threshold, module.probability, own, recorded)
