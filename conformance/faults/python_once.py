"""Under faults: one blocking connection of Python's, and what it leaves open.

Arguments: connect or check, policy, host, port, and where the socket goes.
"""

import os
import sys
from pathlib import Path

import uptls


def descriptors() -> list[int]:
    """Those that are open, asked by calls into which nothing is injected."""
    found = []
    for number in range(64):
        try:
            os.lseek(number, 0, os.SEEK_CUR)
        except OSError as error:
            if error.errno != 29:  # ESPIPE: open, and not a file
                continue
        found.append(number)
    return found


def connect(policy: uptls.UpstreamTlsPolicy, host: str, port: int, connect_to: str) -> str:
    """One exchange: what is to be printed."""
    with policy.connect(host, port, connect_to=connect_to) as stream:
        stream.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while received := stream.recv(4096):
            answer += received
    return "accepted" if answer.endswith(b"ok\n") else "cut off"


def check(policy: uptls.UpstreamTlsPolicy, host: str, port: int, connect_to: str) -> str:
    """One check: what is to be printed."""
    report = policy.check(host, port, connect_to=connect_to)
    return "accepted" if report else f"{report.code}: {report.message}"


def run(mode: str, policy: str, host: str, port: str, connect_to: str) -> str:
    """What is to be printed, also of an error."""
    try:
        prepared = uptls.UpstreamTlsPolicy.from_file(policy)
        return {"connect": connect, "check": check}[mode](prepared, host, int(port), connect_to)
    except uptls.UptlsError as error:
        return f"{error.code}: {error}"


if __name__ == "__main__":
    Path("faults-begin").exists()
    before = descriptors()
    said = run(*sys.argv[1:])
    left = [number for number in descriptors() if number not in before]
    print(said, "leaked" if left else "", flush=True)
    os._exit(0 if said == "accepted" else 1)
