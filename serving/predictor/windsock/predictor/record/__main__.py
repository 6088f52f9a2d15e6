"""For a person: checks the records of a sink, or ships the journals that a stopped server left.

    python -m windsock.predictor.record check SINK [--head WRITER SEQUENCE DIGEST]...
    python -m windsock.predictor.record ship DIRECTORY SINK

A head is what a server's log said in `record_shipped`; with it, a chain whose end was cut off or rewritten is found.
Exit code 0: all is well; 1: the check found something, or the sink did not take the records; 2: bad input.
"""

import argparse
import sys
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.journal.shipper import Encoding, ship_idle
from windsock.contracts.journal.sinks import SinkError
from windsock.contracts.record_chain import Head
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_sink
from windsock.predictor.record.parquet import SUFFIX, encode_parquet
from windsock.predictor.record.reader import read_records

EXIT_FOUND = 1


def _check(options: argparse.Namespace) -> int:
    reading = read_records(open_sink(options.sink), heads=dict(map(_head, options.head)))
    predictions = sum(1 for _ in reading)
    for writer, audit in sorted(reading.audits.items()):
        end = audit.head.sequence if audit.head else 0
        print(f"{writer}: {audit.accepted} records to {end}, {audit.duplicates} copies, {len(audit.faults)} faults")
        for fault in audit.faults:
            print(f"  {fault.kind}: {fault.first} to {fault.last}")
    for name, reason in sorted(reading.unreadable.items()):
        print(f"unreadable: {name}: {reason}")
    # A check that found nothing to check has shown nothing: more likely the address is a wrong one.
    whole = reading.clean and predictions > 0
    said = "whole" if whole else "not whole" if predictions else "nothing there"
    print(f"{predictions} predictions, {reading.repeated} repeated, {len(reading.audits)} writers: {said}")
    return 0 if whole else EXIT_FOUND


def _head(given: tuple[str, str, str]) -> tuple[str, Head]:
    writer, sequence, digest = given
    try:
        return writer, Head(int(sequence), bytes.fromhex(digest))
    except ValueError as error:
        raise InputError("--head", given, "a writer, a whole number and a digest in hexadecimal") from error


def _ship(options: argparse.Namespace) -> int:
    if not options.directory.is_dir():
        raise InputError("directory", str(options.directory), "a server's record directory")
    sink = open_sink(options.sink)
    print(f"{ship_idle(options.directory, sink, Encoding(SUFFIX, encode_parquet), RecordSettings())} records shipped")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Runs one command, and returns its exit code."""
    parser = argparse.ArgumentParser(
        "windsock.predictor.record", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("check", help="reads a sink, and says what is missing, changed or doubled")
    check.add_argument("sink")
    check.add_argument("--head", nargs=3, action="append", default=[], metavar=("WRITER", "SEQUENCE", "DIGEST"))
    check.set_defaults(run=_check)
    ship = commands.add_parser("ship", help="ships the journals below a directory that no process writes to")
    ship.add_argument("directory", type=Path)
    ship.add_argument("sink")
    ship.set_defaults(run=_ship)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    except SinkError as error:
        print(f"sink: {error}", file=sys.stderr)
        return EXIT_FOUND


if __name__ == "__main__":
    sys.exit(main())
