"""What it takes to get a context that trusts the system's roots."""

import ssl
from collections.abc import Callable
from time import thread_time

import rtls

import uptls


class Contexts:
    """One Runtime for all policies, as in a program: it loads the roots once."""

    def __init__(self) -> None:
        self._runtime = uptls.Runtime()

        self._policy = self._load()

    def _load(self) -> uptls.UpstreamTlsPolicy:
        return uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.system(), runtime=self._runtime)

    def create(self, side: str, times: int) -> float:
        """Makes contexts; those of uptls are of one policy, which holds the roots."""
        return self._create(side, times, self._policy.ssl_context)

    def create_with_policy(self, side: str, times: int) -> float:
        """The same with a new policy each time, which is checked and fingerprinted with all roots."""
        return self._create(side, times, lambda: self._load().ssl_context())

    def _create(self, side: str, times: int, ours: Callable[[], object]) -> float:
        began = thread_time()
        for _ in range(times):
            if side == "uptls":
                ours()
            elif side == "ssl":
                ssl.create_default_context()
            else:
                rtls.create_default_context()
        return thread_time() - began
