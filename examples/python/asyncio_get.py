"""Sends a line and prints the answer, over asyncio's streams to a verified peer.

    python asyncio_get.py policy.yaml backend.internal 443 [10.0.0.7]

The last argument is where the socket goes, if the name is not to be resolved. Ends with 0: received, 1: refused, 2: the
policy cannot be used.
"""

import asyncio
import sys

import uptls


async def main(policy_file: str, host: str, port: str, address: str | None = None) -> int:
    """Prints which name was verified, and the answer."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    try:
        reader, writer = await policy.open_connection(host, int(port), connect_to=address, timeout=10)
        print(writer.get_extra_info("ssl_object").peer.matched_name)
        writer.write(b"GET / HTTP/1.0\r\n\r\n")
        print((await reader.read()).decode())
        writer.close()
        await writer.wait_closed()
    except uptls.UptlsError as error:
        print(f"refused: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
