import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from local import ROOT, Laptop


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """A laptop with the pumps on it: small, other names, other types, another label."""
    place = Laptop(tmp_path_factory.mktemp("laptop"), ROOT / "tests" / "journeys" / "other_use_case")
    place.deliver(until="2024-07-01")
    return place
