"""Gets a page with httpx by a policy, by HTTP/2 if the policy and the server have it.

    python httpx_get.py policy.yaml https://backend.internal/

Ends with 0: received, 1: refused, 2: the policy cannot be used.
"""

import sys

import httpx

import uptls


def main(policy_file: str, url: str) -> int:
    """Prints the protocol and the body, or why there is none."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    with httpx.Client(verify=policy.ssl_context(), http2="h2" in policy.alpn) as client:
        try:
            response = client.get(url)
        except httpx.TransportError as error:
            print(f"refused: {error}", file=sys.stderr)
            return 1
    print(response.http_version, response.text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
