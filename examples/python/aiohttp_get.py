"""Gets a page with aiohttp by a policy.

    python aiohttp_get.py policy.yaml https://backend.internal/

Ends with 0: received, 1: refused, 2: the policy cannot be used.
"""

import asyncio
import sys

import aiohttp

import uptls
import uptls.aiohttp


async def main(policy_file: str, url: str) -> int:
    """Prints the body, or why there is none."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    async with aiohttp.ClientSession(connector=uptls.aiohttp.PolicyConnector(policy)) as session:
        try:
            async with session.get(url) as response:
                print(await response.text())
        except aiohttp.ClientError as error:
            print(f"refused: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(*sys.argv[1:])))
