"""Random keys and values, written by Feast: what is read here is what Feast's own online read gives, bit by bit.

`KEYS=100000 pytest tests/test_feast_values.py` is the long form.
"""

import json
import os
import struct
import subprocess
import sys

import stage
from windsock.predictor.store import open_reader

KEYS = int(os.environ.get("KEYS", "300"))
PART = 500
ORACLE = """
import json, random, string, struct, sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from feast import FeatureStore, RepoConfig
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
import importlib.util
use_case, root, count, connection = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
spec = importlib.util.spec_from_file_location("features", Path(use_case) / "features.py")
features = importlib.util.module_from_spec(spec); spec.loader.exec_module(features)
random.seed(7)
letters = string.ascii_letters + string.digits + " -/\\u00e4\\u00f6\\u00df\\u7121"
def text(): return "".join(random.choices(letters, k=random.randint(1, 40)))
def real():
    return random.choice([0.0, -0.0, random.gauss(0, 1), random.uniform(-1e300, 1e300), 5e-324, float("inf")])
def whole(bits):
    low, high = -2**(bits-1), 2**(bits-1) - 1
    return random.choice([0, 1, -1, low, high, random.randint(low, high)])
def maybe(value): return Value() if random.random() < 0.1 else value
now = datetime(2013, 7, 1, 12, tzinfo=timezone.utc)
rows, keys = [], []
for number in range(count):
    station, platform = f"{text()}{number}", whole(64)
    keys.append({"station": station, "platform": platform, "line": "x"})
    values = {"closed": maybe(Value(bool_val=random.random() < 0.5)), "late_share": maybe(Value(double_val=real())),
        "since": maybe(Value(unix_timestamp_val=whole(40)))}
    parts = [Value(int64_val=platform), Value(string_val=station)]
    entity = EntityKey(join_keys=["platform", "station"], entity_values=parts)
    first = (entity, values, now - timedelta(seconds=number), now)
    station_values = {"waiting": maybe(Value(int64_val=whole(64))), "delay": maybe(Value(double_val=real())),
        "weather": maybe(Value(string_val=text()))}
    single = EntityKey(join_keys=["station"], entity_values=[Value(string_val=station)])
    rows.append((first, (single, station_values, now - timedelta(seconds=2 * number), now)))
def shown(value):
    kind = value.WhichOneof("val")
    if kind is None: return None
    plain = getattr(value, kind)
    return struct.pack("<d", plain).hex() if isinstance(plain, float) else plain
found = {}
settings = {
    "sqlite": {"type": "sqlite", "path": str(root / "online.db")},
    "redis": {"type": "redis", "connection_string": connection},
}
for name, online in settings.items():
    store = FeatureStore(config=RepoConfig(project="trains", provider="local", registry=str(root / f"{name}.registry"),
        online_store=online, entity_key_serialization_version=3, repo_path=root))
    store.apply([features.station, features.line, features.platform, features.station_now, features.platform_record,
        features.line_record])
    driver = store._get_provider().online_store
    found[name] = []
    for place, view in enumerate(["platform_record", "station_now"]):
        definition = store.get_feature_view(view)
        names = [f.name for f in definition.features]
        for begin in range(0, count, 500):
            part = [row[place] for row in rows[begin:begin + 500]]
            driver.online_write_batch(store.config, definition, part, None)
            for at, values in driver.online_read(store.config, definition, [row[0] for row in part], names):
                found[name].append([view, at.timestamp(), {n: shown(v) for n, v in sorted(values.items())}])
print(json.dumps({"keys": keys, "found": found}))
"""


def shown(value):
    return struct.pack("<d", value).hex() if isinstance(value, float) else value


def test_values_and_times_are_those_of_feast(redis_server, tmp_path):
    import redis

    with redis.Redis.from_url(f"redis://{redis_server}/1") as client:
        client.flushdb()
    arguments = [str(stage.TRAINS), str(tmp_path), str(KEYS), f"{redis_server},db=1"]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORACLE, *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TZ": "UTC", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    oracle = json.loads(done.stdout.splitlines()[-1])
    for name, address in {"sqlite": str(tmp_path / "online.db"), "redis": f"redis://{redis_server}/1"}.items():
        reader = open_reader(address, stage.PLAN, 60.0)
        keys = oracle["keys"]
        readings = [reading for begin in range(0, KEYS, PART) for reading in reader.read(keys[begin : begin + PART])]
        reader.close()
        ours = [
            [view, reading[view].event_at_s, {n: shown(v) for n, v in sorted(reading[view].values.items())}]
            for view in ("platform_record", "station_now")
            for reading in readings
        ]
        assert len(ours) == 2 * KEYS
        assert ours == oracle["found"][name]
