"""The only door to Feast: the use case's feature repository, its historical join and its online store."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import yaml  # type: ignore[import-untyped]
from feast import Entity, FeatureStore
from feast import FeatureView as FeastView
from feast.errors import FeastError
from feast.repo_config import FeastConfigError, load_repo_config
from windsock.contracts.errors import InputError
from windsock.contracts.use_case_code import load_module
from windsock.features.policy import FeatureView

SOURCES = "WINDSOCK_FEATURE_SOURCES"
REGISTRY = "WINDSOCK_FEATURE_REGISTRY"
ONLINE_STORE = "WINDSOCK_ONLINE_STORE"
SQL_TYPES = {
    "Float64": "DOUBLE",
    "Float32": "FLOAT",
    "Int64": "BIGINT",
    "Int32": "INTEGER",
    "String": "VARCHAR",
    "Bool": "BOOLEAN",
}
WRITE_ROWS = 10_000


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for the length of a block: `feature_store.yaml` and `features.py` read them."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _sql_types(view: FeastView) -> dict[str, str]:
    columns = {}
    for field in (*view.entity_columns, *view.features):
        kind = str(field.dtype)
        if kind not in SQL_TYPES:
            raise InputError(f"type of {view.name}.{field.name}", kind, f"one of {', '.join(SQL_TYPES)}")
        columns[field.name] = SQL_TYPES[kind]
    return columns


@dataclass(frozen=True)
class Repository:
    """A feature repository that is set up: its registry is written, its online store has its tables.

    `declared` are the views as Feast keeps them: it would make them anew from its registry for every write.
    """

    store: FeatureStore
    sources: Path
    views: Mapping[str, FeatureView]
    declared: Mapping[str, FeastView]

    @property
    def project(self) -> str:
        """Feast's name for the whole; it is part of every key in the online store."""
        return str(self.store.project)

    def source(self, view: FeatureView) -> Path:
        """Where Feast looks for a view's rows."""
        return self.sources / f"{view.name}.parquet"

    def historical(self, view: FeatureView, questions: pa.Table) -> pa.Table:
        """A view's values as they were known at each question's `event_timestamp`, as `view__feature`; in no order.

        Raises:
            RuntimeError: Feast gave back another number of rows than it was asked.
        """
        answers = self.store.get_historical_features(
            entity_df=questions.to_pandas(),
            features=[f"{view.name}:{feature}" for feature in view.features],
            full_feature_names=True,
            filter_by_created_timestamp=True,
        ).to_arrow()
        if answers.num_rows != questions.num_rows:
            raise RuntimeError(f"{view.name}: {questions.num_rows} questions got {answers.num_rows} answers")
        return answers

    def write_online(self, view: FeatureView, rows: pa.Table) -> None:
        """Writes rows to the online store, whatever is there under their keys."""
        for start in range(0, rows.num_rows, WRITE_ROWS):
            self.store.provider.ingest_df(self.declared[view.name], rows.slice(start, WRITE_ROWS).to_pandas())


def _declared(module: ModuleType) -> list[Any]:
    return [value for value in vars(module).values() if isinstance(value, (Entity, FeastView))]


def open_repository(directory: Path, sources: Path, registry: Path, online_store: Mapping[str, object]) -> Repository:
    """Sets up the feature repository of a use case; `online_store` is Feast's own configuration of it.

    Raises:
        InputError: `feature_store.yaml` or `features.py` is missing or not understood.
    """
    # Feast's sqlite store counts event times in the local zone of the process; a reader in another would misread them.
    os.environ["TZ"] = "UTC"
    time.tzset()
    settings = directory / "feature_store.yaml"
    if not settings.is_file():
        raise InputError("feature_store.yaml", str(settings), "a file")
    with environment({SOURCES: str(sources), REGISTRY: str(registry), ONLINE_STORE: json.dumps(online_store)}):
        try:
            config = load_repo_config(directory, settings)
        except (FeastConfigError, FeastError, yaml.YAMLError, TypeError) as error:
            raise InputError("feature_store.yaml", str(error), "settings that Feast understands") from error
        declared = _declared(load_module(directory / "features.py", "windsock_use_case_features"))
    store = FeatureStore(config=config)
    store.apply(declared)
    kept = {view.name: view for view in store.list_feature_views()}
    views = {
        name: FeatureView(name, tuple(view.join_keys), _sql_types(view), view.ttl.total_seconds() if view.ttl else 0)
        for name, view in kept.items()
    }
    return Repository(store, sources, views, kept)
