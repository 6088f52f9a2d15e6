"""The process: one release, its servers, their start and their end."""

import asyncio
import gc
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Protocol

from windsock.contracts.errors import InputError
from windsock.contracts.log import log
from windsock.predictor.answer import CLOCKS, Answerer
from windsock.predictor.http import HttpServer
from windsock.predictor.metrics import Metrics
from windsock.predictor.options import Options
from windsock.predictor.paths import Paths
from windsock.predictor.plan import Plan
from windsock.predictor.record import Recorder, open_recorder
from windsock.predictor.release import Release, load_release
from windsock.predictor.store import Reader, open_reader

EXIT_FORCED = 130
# A worker that computes gives the event loop its turn after this time; Python's own 5 ms would be seen in the latency.
SWITCH_INTERVAL_S = 0.0005
# The collector looks at young objects less often, and never again at what was loaded before serving.
COLLECT_AFTER = 20_000


class Endpoint(Protocol):
    """A server of one protocol."""

    async def start(self, host: str, port: int) -> int:
        """Listens, and returns the port."""

    async def stop(self, within_s: float) -> None:
        """Lets requests in work end, and closes."""


class Server:
    """Everything between the start and the end of the process."""

    def __init__(self, options: Options, release: Release, recorder: Recorder) -> None:
        self._options = options
        self._recorder = recorder
        self._stopping = asyncio.Event()
        self._draining = False
        self._loading = threading.Lock()
        self.metrics = Metrics(self._gauges)
        self.metrics.serves(release.digest)
        timeout_s = release.use_case.serving.features_ms / 1000

        def reader(plan: Plan) -> Reader:
            return open_reader(options.online_store, plan, timeout_s)

        self.answerer = Answerer(release, recorder, self.metrics, reader, CLOCKS[options.clock])
        self.paths = Paths(self.answerer, self.metrics, self.ready)
        self._http = HttpServer(self.paths.handle, lambda: self.answerer.release.use_case.serving.body_bytes_at_most)
        self._endpoints: list[Endpoint] = [self._http]

    def ready(self) -> bool:
        """Whether requests may be sent here: by model or by rules, an answer comes and can be recorded."""
        return not self._draining and self._recorder.state().can_record

    def _gauges(self) -> dict[str, float]:
        record = self._recorder.state()
        fault = self.answerer.model_fault
        return {
            "in_work": self.answerer.in_work,
            "waiting_for_worker": self.answerer.workers.waiting,
            "ready": self.ready(),
            "answers_by_model": not fault,
            "breaker_open": fault == "features_open",
            "record_waiting": record.waiting,
            "record_unshipped": record.unshipped,
            "record_filled_ratio": record.filled,
            "record_behind_seconds": record.behind_s,
        }

    async def run(self) -> None:
        """Serves until a signal asks for the end."""
        options = self._options
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        grpc_port = await self._start_grpc() if options.grpc_port else 0
        http_port = await self._http.start(options.host, options.http_port)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, 20, 50)
        log("serving", http_port=http_port, grpc_port=grpc_port, release=self.answerer.release.digest, pid=os.getpid())
        await self._stopping.wait()
        await asyncio.sleep(options.drain_s)
        within_s = self.answerer.release.use_case.serving.deadline_ms / 1000
        await asyncio.gather(*(endpoint.stop(within_s) for endpoint in self._endpoints))
        self.answerer.workers.close()
        await asyncio.to_thread(self._recorder.close)
        log("stopped", release=self.answerer.release.digest)

    async def _start_grpc(self) -> int:
        from windsock.predictor.grpc_service import GrpcServer  # KServe takes seconds to import.

        server = GrpcServer(self.answerer, self.metrics, self.ready)
        self._endpoints.append(server)
        return await server.start(self._options.host, self._options.grpc_port)

    def _stop(self) -> None:
        if self._draining:
            os._exit(EXIT_FORCED)
        self._draining = True
        log("stopping", drain_s=self._options.drain_s)
        self._stopping.set()

    def _reload(self) -> None:
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._load, args=(loop, self._options.model_dir), daemon=True).start()

    def _load(self, loop: asyncio.AbstractEventLoop, directory: Path) -> None:
        """Loads another release beside the event loop; a refused one changes nothing but a counter."""
        with self._loading:
            try:
                options = self._options
                release = load_release(directory, options.model_name, options.known, options.recorded)
            except InputError as error:
                loop.call_soon_threadsafe(self._refused, str(error))
            else:
                loop.call_soon_threadsafe(self._take, release)

    def _refused(self, line: str) -> None:
        self.metrics.refused()
        log("release_refused", reason=line, release=self.answerer.release.digest)

    def _take(self, release: Release) -> None:
        self.answerer.take(release)
        self.metrics.serves(release.digest)
        self.paths.refresh()
        log("release", release=release.digest)


def serve(options: Options) -> None:
    """Loads the release, opens the record and serves; returns when a signal asked for the end.

    Raises:
        InputError: the release is refused, the record cannot be opened, or a port is taken.
    """
    import uvloop

    release = load_release(options.model_dir, options.model_name, options.known, options.recorded)
    open_reader(options.online_store, release.plan, 1.0).close()
    sink = options.sink or (options.record_dir.absolute() / "shipped").as_uri()
    recorder = open_recorder(options.record_dir, sink, release.use_case.serving.record, release.protocol.name)

    async def main() -> None:
        await Server(options, release, recorder).run()

    try:
        uvloop.run(main())
    except OSError as error:
        raise InputError("port", f"{options.http_port}, {options.grpc_port}", f"free ports ({error})") from error
    finally:
        recorder.close()
