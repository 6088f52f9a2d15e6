"""Carries batches from a directory to another sink, for a server without a network of its own, as the rules are."""

import threading
from pathlib import Path

from windsock.contracts.journal.sinks import NAME, Sink, SinkError, directory_sink
from windsock.contracts.log import log


def carry_all(directory: Path, sink: Sink) -> int:
    """Carries every whole batch below `directory`, and says how many they were.

    A batch is removed here once the sink has given back the same bytes; who dies before that carries it again, under
    the same name.

    Raises:
        SinkError: the sink is down, or gave back other bytes; what was not carried is still here.
    """
    source = directory_sink(directory.absolute().as_uri())
    carried = 0
    for name in source.names() if directory.is_dir() else []:
        if not NAME.fullmatch(name):
            continue
        content = source.get(name)
        sink.put(name, content)
        if sink.get(name) != content:
            raise SinkError(f"{name}: the sink gave back other bytes than it was given")
        (directory / name).unlink()
        carried += 1
        log("record_carried", object=name, bytes=len(content))
    return carried


def carry_on(directory: Path, sink: Sink, every_s: float, linger_s: float, stop: threading.Event) -> bool:
    """Carries until `stop`, then waits `linger_s` for the server's last batch and carries that too.

    A sink that is down is tried again; said once when it goes, and once when it is back. Returns whether the last try
    brought everything over.
    """
    well = _try(directory, sink, True)
    while not stop.wait(every_s):
        well = _try(directory, sink, well)
    # The server beside this ends at the same time, and ships what it has at its very end.
    threading.Event().wait(linger_s)
    return _try(directory, sink, well)


def _try(directory: Path, sink: Sink, was_well: bool) -> bool:
    try:
        carry_all(directory, sink)
    except SinkError as error:
        if was_well:
            log("record_not_carried", sink=sink.describe(), reason=str(error))
        return False
    if not was_well:
        log("record_carrying_recovered", sink=sink.describe())
    return True
