"""What it takes to get a context that trusts the system's roots."""

import ssl
from time import thread_time

import rtls

import uptls


class Contexts:
    """One Runtime for all policies, as in a program: it loads the roots once."""

    def __init__(self) -> None:
        self._runtime = uptls.Runtime()

    def create(self, side: str, times: int) -> float:
        """Makes contexts, of uptls with a new policy each."""
        began = thread_time()
        for _ in range(times):
            if side == "uptls":
                uptls.UpstreamTlsPolicy(ca=uptls.TrustBundle.system(), runtime=self._runtime).ssl_context()
            elif side == "ssl":
                ssl.create_default_context()
            else:
                rtls.create_default_context()
        return thread_time() - began
