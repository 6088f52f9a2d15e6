"""Prediction records as the shipper left them, with an account of all that is no evidence."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
from windsock.contracts.journal.lines import SUFFIX as LINES
from windsock.contracts.journal.lines import decode_lines
from windsock.contracts.journal.reading import Reading
from windsock.contracts.journal.sinks import DirectorySink
from windsock.contracts.record import Prediction
from windsock.contracts.use_case import UseCase
from windsock.ingest.arrow import decode_records

PARQUET = "parquet"
LAST_DAY = "9999-12-31"
PRIMARY = "primary"
FEATURES, BEHIND_FEATURES = b'"features":{', b'},"format":'
ROLE, ANSWERED = b',"role":"', b',"role":"primary",'


def answered_at(prediction: Prediction, use_case: UseCase) -> datetime:
    """The time that an answer belongs to.

    That is when it was given. Where past days are replayed (`drift.dated_by = "event"`) it is when the question would
    have been asked: its lead time before the event.
    """
    if use_case.drift.dated_by == "event":
        return prediction.event_time - timedelta(minutes=use_case.request.lead_time_minutes)
    return prediction.predicted_at


def what_is_joined(body: bytes) -> Any:
    """A record's fields but for the features that its row was made of, which nobody joins.

    They are half of a record's bytes and are not even parsed: names are in order, and no text in JSON has such marks in
    it. Where a feature bears the name of the field that follows, a brace is left over, and the whole is parsed.
    """
    before, _, rest = body.partition(FEATURES)
    _, found, after = rest.partition(BEHIND_FEATURES)
    try:
        fields = orjson.loads(b"".join((before, FEATURES, found, after)) if found else body)
    except orjson.JSONDecodeError:
        fields = orjson.loads(body)
    fields["features"] = {}
    return fields


def is_copy(body: bytes) -> bool:
    """Whether a record is one of a copy, by its bytes: where the last mark is, since only numbers follow the role.

    Of bytes that are no record as ours are written it says no; then the record is parsed, and says it itself.
    """
    mark = body.rfind(ROLE)
    return mark >= 0 and not body.startswith(ANSWERED, mark)


class Records:
    """The answers of some days up to a time, each once.

    A copy of a request, which a release answers to be compared, answers nobody and is left out. After one pass, `read`
    counts the records that were read, `copies` those of copies, `later` those from `as_of` on, `older` those of before
    `since`; `faults` those whose chain is broken or whose bytes are not the ones that were sealed, and `unreadable` the
    objects that are no batches.
    """

    def __init__(self, directory: Path, use_case: UseCase, since: datetime, as_of: datetime) -> None:
        # The names of batches tell the days on which records were written. Where past days are replayed, these may be
        # later than any `as_of`, but never earlier than what they answered.
        last = as_of.date().isoformat() if use_case.drift.dated_by == "record" else LAST_DAY
        days = (since.date().isoformat(), last)
        decoders = {PARQUET: decode_records, LINES: decode_lines}
        self._reading = Reading(DirectorySink(directory), decoders, days, from_json=what_is_joined, passed_over=is_copy)
        self._use_case, self._since, self._as_of = use_case, since, as_of
        self._copies = self._answers = self.later = self.older = 0

    def __iter__(self) -> Iterator[Prediction]:
        for prediction in self._reading:
            if prediction.role != PRIMARY:
                self._copies += 1
                continue
            self._answers += 1
            at = answered_at(prediction, self._use_case)
            # The day that begins now may be asked while this one is watched: its first answer is none of this one's.
            if at >= self._as_of:
                self.later += 1
            elif at < self._since:
                self.older += 1
            else:
                yield prediction

    @property
    def copies(self) -> int:
        """Records of copies in the batches that were read, each as often as it is there."""
        return self._copies + self._reading.passed

    @property
    def read(self) -> int:
        """Records of answers, each once, and of copies."""
        return self._answers + self.copies

    @property
    def repeated(self) -> int:
        """Records that came again under another place of a chain."""
        return self._reading.repeated

    @property
    def faults(self) -> int:
        """Places of chains that are missing, edited, doubled or sealed after another record than they say."""
        return sum(fault.last - fault.first + 1 for audit in self._reading.audits.values() for fault in audit.faults)

    @property
    def unreadable(self) -> dict[str, str]:
        """Objects that are no batches of records, with the reason."""
        return self._reading.unreadable
