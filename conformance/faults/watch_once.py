"""Under faults: a watch through one rotation. Arguments: policy, its CA's file, and the file that takes its place."""

import faulthandler
import os
import sys
import time
from pathlib import Path

import uptls

PATIENCE = 25.0
"""Seconds: what was missed is found by the poll."""


def run(policy: str, current: str, following: str) -> str:
    """What is to be printed."""
    try:
        connector = uptls.Connector(uptls.UpstreamTlsPolicy.from_file(policy), on_invalid="keep_last_good")
        with connector.watch(interval=0.5):
            Path(following).rename(current)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                if connector.generation == 2 and connector.state == "ready":
                    return "accepted"
                time.sleep(0.02)
            if (reason := connector.reason) is not None:
                return f"{reason.code}: {reason.message}"
            return f"unsettled: generation {connector.generation}, {connector.state}"
    except uptls.UptlsError as error:
        return f"{error.code}: {error}"


if __name__ == "__main__":
    # Where it hangs, for the report.
    faulthandler.dump_traceback_later(PATIENCE + 10)
    Path("faults-begin").exists()
    said = run(*sys.argv[1:])
    print(said, flush=True)
    os._exit(0 if said == "accepted" else 1)
