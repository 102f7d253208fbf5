"""What a program is told of connections and policies, in a thread of its own."""

import atexit
import json
import logging
import os
import sys
import threading
import weakref
from dataclasses import dataclass, fields
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from uptls._native import Observations

_LOG = logging.getLogger("uptls")


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """What happened. What does not apply or is not known is None; durations are seconds, times unix seconds.

    >>> uptls.Observation(observation="connection_failed", host="payments.internal", code="tcp_refused").code
    'tcp_refused'
    """

    observation: str
    """The name of the method."""
    policy: str | None = None
    """The name of the policy."""
    generation: int | None = None
    """The generation: of a connection the one that it began with, of a policy the one after the change."""
    host: str | None = None
    """The backend host of a connection."""
    address: str | None = None
    """The network address of the peer; it is no identity."""
    code: str | None = None
    """The code of what went wrong."""
    dial_seconds: float | None = None
    """How long it took to reach the peer."""
    handshake_seconds: float | None = None
    """How long the handshake took; None if it had not begun."""
    open_seconds: float | None = None
    """How long the connection was open."""
    resumed: bool | None = None
    """Whether a session was resumed."""
    version: str | None = None
    """`1.2` or `1.3`."""
    cipher: str | None = None
    """The cipher suite."""
    group: str | None = None
    """The key exchange group."""
    alpn: str | None = None
    """The application protocol."""
    at: int | None = None
    """When a policy changed, by the clock of the runtime."""
    state: str | None = None
    """The state that a refused update led to: `degraded` or `not_ready`."""
    trust_reduced: bool | None = None
    """Whether a pool should drain connections that are not current."""
    not_after: int | None = None
    """The end of what is expiring."""
    source: str | None = None
    """The material that holds it."""
    subject: str | None = None
    """Its subject."""
    shadow: str | None = None
    """The name of the policy of a shadow."""
    shadow_generation: int | None = None
    """The generation of a shadow."""
    id: int | None = None
    """The number of an open connection that is condemned: see `Connector.opened`."""
    before: dict[str, Any] | None = None
    """The state and the earliest ends of a connector before a change; None: it is new."""
    after: dict[str, Any] | None = None
    """The same after it; None: the connector is gone."""


class Observer:
    """Is told of connections and policies of a `Runtime`; each method has no effect unless a subclass writes it.

    One thread calls the methods of one observer, one after the other, a moment after it happened. It may call
    everything. An exception goes to ``sys.unraisablehook`` and harms nothing. If 4096 observations wait, the oldest are
    dropped, and the log says how many.

    >>> class Failures(uptls.Observer):
    ...     def connection_failed(self, observation):
    ...         print(observation.host, observation.code)
    >>> runtime = uptls.Runtime(observer=Failures())
    """

    def handshake_started(self, observation: Observation) -> None:
        """The first bytes of a handshake were sent: opened, failed or abandoned follows."""

    def connection_opened(self, observation: Observation) -> None:
        """The peer is verified."""

    def connection_failed(self, observation: Observation) -> None:
        """There is no connection, and `code` says why."""

    def connection_abandoned(self, observation: Observation) -> None:
        """The program dropped a handshake before its end."""

    def connection_closed(self, observation: Observation) -> None:
        """A connection that was opened is gone; `code` says what ended it, if something did."""

    def connection_condemned(self, observation: Observation) -> None:
        """An open connection was reconsidered, and its peer would be refused now by `generation`, for `code`."""

    def shadow_refused(self, observation: Observation) -> None:
        """The shadow of an audit would have refused a connection that was opened, for `code`."""

    def generation_published(self, observation: Observation) -> None:
        """New connections use other content."""

    def update_refused(self, observation: Observation) -> None:
        """An update is invalid."""

    def policy_recovered(self, observation: Observation) -> None:
        """The last update is used again."""

    def policy_withdrawn(self, observation: Observation) -> None:
        """The policy or its material is gone."""

    def certificate_expiring(self, observation: Observation) -> None:
        """A certificate or a list comes near its end."""

    def connector_changed(self, observation: Observation) -> None:
        """A connector is new, changed, or gone; for gauges."""


class _Delivery:
    """Takes observations and calls the observer."""

    def __init__(self, observer: object, observations: "Observations") -> None:
        self._calling = threading.RLock()
        self._lost = 0
        self._observations = observations
        self._observer = observer

    def start(self) -> None:
        # A daemon: it waits for as long as the runtime lives. What is left at exit is delivered by `_deliver_rest`.
        threading.Thread(target=self._run, name="uptls-observer", daemon=True).start()

    def _run(self) -> None:
        while (observation := self._observations.wait()) is not None:
            self._call(*observation)

    def start_again(self) -> None:
        # After a fork: a thread that is not here may have held it.
        self._calling = threading.RLock()
        self.start()

    def deliver_rest(self) -> None:
        # An observer that does not return does not keep the program from its end.
        if not self._calling.acquire(timeout=_PATIENCE):
            return
        try:
            while (observation := self._observations.next()) is not None:
                self._call(*observation)
        finally:
            self._calling.release()

    def _call(self, name: str, document: str) -> None:
        with self._calling:
            if (lost := self._observations.lost()) > self._lost:
                _LOG.warning("an observer is too slow: %d observations were dropped", lost - self._lost)
                self._lost = lost
            try:
                if (method := getattr(self._observer, name, None)) is not None:
                    method(_observation(document))
            except Exception as error:  # noqa: BLE001 - whatever an observer raises
                _report(error, self._observer)


def deliver(observer: object, observations: "Observations") -> None:
    """Has a thread call `observer` for as long as the runtime of these observations lives."""
    delivery = _Delivery(observer, observations)
    _DELIVERIES.add(delivery)
    delivery.start()


def _observation(document: str) -> Observation:
    facts = json.loads(document)
    return Observation(**{name: facts[name] for name in _FIELDS if name in facts})


def _report(error: Exception, observer: object) -> None:
    message = "Exception ignored in an observer of uptls"
    traceback = error.__traceback__
    unraisable = SimpleNamespace(
        exc_type=type(error), exc_value=error, exc_traceback=traceback, err_msg=message, object=observer
    )
    sys.unraisablehook(unraisable)


def _deliver_rest() -> None:
    for delivery in list(_DELIVERIES):
        delivery.deliver_rest()


def _start_again() -> None:
    # A fork takes no thread along.
    for delivery in list(_DELIVERIES):
        delivery.start_again()


_DELIVERIES: "weakref.WeakSet[_Delivery]" = weakref.WeakSet()
_PATIENCE = 1.0
"""Seconds that an observer may still take at the end."""
_FIELDS = [field.name for field in fields(Observation)]

atexit.register(_deliver_rest)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_again)
