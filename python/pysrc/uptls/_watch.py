"""A thread on request that follows the files of a policy."""

import os
import threading
import weakref
from types import TracebackType
from typing import Literal, Self

from uptls import _native
from uptls._native import Connector


class Watch:
    """Keeps a connector in step with the files of its policy, until it is closed.

    Files are read when the system says that their folder changed, and every `interval` seconds anyway, 10 at most.
    After `update` it goes on with the files of the new policy. Events go to the connector's `on_event`, to the log and
    to `events()`. A file that is gone withdraws the policy, and its return publishes it again; one that a writer has
    not closed is waited for, and one that cannot be read for want of descriptors changes nothing. What the caller
    refused or withdrew it never starts. Raises MisuseError for the connector of a policy. A fork takes no thread along:
    a child opens its own.
    """

    def __init__(self, connector: Connector, interval: float = 10.0) -> None:
        self._watch = _native.Watch(connector, interval)
        self._connector = connector
        stop = threading.Event()
        self._finish = weakref.finalize(self, stop.set)
        # Not a daemon: one that is inside the library when the interpreter goes away is none's to end.
        self._thread = threading.Thread(target=_pump, args=(connector, stop), name="uptls-events")
        self._thread.start()

    @property
    def state(self) -> Literal["closed", "events", "polling"]:
        """How it learns of changes: `polling` while the system gives no events, which are asked for again and again."""
        return self._watch.state

    @property
    def reason(self) -> str | None:
        """Why it is `polling`, as the system says it; else None."""
        return self._watch.reason

    def refresh(self) -> None:
        """Has every file read now."""
        self._watch.refresh()

    def changed(self, path: str | os.PathLike[str]) -> None:
        """Says that `path`, or something in it, changed."""
        self._watch.changed(path)

    def close(self) -> None:
        """Ends it, after the step that is under way; what happened until then is told. Again: nothing.

        It waits a second at most for storage that does not answer; what that says later changes nothing.
        """
        self._watch.close()
        self._finish()
        if self._thread is not threading.current_thread():
            self._thread.join()
        self._connector._pump()  # noqa: SLF001

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Watch {self.state}>"


def _pump(connector: Connector, stop: threading.Event) -> None:
    """Hands events on until it is stopped, or the program has come to its end."""
    while not stop.wait(_PERIOD) and threading.main_thread().is_alive():
        connector._pump()  # noqa: SLF001


_PERIOD = 0.1
"""Seconds between the connector's events and who is told of them."""
