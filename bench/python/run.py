"""What a client costs in Python with uptls, with the module ssl and with rtls: ratios of one run, of a release wheel.

    python run.py target/bench/python.json

Handshakes and data go through memory to one server, that of the module ssl; the client's calls alone are measured.
Requests go over the loopback interface to a server in a process of its own. All figures are processor time of the
client's thread, so that neither that server nor other programs count. Rounds of all sides are interleaved, and a ratio
is the median of the ratios of single rounds.
"""

import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contexts
import keep_alive
from memory import World

import uptls

ROUNDS = 25
SIDES = ("uptls", "ssl", "rtls")

Work = Callable[[str, int], float]
"""Does it so many times with a side, and gives the seconds that the client needed.

So many that what the side before left in the caches does not count.
"""


def measure(work: Work, times: int, sides: tuple[str, ...]) -> dict[str, list[float]]:
    """Seconds by side, of interleaved rounds; the first is a warm-up."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for round_ in range(ROUNDS + 1):
        for turn in range(len(sides)):
            side = sides[(round_ + turn) % len(sides)]
            spent = work(side, times)
            if round_:
                seconds[side].append(spent)
    return seconds


def ratio(seconds: dict[str, list[float]], other: str) -> float:
    """How many times faster uptls is."""
    pairs = zip(seconds["uptls"], seconds[other], strict=True)
    return statistics.median(theirs / ours for ours, theirs in pairs)


def scenarios(folder: Path) -> dict[str, tuple[Work, int, dict[str, float]]]:
    """By name: the work, how often a round does it, and the goals against each other side."""
    full, resumed, bulk = World(folder / "full"), World(folder / "resumed", tickets=2), World(folder / "bulk")
    roots = contexts.Contexts()
    clients = keep_alive.Clients(folder / "requests")
    return {
        "full handshake": (full.handshake, 200, {"ssl": 2.0, "rtls": 1.0}),
        "resumed handshake": (resumed.handshake, 200, {"ssl": 3.0}),
        "context, system roots": (roots.create, 10, {"ssl": 100.0}),
        "the same with a policy": (roots.create_with_policy, 10, {}),
        "read 64 KiB": (bulk.read, 400, {"ssl": 1.0}),
        "write 64 KiB": (bulk.write, 400, {"ssl": 1.0}),
        "request, httpx": (clients.by_httpx, 200, {"ssl": 1.0}),
        "request, aiohttp": (clients.by_aiohttp, 200, {"ssl": 1.0}),
    }


def head() -> None:
    """Of the table."""
    print(f"uptls {uptls.__version__}; processor time of the client, medians, in microseconds; times faster than")
    print(f"{'':24}{'uptls':>10}{'ssl':>10}{'rtls':>10}   {'x ssl':>8}{'x rtls':>8}  goals")


def report(name: str, seconds: dict[str, list[float]], times: int, goals: dict[str, float]) -> dict[str, Any]:
    """Prints a line of the table, and gives what is written of it."""
    micros = {side: statistics.median(spent) / times * 1e6 for side, spent in seconds.items()}
    ratios = {other: ratio(seconds, other) for other in seconds if other != "uptls"}
    said = ", ".join(f"{goal:g}x {side}: {verdict(ratios[side], goal)}" for side, goal in goals.items())
    figures = "".join(f"{micros[side]:10.1f}" if side in micros else f"{'-':>10}" for side in SIDES)
    print(f"{name:24}{figures}   {ratios['ssl']:8.2f}{ratios.get('rtls', math.nan):8.2f}  {said}", flush=True)
    return {"microseconds": micros, "times_faster_than": ratios, "goals": goals}


def main(output: str) -> None:
    """Measures, prints and writes."""
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        head()
        for name, (work, times, goals) in scenarios(Path(folder)).items():
            # rtls resumes nothing.
            seconds = measure(work, times, SIDES[:2] if name.startswith("resumed") else SIDES)
            rows[name] = report(name, seconds, times, goals)
    Path(output).parent.mkdir(parents=True, exist_ok=True)
    Path(output).write_text(json.dumps(rows, indent=2) + "\n")


def verdict(is_: float, goal: float) -> str:
    """In a word."""
    return "met" if is_ >= goal else "MISSED"


if __name__ == "__main__":
    main(*sys.argv[1:])
