"""What goes wrong in a year, from a file: wrong data that the source delivers, and a bad release that is tried."""

import shutil
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Self

from windsock.contracts.artifact import Origin, new_artifact
from windsock.contracts.errors import InputError
from windsock.contracts.release import KIND, Bundle, Registry, open_bundle, write_bundle

from year.plan import Period


@dataclass(frozen=True)
class Incident:
    """Some days, from `since` on and before `until`, on which something is wrong; what is `expected` to catch it."""

    name: str
    since: date
    until: date
    expected: str


@dataclass(frozen=True)
class BadRelease:
    """A release like the one in production on the day `at`, but for some text in a `file` of its use case."""

    name: str
    at: date
    file: str
    replace: str
    by: str
    expected: str

    def propose(self, registry: Registry, scratch: Path) -> Bundle:
        """Registers it as the newest release to be tried; the same one however often.

        Raises:
            InputError: nothing is in production, or the text is not there just once.
        """
        good = registry.production()
        if good is None:
            raise InputError("production", None, "a release to make a bad one of")
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.copytree(good.use_case, scratch / "use_case")
        file = scratch / "use_case" / self.file
        source = file.read_text(encoding="utf-8") if file.is_file() else ""
        if source.count(self.replace) != 1:
            found = f"{source.count(self.replace)} times in {self.file}"
            raise InputError(f"scenario: {self.name}: replace", found, "text that is there once")
        file.write_text(source.replace(self.replace, self.by), encoding="utf-8")
        origin = Origin("scenario", inputs=dict(good.artifact.origin.inputs))
        model = good.model if good.release.answers_with == "model" else None
        with new_artifact(scratch / "release", KIND, origin) as directory:
            write_bundle(directory, good.release, scratch / "use_case", model)
        bundle = registry.add(open_bundle(scratch / "release"))
        if registry.refused(bundle.digest) is None:
            registry.propose(bundle.digest, {"run": f"scenario: {self.name}"})
        return bundle


@dataclass(frozen=True)
class Scenario:
    """All of it; `path` is the file, which the source reads too."""

    path: Path
    data: tuple[Incident, ...]
    releases: tuple[BadRelease, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads a scenario.

        Raises:
            InputError: the file is missing, is no TOML, or an incident lacks something.
        """
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError("scenario", str(path), f"a TOML file ({error})") from error
        data = [
            _fields(one, {"name": str, "since": date, "until": date, "expected": str}) for one in _all(content, "data")
        ]
        texts = dict.fromkeys(("name", "file", "replace", "by", "expected"), str)
        releases = [_fields(one, {**texts, "at": date}) for one in _all(content, "release")]
        for one in data:
            if one["until"] <= one["since"]:
                raise InputError(f"scenario: {one['name']}: until", str(one["until"]), f"a day after {one['since']}")
        return cls(path.resolve(), tuple(Incident(**one) for one in data), tuple(BadRelease(**one) for one in releases))

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which a period ends: each day of an incident and the one after, as data are judged daily."""
        days = {one.since + timedelta(days=n) for one in self.data for n in range((one.until - one.since).days + 2)}
        return tuple(sorted(days | {one.at for one in self.releases}))

    def tried_in(self, period: Period) -> tuple[BadRelease, ...]:
        """The bad releases that are tried from a day of a period on."""
        return tuple(one for one in self.releases if period.since <= one.at < period.until)


def _all(content: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = content.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise InputError(f"scenario: {name}", found, f"tables [[{name}]]")
    return found


def _fields(given: Mapping[str, Any], kinds: Mapping[str, type]) -> dict[str, Any]:
    what = given.get("name", "an incident without a name")
    for name, kind in kinds.items():
        if not isinstance(given.get(name), kind):
            raise InputError(f"scenario: {what}: {name}", given.get(name), "a day" if kind is date else "text")
    return {name: given[name] for name in kinds}
