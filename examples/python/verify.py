"""Says whether a policy accepts a certificate chain.

    python verify.py policy.yaml chain.pem [--host backend.internal] [--at 2027-01-01T00:00:00Z]

Ends with 0: accepted, 1: refused, 2: the policy cannot be used.
"""

import argparse
import sys
from pathlib import Path

import uptls


def main() -> int:
    """Judges one chain and says why it is refused."""
    parser = argparse.ArgumentParser(description="Would this policy accept this certificate chain?")
    parser.add_argument("policy", type=Path)
    parser.add_argument("chain", type=Path)
    parser.add_argument("--host", help="the backend host, for policies whose server name is auto")
    parser.add_argument("--at", help="another time than now: will it still be accepted next month?")
    arguments = parser.parse_args()

    try:
        runtime = uptls.Runtime(at=arguments.at)
        policy = uptls.UpstreamTlsPolicy.from_file(arguments.policy, runtime=runtime)
    except uptls.UptlsError as error:
        print(f"policy: {error.code}: {error}\nhint: {error.hint}", file=sys.stderr)
        return 2

    report = policy.verify(arguments.chain.read_bytes(), arguments.host)
    if not report:
        print(f"{report.verdict}: {report.code}: {report.message}\nhint: {report.hint}", file=sys.stderr)
        return report.exit_code
    print("accepted")
    return 0


if __name__ == "__main__":
    sys.exit(main())
