"""A warm interpreter: it has imported what is slow to import, and runs each command in a copy of itself.

    python -m windsock.contracts.warm SOCKET MODULE…

It imports the modules, listens on a Unix socket, and forks for each command: a command starts in milliseconds and is
a process of its own, with arguments, environment, directory and files of its own, that ends and leaves nothing behind.
It ends with the process that started it.

Whoever runs commands calls `run`: where `WINDSOCK_WARM` names a directory that holds the socket of a command's folder,
the command is run there, and else by an interpreter of its own. What comes out is the same.
"""

import array
import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from windsock.contracts.garbage import collect_seldom

PLACE = "WINDSOCK_WARM"
SESSIONS_NICENESS = Path("/proc/self/autogroup")
LENGTH = struct.Struct("!I")
FILES = 3
ON_PARENTS_DEATH = 1
CRASHED = 1


@dataclass(frozen=True)
class Command:
    """`PYTHON -m MODULE ARGUMENTS`, where PYTHON is the interpreter of a prepared environment, `FOLDER/.venv`."""

    python: Path
    module: str
    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str]

    @property
    def folder(self) -> Path:
        """The folder whose environment it runs in."""
        return self.python.parents[2]


def socket_of(place: Path, folder: Path, code: str = "") -> Path:
    """Where the warm interpreter of a folder listens; `code` tells one version of its content from another."""
    return place / f"{folder.parent.name}-{folder.name}{code[:16]}.socket"


def run(command: Command, stdin: IO[Any] | int, stdout: IO[Any] | int, stderr: IO[Any] | int, code: str = "") -> int:
    """Runs a command to its end and returns its exit code, negative for a signal.

    `code` is the content that it is to have: an interpreter that was warmed with another one is not asked.
    """
    place = command.environment.get(PLACE, "")
    if place:
        files = [one if isinstance(one, int) else one.fileno() for one in (stdin, stdout, stderr)]
        ended = _run_warm(socket_of(Path(place), command.folder, code), command, files)
        if ended is not None:
            return ended
    words = [str(command.python), "-m", command.module, *command.arguments]
    return subprocess.run(
        words,
        cwd=command.directory,
        env=dict(command.environment),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        check=False,
    ).returncode


def _run_warm(place: Path, command: Command, files: Sequence[int]) -> int | None:
    """The same in the warm interpreter at a socket; None if there is none. If this process ends, the command does."""
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(place))
        except OSError:
            return None
        wanted = {"module": command.module, "arguments": list(command.arguments), "directory": str(command.directory)}
        given = {"environment": dict(command.environment), "niceness": os.getpriority(os.PRIO_PROCESS, 0)}
        content = json.dumps(wanted | given).encode()
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        connection.sendmsg([LENGTH.pack(len(content))], rights)
        connection.sendall(content)
        answer = _receive(connection, LENGTH.size)
    return int(struct.unpack("!i", answer)[0]) if len(answer) == LENGTH.size else -signal.SIGKILL


def _receive(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size and (part := connection.recv(size - len(content))):
        content += part
    return content


def serve(place: Path) -> None:
    """Takes commands until its parent ends."""
    place.unlink(missing_ok=True)
    partial = place.with_name(f"{place.name}.partial")
    partial.unlink(missing_ok=True)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    # What was imported stays: no copy shall look through it for garbage, which takes longer than many a command.
    gc.collect()
    gc.freeze()
    collect_seldom()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(partial))
        listener.listen()
        partial.rename(place)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                with contextlib.suppress(BaseException):
                    _handle(connection)
                os._exit(0)
            connection.close()


def _handle(connection: socket.socket) -> None:
    """Forks once more: the copy becomes the command, and this one waits for it and tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    files = array.array("i")
    size, ancillary, _, _ = connection.recvmsg(LENGTH.size, socket.CMSG_LEN(FILES * files.itemsize))
    for _, _, content in ancillary:
        files.frombytes(content)
    request = json.loads(_receive(connection, LENGTH.unpack(size)[0]))
    parent = os.getpid()
    command = os.fork()
    if command == 0:
        connection.close()
        os.setsid()
        os._exit(_become(request, files, parent))
    for file in files:
        os.close(file)
    connection.sendall(struct.pack("!i", _wait(command, connection)))


def _wait(command: int, connection: socket.socket) -> int:
    """The command's exit code; if whoever asked for it has gone, its whole session is ended."""
    with open(os.pidfd_open(command), closefd=True) as ended:
        while True:
            ready, _, _ = select.select([ended, connection], [], [])
            if ended in ready:
                return os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            if connection in ready and not connection.recv(1):
                os.killpg(command, signal.SIGTERM)
                return os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])


def _become(request: Mapping[str, Any], files: Sequence[int], parent: int) -> int:
    """Runs the module as the main one and returns its exit code."""
    end_with_parent(parent)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    for name, number, mode in (("stdin", 0, "r"), ("stdout", 1, "w"), ("stderr", 2, "w")):
        setattr(sys, name, open(number, mode, buffering=1, closefd=False, errors="replace"))  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["environment"])
    time.tzset()
    _be_as_nice(request["niceness"])
    os.chdir(request["directory"])
    sys.argv = ["", *request["arguments"]]
    try:
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return _code_of(end.code)
    except BaseException:
        traceback.print_exc()
        return CRASHED
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    return 0


def _be_as_nice(niceness: int) -> None:
    """As nice as whoever asks, as a child of theirs would be.

    A command has a session of its own, and Linux may share processors out by session (`sched_autogroup`): then it is
    the session's niceness that counts, and a process says it for its own.
    """
    if reached := os.nice(max(0, niceness - os.nice(0))):
        with contextlib.suppress(OSError):
            SESSIONS_NICENESS.write_text(str(reached), encoding="ascii")


def _code_of(code: object) -> int:
    """What an interpreter would end with: text is said, and means 1."""
    if code is None or isinstance(code, int):
        return int(code or 0) & 0xFF
    print(code, file=sys.stderr)
    return CRASHED


def end_with_parent(parent: int) -> None:
    """Has this process ended when its parent ends (Linux); at once if that has happened already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(ON_PARENTS_DEATH, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(CRASHED)


def main(arguments: Sequence[str]) -> None:
    """Imports the modules and serves."""
    place, *modules = arguments
    end_with_parent(os.getppid())
    for module in modules:
        importlib.import_module(module)
    serve(Path(place))


if __name__ == "__main__":
    main(sys.argv[1:])
