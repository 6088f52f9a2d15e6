"""The only door to Feast: reads the feature views that a use case's `features.py` defines."""

from pathlib import Path
from typing import Any

from windsock.contracts.errors import InputError
from windsock.contracts.use_case_code import load_module
from windsock.predictor.plan import KEY_ENCODING, Plan, ViewPlan

STORE_FILE = "feature_store.yaml"
DEFINITIONS = "features"


def read_plan(use_case: Path, wanted: tuple[str, ...]) -> Plan:
    """The plan of the wanted views, in their order.

    Raises:
        InputError: a definition is missing, or the store is written in a layout that is not read here.
    """
    import yaml  # type: ignore[import-untyped]

    if not (use_case / f"{DEFINITIONS}.py").is_file():
        raise InputError("use case", str(use_case), f"a directory with {DEFINITIONS}.py")
    try:
        store = yaml.safe_load((use_case / STORE_FILE).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(STORE_FILE, str(error), "Feast's settings as YAML") from error
    if not isinstance(store, dict) or not isinstance(store.get("project"), str):
        raise InputError(STORE_FILE, store, "Feast's settings with a project")
    version = store.get("entity_key_serialization_version", KEY_ENCODING)
    if version != KEY_ENCODING:
        raise InputError(f"{STORE_FILE}, entity_key_serialization_version", version, str(KEY_ENCODING))
    from feast import Entity, FeatureView

    defined = vars(load_module(use_case / f"{DEFINITIONS}.py", f"windsock_{DEFINITIONS}")).values()
    views = {each.name: each for each in defined if isinstance(each, FeatureView)}
    entities = {each.name: each for each in defined if isinstance(each, Entity)}
    for name in wanted:
        if name not in views:
            raise InputError(f"views.{name}", name, f"a feature view of {DEFINITIONS}.py: {', '.join(sorted(views))}")
    return Plan(store["project"], tuple(_view_plan(views[name], entities) for name in wanted))


def _view_plan(view: Any, entities: dict[str, Any]) -> ViewPlan:
    """A view's keys have the types of its schema, or, where that does not name them, those of its entities."""
    typed = {column.name: column.dtype.to_value_type() for column in view.entity_columns}
    keys = {}
    for name in view.entities:
        if name not in entities:
            raise InputError(f"feature view {view.name}, entity {name}", name, f"an entity of {DEFINITIONS}.py")
        join_key = entities[name].join_key
        keys[join_key] = int(typed.get(join_key, entities[name].value_type).value)
    features = {field.name: int(field.dtype.to_value_type().value) for field in view.features}
    return ViewPlan(view.name, dict(sorted(keys.items())), features)
