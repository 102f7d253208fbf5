"""A thread that follows the files of a policy."""

import os
import threading
import weakref
from types import TracebackType
from typing import Literal, Self

from uptls import _native
from uptls._native import Connector


class Watch:
    """Keeps a connector in step with the files of its policy, until it is closed.

    It reads files when the system reports a change of their folder, and every `interval` seconds anyway, 10 at most.
    After `update` it follows the files of the new policy. Events go to the connector's `on_event`, to the log and to
    `events()`. A file that is gone withdraws the policy, and its return publishes it again. The watch waits for a file
    that a writer has not closed. A file that cannot be read for want of descriptors changes nothing. The watch never
    starts a connector that the caller refused or withdrew. Raises MisuseError for the connector of a policy. A fork
    takes no thread along: a child opens its own.

    >>> connector = uptls.Connector(policy)
    >>> with connector.watch() as watch:
    ...     watch.state in {"events", "polling"}
    True
    >>> watch.state
    'closed'
    """

    def __init__(self, connector: Connector, interval: float = 10.0) -> None:
        self._watch = _native.Watch(connector, interval)
        self._connector = connector
        stop = threading.Event()
        self._finish = weakref.finalize(self, stop.set)
        # Not a daemon: nothing can end a thread that is inside the library when the interpreter exits.
        self._thread = threading.Thread(target=_pump, args=(connector, stop), name="uptls-events")
        self._thread.start()

    @property
    def state(self) -> Literal["closed", "events", "polling"]:
        """How it learns of changes: `polling` while the system gives no events; it keeps asking for them."""
        return self._watch.state

    @property
    def reason(self) -> str | None:
        """Why it is `polling`, with the system's reason; otherwise None."""
        return self._watch.reason

    def refresh(self) -> None:
        """Reads every file now."""
        self._watch.refresh()

    def changed(self, path: str | os.PathLike[str]) -> None:
        """Reports that `path`, or something in it, changed."""
        self._watch.changed(path)

    def close(self) -> None:
        """Ends the watch after the current step, and delivers the events until then. A second call has no effect.

        It waits a second at most for storage that does not answer; a later answer changes nothing.
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
    """Delivers events until the watch is closed, or the program ends."""
    while not stop.wait(_PERIOD) and threading.main_thread().is_alive():
        connector._pump()  # noqa: SLF001


_PERIOD = 0.1
"""Seconds between looks at the connector's events."""
