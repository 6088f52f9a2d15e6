"""Sends replayed requests through the edge: as fast as asked for, whether earlier ones were answered or not."""

import http.client
import json
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from windsock.edge.render import STICKY

from serving.local.place import Running

HOST = "127.0.0.1"
PATIENCE_S = 10.0
SENDERS = 16


@dataclass
class Sent:
    """How many requests were answered, and how many were not answered with 200."""

    answered: int = 0
    lost: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, requests: int, answered: bool) -> None:
        """Counts requests that were sent together."""
        with self.lock:
            self.answered += requests * answered
            self.lost += requests * (not answered)


class Sender:
    """Keeps connections to the edge; use as a context. `batch_rows` requests go together in one call.

    A call names what it asks about first, by `key`, as the sticky key: in another replay the split falls the same way.
    """

    def __init__(
        self, running: Running, key: Sequence[str], per_s: float, senders: int = SENDERS, batch_rows: int = 1
    ) -> None:
        self.sent = Sent()
        self._port, self._path, self._key = running.port, f"/v1/models/{running.model}:predict", key
        self._per_s, self._batch_rows = per_s, batch_rows
        self._waiting: queue.Queue[list[dict[str, Any]] | None] = queue.Queue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(senders)]

    def __enter__(self) -> "Sender":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _thread in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def send(self, requests: Sequence[dict[str, Any]], going: Callable[[], bool]) -> None:
        """Sends `per_s` requests a second while `going`, and waits until all are answered."""
        began = time.monotonic()
        for first in range(0, len(requests), self._batch_rows):
            time.sleep(max(0.0, began + first / self._per_s - time.monotonic()))
            if not going():
                break
            self._waiting.put(list(requests[first : first + self._batch_rows]))
        self._waiting.join()

    def _work(self) -> None:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=PATIENCE_S)
        while (requests := self._waiting.get()) is not None:
            try:
                body = json.dumps({"instances": requests})
                sticky = "|".join(str(requests[0][name]) for name in self._key)
                connection.request("POST", self._path, body, {"content-type": "application/json", STICKY: sticky})
                response = connection.getresponse()
                response.read()
                self.sent.count(len(requests), response.status == http.client.OK)
            except (OSError, http.client.HTTPException):
                connection.close()
                self.sent.count(len(requests), False)
            finally:
                self._waiting.task_done()
        connection.close()
