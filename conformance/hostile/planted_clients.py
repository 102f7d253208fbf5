"""Whether the judge finds what it is for: clients with a defect each, real processes, and the twin that has none."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from faces import LIMIT, Meeting, Runner

WANTED = "peer_misbehaved"
REFUSAL = f"print('{WANTED}: the peer violated TLS'); sys.exit(3)"
DEFECTS = {
    "hung": "time.sleep(3600)",
    "died": "os.kill(os.getpid(), signal.SIGSEGV)",
    "panicked": "print(\"thread 'main' panicked at core/src/lib.rs:1:1\"); sys.exit(101)",
    "accepted instead": "sys.exit(0)",
    "no code instead": "print('something failed'); sys.exit(1)",
    "peer_closed instead": "print('peer_closed: the peer closed the connection'); sys.exit(3)",
    "KiB more": f"kept = b'x' * (64 << 20); {REFUSAL}",
    "s of processor more": f"[None for _ in iter(lambda: time.process_time() < 2.5, False)]; {REFUSAL}",
}
"""What a client with a defect does, by what the judge must say of it."""


def missed(runner: Runner, judge: Callable[[Meeting, list[str], Meeting | None], list[str]]) -> list[str]:
    """The defects that the judge did not see, and what it says of a client without one."""

    def client(program: str) -> Meeting:
        limit = 3 if "sleep" in program else LIMIT
        return runner.run([sys.executable, "-E", "-c", f"import os, signal, sys, time; {program}"], limit)

    twin = client("print('accepted')")
    wrong = [f"the honest twin: {said}" for said in judge(twin, [], None)]
    wrong += [f"a right refusal: {said}" for said in judge(client(REFUSAL), [WANTED], twin)]
    with ThreadPoolExecutor() as pool:
        meetings = dict(zip(DEFECTS, pool.map(client, DEFECTS.values()), strict=True))
    for defect, meeting in meetings.items():
        said = judge(meeting, [WANTED], twin)
        if not any(defect in one for one in said):
            wrong.append(f"a client that {defect!r} is not seen: {said}")
    return wrong
