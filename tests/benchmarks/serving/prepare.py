"""What the measured servers serve: two releases with one model, and online features for one of them.

    serving/predictor/.venv/bin/python tests/benchmarks/serving/prepare.py --into DIRECTORY --redis HOST:PORT

DIRECTORY/model.onnx is given. `row` is a release whose requests hold the model's columns, as the peers' requests do;
`whole` is the trains of the predictor's tests, whose columns are derived from features in the online store, which Feast
fills; `feast` is the repository that Feast's own server is started in. Serving's settings are the defaults.
"""

import argparse
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "serving" / "predictor" / "tests"))
import stage  # noqa: E402 - the predictor's stage, found beside its tests
from windsock.contracts.artifact import Origin, new_artifact  # noqa: E402
from windsock.contracts.release import Release, write_bundle  # noqa: E402

THRESHOLD = 0.25
PLAIN_FIELDS = 'line = "string"\ndue_at = "timestamp"\n' + "".join(f'{name} = "number"\n' for name in stage.COLUMNS)
PLAIN_DERIVE = f'''"""The columns as they were asked."""

COLUMNS = {stage.COLUMNS}


def derive(request, features):
    return tuple(request[name] for name in COLUMNS)
'''
FEATURE_STORE = """project: trains
provider: local
registry: {into}/registry-0.db
online_store:
  type: redis
  connection_string: {redis}
entity_key_serialization_version: 3
"""


def without(settings: str, table: str) -> str:
    """Settings without the tables that begin with this name."""
    return re.sub(rf"^\[{table}\b[^\n]*\n(?:(?!\[).*\n?)*", "", settings, flags=re.M)


def use_case(directory: Path, plain: bool) -> Path:
    """The trains, or the trains without features: then a request holds all columns itself."""
    shutil.copytree(stage.TRAINS, directory, ignore=shutil.ignore_patterns("__pycache__"))
    path = directory / "use_case.toml"
    settings = without(path.read_text(encoding="utf-8"), "serving")
    if plain:
        settings = without(without(settings, "views"), "request.fields").replace('"line", "station"', '"line"')
        settings += f"\n[views]\n\n[request.fields]\n{PLAIN_FIELDS}"
        (directory / "derive.py").write_text(PLAIN_DERIVE, encoding="utf-8")
    path.write_text(settings, encoding="utf-8")
    return directory


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--into", type=Path, required=True)
    parser.add_argument("--redis", required=True, help="host:port of an empty server")
    options = parser.parse_args()
    into: Path = options.into.resolve()
    for name in ("row", "whole"):
        code = use_case(into / f"{name}-code", plain=name == "row")
        release = Release(name, "model", THRESHOLD, stage.COLUMNS)
        with new_artifact(into / name, "release", Origin(step="benchmark")) as directory:
            write_bundle(directory, release, code, into / "model.onnx")
    stage.fill(into, [{"type": "redis", "connection_string": options.redis}], stage.store_rows())
    (into / "feast").mkdir()
    content = FEATURE_STORE.format(into=into, redis=options.redis)
    (into / "feast" / "feature_store.yaml").write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
