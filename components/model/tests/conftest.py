"""What the tests share: one small world of orders, with a model that was trained, judged and registered in it."""

import sys
from pathlib import Path

import pyarrow as pa
import pytest
from windsock.contracts.artifact import Artifact, open_artifact
from windsock.contracts.release import rules_release

sys.path.insert(0, str(Path(__file__).parent))

from orders_world import World, orders, register


@pytest.fixture(scope="session")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="session")
def table() -> pa.Table:
    return orders()


@pytest.fixture(scope="session")
def use_case(world) -> Artifact:
    return world.use_case("use_case")


@pytest.fixture(scope="session")
def training_set(world, use_case, table) -> Artifact:
    return world.training_set("training_set", use_case, table)


@pytest.fixture(scope="session")
def model(world, use_case, training_set) -> Artifact:
    return world.train("trained", use_case, training_set)


@pytest.fixture(scope="session")
def rules(world, use_case) -> Artifact:
    return rules_release(use_case, 0.25, world.root / "releases").artifact


@pytest.fixture(scope="session")
def inputs(use_case, training_set, model, rules) -> dict[str, Artifact]:
    """What evaluation takes, when all is well."""
    return {"use_case": use_case, "training_set": training_set, "model": model, "production": rules}


@pytest.fixture(scope="session")
def verdict(world, inputs) -> Artifact:
    world.judge("judged", inputs)
    return open_artifact(world.root / "judged" / "verdict", "verdict")


@pytest.fixture(scope="session")
def registered(world, inputs, verdict) -> Artifact:
    return register(world, "registered", inputs, verdict)
