"""The rules service's command line, start and end."""

import argparse
import asyncio
import os
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from windsock.contracts.errors import EXIT_BAD_INPUT, InputError
from windsock.contracts.journal import Recorder
from windsock.contracts.log import log
from windsock.contracts.recorded import CLOCK as RECORDED
from windsock.rules.http import RulesServer
from windsock.rules.release import Release, load_release
from windsock.rules.service import Service

EXIT_FORCED = 130
CLOCKS = ("real", RECORDED)


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """Reads the flags; each may be given as WINDSOCK_<FLAG> in the environment."""
    parser = argparse.ArgumentParser("python -m windsock.rules", description="Answers by a release's rules alone.")
    parser.add_argument("--model_dir", type=Path, required=True, help="the release bundle")
    parser.add_argument("--record_dir", type=Path, required=True, help="where the journal of answers is kept")
    parser.add_argument("--sink", default="", help="file:///directory; default: beside the journal")
    parser.add_argument("--model_name", default="", help="the model's name in paths; default: that of the use case")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--http_port", type=int, default=8082, help="0 takes a free one")
    parser.add_argument("--clock", choices=CLOCKS, default="real", help="`recorded` for a past that is asked anew")
    parser.add_argument("--drain_s", type=float, default=0.0)
    names = ("model_dir", "record_dir", "sink", "model_name", "host", "http_port", "clock", "drain_s")
    given = [(name, environment.get("WINDSOCK_" + name.upper())) for name in names]
    return parser.parse_args([part for name, value in given if value for part in (f"--{name}", value)] + [*arguments])


async def serve(options: argparse.Namespace, release: Release, recorder: Recorder) -> None:
    """Serves until SIGTERM or SIGINT; SIGHUP opens the bundle again."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    service = Service(release, recorder, loop)
    try:
        server = RulesServer((options.host, options.http_port), service)
    except (OSError, OverflowError) as error:
        raise InputError("--http_port", options.http_port, f"a free port ({error})") from error

    def stop() -> None:
        if service.draining:
            os._exit(EXIT_FORCED)
        service.draining = True
        stopping.set()

    def reload() -> None:
        try:
            service.release = load_release(options.model_dir, options.model_name, options.clock == RECORDED)
            log("release", release=service.release.digest)
        except InputError as error:
            log("release_refused", reason=str(error), release=service.release.digest)

    for number, action in {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}.items():
        loop.add_signal_handler(number, action)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    log("serving", http_port=server.server_port, grpc_port=0, release=release.digest, pid=os.getpid())
    await stopping.wait()
    await asyncio.sleep(options.drain_s)
    await asyncio.to_thread(server.shutdown)
    server.server_close()
    give_up_at = loop.time() + release.use_case.serving.deadline_ms / 1000
    while service.in_work and loop.time() < give_up_at:
        await asyncio.sleep(0.005)
    log("stopped", release=service.release.digest)


def main() -> int:
    """Serves until told to stop; a bad release, place or port is one line and exit code 2."""
    options = read_options(sys.argv[1:], os.environ)
    try:
        release = load_release(options.model_dir, options.model_name, options.clock == RECORDED)
        sink = options.sink or (options.record_dir.absolute() / "shipped").as_uri()
        recorder = Recorder.open(options.record_dir, sink, release.use_case.serving.record, release.protocol.name)
        try:
            asyncio.run(serve(options, release, recorder))
        finally:
            recorder.close()
    except InputError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD_INPUT
    return 0


if __name__ == "__main__":
    sys.exit(main())
