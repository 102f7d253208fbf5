"""Asks a backend again and again while the files of its policy change: nothing has to be restarted.

    python rotation.py policy.yaml https://backend.internal/ 100

Each request is a connection of its own, made by what the files hold at that moment. Prints events, and how many
requests were answered. Ends with 0: all of them, 1: some were refused, 2: the policy cannot be used.
"""

import sys
import time

import httpx

import uptls


def main(policy_file: str, url: str, count: str) -> int:
    """Prints what happened."""
    try:
        policy = uptls.UpstreamTlsPolicy.from_file(policy_file)
    except uptls.PolicyError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    def tell(event: uptls.Event) -> None:
        print(f"{event.kind}: generation {event.generation}: {event.message}", flush=True)

    answered = 0
    connector = uptls.Connector(policy, on_event=tell)
    with connector.watch():
        for _ in range(int(count)):
            with httpx.Client(verify=connector.ssl_context()) as client:
                try:
                    answered += client.get(url).is_success
                except httpx.TransportError as error:
                    print(f"refused: {error}", file=sys.stderr)
            time.sleep(0.05)
    print(f"{answered} of {count} requests were answered")
    return 0 if answered == int(count) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
