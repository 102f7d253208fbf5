"""Requests over a connection that stays, to a server in a process of its own."""

import asyncio
import atexit
import ssl
import subprocess
import sys
from pathlib import Path
from time import thread_time
from typing import Any

import aiohttp
import certificates
import httpx

REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Clients:
    """One client of each kind and side, whose connection is made before anything is timed."""

    def __init__(self, folder: Path) -> None:
        self._ca, leaf = certificates.made(folder)
        command = [sys.executable, __file__, str(leaf.certificate), str(leaf.key)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        atexit.register(self.close)
        assert self._server.stdout
        self._url = f"https://localhost:{int(self._server.stdout.readline())}/"
        self._clients: dict[str, httpx.Client] = {}
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._loop = asyncio.new_event_loop()

    def close(self) -> None:
        """Closes everything."""
        for client in self._clients.values():
            client.close()
        for session in self._sessions.values():
            self._loop.run_until_complete(session.close())
        self._loop.close()
        self._server.kill()
        self._server.communicate()

    def by_httpx(self, side: str, times: int) -> float:
        """Requests of httpx."""
        if side not in self._clients:
            self._clients[side] = httpx.Client(verify=certificates.context(side, self._ca), trust_env=False)
        client = self._clients[side]
        client.get(self._url)
        began = thread_time()
        for _ in range(times):
            assert client.get(self._url).is_success
        return thread_time() - began

    def by_aiohttp(self, side: str, times: int) -> float:
        """Requests of aiohttp."""
        return self._loop.run_until_complete(self._aiohttp(side, times))

    async def _aiohttp(self, side: str, times: int) -> float:
        if side not in self._sessions:
            context: Any = certificates.context(side, self._ca)
            self._sessions[side] = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context))
        session = self._sessions[side]
        await self._get(session)
        began = thread_time()
        for _ in range(times):
            await self._get(session)
        return thread_time() - began

    async def _get(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._url) as response:
            assert await response.read() == b"hello"


async def serve(certificate: str, key: str) -> None:
    """Answers every request in the same way."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, OSError):
                return writer.close()
            writer.write(REPLY)

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
