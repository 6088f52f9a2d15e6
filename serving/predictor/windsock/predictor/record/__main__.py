"""Checks the records of a sink, ships the journals that a stopped server left, carries what another server ships.

    python -m windsock.predictor.record check SINK [--head WRITER SEQUENCE DIGEST]...
    python -m windsock.predictor.record ship DIRECTORY SINK
    python -m windsock.predictor.record carry DIRECTORY SINK [--every_s 10] [--linger_s 20]

`carry` runs beside a server that ships to DIRECTORY, until it is told to stop (SIGTERM).
A head is what a server's log said in `record_shipped`; with it, a chain whose end was cut off or rewritten is found.
Exit code 0: all is well; 1: the check found something, or the sink did not take the records; 2: bad input.
"""

import argparse
import signal
import sys
import threading
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.journal.shipper import Encoding, ship_idle
from windsock.contracts.journal.sinks import SinkError
from windsock.contracts.record_chain import Head
from windsock.contracts.record_settings import RecordSettings
from windsock.predictor.record import open_sink
from windsock.predictor.record.carry import carry_on
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


def _carry(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    done = carry_on(options.directory, open_sink(options.sink), options.every_s, options.linger_s, stop)
    return 0 if done else EXIT_FOUND


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
    carry = commands.add_parser("carry", help="brings batches from a directory to a sink, until SIGTERM")
    carry.add_argument("directory", type=Path)
    carry.add_argument("sink")
    carry.add_argument("--every_s", type=float, default=10.0)
    carry.add_argument("--linger_s", type=float, default=20.0, help="how long the server beside it may take to end")
    carry.set_defaults(run=_carry)
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
