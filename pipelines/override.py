"""Looks at a run's override before anything runs: an entry for a gate that the pipeline does not have lifts nothing."""

import json

import yaml
from windsock.contracts.errors import InputError


def gates_of(compiled: str) -> list[str]:
    """The gates of a compiled pipeline: its steps that write a verdict."""
    components = next(yaml.safe_load_all(compiled))["components"]
    return sorted(
        name.removeprefix("comp-").replace("-", "_")
        for name, component in components.items()
        if "verdict" in component.get("outputDefinitions", {}).get("artifacts", {})
    )


def check_override(text: str, compiled: str) -> None:
    """What an entry says beyond its gate is the gate's own to judge, which knows its findings.

    Raises:
        InputError: the text is no JSON list of entries, or an entry's `check` begins with no gate of the pipeline.
    """
    if not text:
        return
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError("override", text, f"nothing, or a JSON list ({error})") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise InputError("override", text, "a JSON list of entries")
    gates = gates_of(compiled)
    for index, entry in enumerate(entries):
        check = entry.get("check")
        if not isinstance(check, str) or check.partition("/")[0] not in gates:
            expected = f"GATE/FINDING, with a gate of this pipeline: {', '.join(gates)}"
            raise InputError(f"override[{index}].check", check, expected)
