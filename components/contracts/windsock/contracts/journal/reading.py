"""Reads records back from a sink: each prediction once, none that was changed, and an account of what is wrong."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from operator import attrgetter
from re import Match

from windsock.contracts.errors import InputError
from windsock.contracts.journal.sinks import NAME, Sink
from windsock.contracts.record import FromJson, Prediction
from windsock.contracts.record_chain import Audit, Head, Sealed, accepted, accepted_alone, genesis

Decoder = Callable[[bytes], list[Sealed]]


class Reading:
    """One pass over a sink. Iterate to get the predictions; the account is complete when the iteration is.

    `audits` maps a writer to what its chain was found to be, `repeated` counts predictions that came again under
    another place, and `unreadable` names the objects that are no batches, with the reason. Several writers whose names
    begin alike show that a journal was lost and begun anew. All chains are read from their beginning, and up to
    `heads`, where someone noted the last record of a writer. With `days` (first and last, such as `2013-07-01`), only
    objects that can hold predictions of those days are read: then each object is checked by itself. Records of which
    `passed_over` says so by their bytes are whole and in their place as the others, and then only counted: in
    `passed`.
    Memory: about 100 bytes a record, to know a repetition.
    """

    def __init__(
        self,
        sink: Sink,
        decoders: Mapping[str, Decoder],
        days: tuple[str, str] | None = None,
        heads: Mapping[str, Head] | None = None,
        from_json: FromJson = json.loads,
        passed_over: Callable[[bytes], bool] | None = None,
    ) -> None:
        self._from_json, self._passed_over = from_json, passed_over
        self._sink, self._decoders, self._days, self._heads = sink, decoders, days, dict(heads or {})
        self.audits: dict[str, Audit] = {}
        self.repeated = self.passed = 0
        self.unreadable: dict[str, str] = {}

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong; copies of a record are nothing wrong."""
        return not self.unreadable and not any(audit.faults for audit in self.audits.values())

    def __iter__(self) -> Iterator[Prediction]:
        seen: set[str] = set()
        first, last = map(date.fromisoformat, self._days) if self._days else (date.min, date.max)
        for writer, objects in self._objects().items():
            for link in self._chain(writer, objects):
                if self._passed_over and self._passed_over(link.body):
                    self.passed += 1
                    continue
                prediction = Prediction.decode(link.body, self._from_json)
                if not first <= prediction.predicted_at.date() <= last:
                    continue
                if prediction.prediction_id in seen:
                    self.repeated += 1
                    continue
                seen.add(prediction.prediction_id)
                yield prediction

    def _objects(self) -> dict[str, list[Match[str]]]:
        """The batches by writer, in the order of their place in the chain."""
        objects: dict[str, list[Match[str]]] = {writer: [] for writer in ([] if self._days else self._heads)}
        for name in self._sink.names():
            match = NAME.fullmatch(name)
            if match is None or match["suffix"] not in self._decoders:
                self.unreadable[name] = "the name is not that of a batch"
            elif not self._days or (match["from_day"] <= self._days[1] and self._days[0] <= match["to_day"]):
                objects.setdefault(match["writer"], []).append(match)
        return objects

    def _chain(self, writer: str, objects: Iterable[Match[str]]) -> Iterator[Sealed]:
        audit = self.audits.setdefault(writer, Audit(writer))
        if self._days:
            for match in objects:
                yield from accepted_alone(self._links([match]), audit)
        else:
            links = (link for group in _overlapping(objects) for link in self._links(group))
            yield from accepted(links, audit, genesis(writer), self._heads.get(writer))

    def _links(self, group: Iterable[Match[str]]) -> list[Sealed]:
        links: list[Sealed] = []
        for match in group:
            name = match.string
            try:
                found = self._decoders[match["suffix"]](self._sink.get(name))
                stray = [link for link in found if not _belongs(link, match)]
                if stray:
                    raise InputError("place of a record", stray[0].sequence, "one that the object's name says")
                links += found
            except InputError as error:
                self.unreadable[name] = str(error)
        return sorted(links, key=attrgetter("sequence"))


def _belongs(link: Sealed, match: Match[str]) -> bool:
    return link.writer == match["writer"] and int(match["first"]) <= link.sequence <= int(match["last"])


def _overlapping(objects: Iterable[Match[str]]) -> Iterator[list[Match[str]]]:
    """Batches that share places, together; as a rule each is alone."""
    group: list[Match[str]] = []
    last = 0
    for match in sorted(objects, key=lambda match: (int(match["first"]), int(match["last"]))):
        if group and int(match["first"]) > last:
            yield group
            group = []
        group.append(match)
        last = max(last, int(match["last"]))
    if group:
        yield group
