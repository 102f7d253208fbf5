"""Gets a page with aiohttp by a policy.

    python aiohttp_get.py policy.yaml https://backend.internal/

Ends with 0: received, 1: refused, 2: the policy cannot be used.
"""

import asyncio
import sys

import aiohttp

import uptls


async def main(policy_file: str, url: str) -> int:
    """Prints the body, or why there is none."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    # aiohttp speaks HTTP/1.1 alone, and leaves ALPN to the context.
    context = policy.ssl_context(alpn=["http/1.1"] if policy.alpn else [])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        try:
            async with session.get(url) as response:
                print(await response.text())
        except aiohttp.ClientError as error:
            print(f"refused: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
