"""Gets a page with requests by a policy.

    python requests_get.py policy.yaml https://backend.internal/

Ends with 0: received, 1: refused, 2: the policy cannot be used.
"""

import sys

import requests

import uptls
import uptls.requests


def main(policy_file: str, url: str) -> int:
    """Prints the body, or why there is none."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    with uptls.requests.session(policy) as session:
        try:
            response = session.get(url, timeout=10)
        except requests.exceptions.RequestException as error:
            print(f"refused: {error}", file=sys.stderr)
            return 1
    print(response.text)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
