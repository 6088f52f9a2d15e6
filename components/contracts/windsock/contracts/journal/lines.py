"""Batches as JSON lines: for a server that has the standard library only."""

import json
from collections.abc import Sequence

from windsock.contracts.errors import InputError
from windsock.contracts.record import Prediction
from windsock.contracts.record_chain import Sealed

SUFFIX = "jsonl"


def encode_lines(links: Sequence[Sealed]) -> tuple[bytes, str, str]:
    """One line a record: its place in the chain, and its body as it was sealed. With it, the first and last day."""
    days = sorted(Prediction.decode(link.body).predicted_at.date().isoformat() for link in links)
    return b"".join(map(_line, links)), days[0], days[-1]


def _line(link: Sealed) -> bytes:
    fields = {
        "writer": link.writer,
        "sequence": link.sequence,
        "previous": link.previous.hex(),
        "digest": link.digest.hex(),
        "body": link.body.decode(),
    }
    return json.dumps(fields, ensure_ascii=False).encode() + b"\n"


def decode_lines(content: bytes) -> list[Sealed]:
    """The records that `encode_lines` wrote; whether they are whole is the audit's to say.

    Raises:
        InputError: the bytes are no such lines.
    """
    links = []
    for line in content.split(b"\n")[:-1]:
        try:
            fields = json.loads(line)
            previous, digest = bytes.fromhex(fields["previous"]), bytes.fromhex(fields["digest"])
            body = str(fields["body"]).encode()
            links.append(Sealed(str(fields["writer"]), int(fields["sequence"]), previous, digest, body))
        except (ValueError, KeyError, TypeError) as error:
            raise InputError("record line", line[:80], f"a record as JSON ({error})") from error
    return links
