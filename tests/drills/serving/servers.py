"""Small real HTTP servers whose behaviour is switched while they run, to stand behind the edge."""

import asyncio
from typing import Self

READY_PATH = "/v2/health/ready"


class SwitchedServer:
    """Answers on a loopback port as `behaviour` says: `answer`, `fail` (503), `shed` (429), `reset` or `hang`.

    `ready` is what its readiness says. `seen` keeps the headers of every prediction request.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.behaviour = "answer"
        self.ready = True
        self.seen: list[dict[str, str]] = []
        self.port = 0
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> Self:
        """Listens, on the same port as before if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def die(self) -> None:
        """Closes the port and every connection, in the middle of whatever they do."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._open):
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, EOFError):
            writer.transport.abort()
        finally:
            self._open.discard(writer)

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False when the connection is to end."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        await reader.readexactly(int(headers.get("content-length", 0)))
        if head[0].split()[1] == READY_PATH:
            self._answer(writer, 200 if self.ready else 503)
            return True
        self.seen.append(headers)
        if self.behaviour == "reset":
            writer.transport.abort()
            return False
        if self.behaviour == "hang":
            await asyncio.sleep(3600)
        self._answer(writer, {"fail": 503, "shed": 429}.get(self.behaviour, 200))
        return True

    def _answer(self, writer: asyncio.StreamWriter, status: int) -> None:
        body = self.name.encode()
        head = f"HTTP/1.1 {status} x\r\ncontent-length: {len(body)}\r\nx-windsock-release: {self.name}\r\n\r\n"
        writer.write(head.encode() + body)
