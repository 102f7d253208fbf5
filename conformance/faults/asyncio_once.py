"""Under faults: one connection of asyncio. Arguments: policy, host, port, and where the socket goes."""

import asyncio
import os
import sys
from pathlib import Path

import uptls


async def run(policy: str, host: str, port: str, connect_to: str) -> str:
    """One exchange: what is to be printed."""
    try:
        connector = uptls.Connector(uptls.UpstreamTlsPolicy.from_file(policy))
        reader, writer = await connector.open_connection(host, int(port), connect_to=connect_to)
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        answer = await reader.read()
        writer.close()
    except uptls.UptlsError as error:
        return f"{error.code}: {error}"
    return "accepted" if answer.endswith(b"ok\n") else "cut off"


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    Path("faults-begin").exists()
    said = loop.run_until_complete(run(*sys.argv[1:]))
    print(said, flush=True)
    os._exit(0 if said == "accepted" else 1)
