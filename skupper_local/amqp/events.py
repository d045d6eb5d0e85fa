"""What a connection tells its owner, in the order it happened.

Every delivery that began ends in one of three ways, and the owner hears of each: it is settled (``DispositionReceived`` with
``settled``, or by the owner's own act), or it is lost with its link, session or connection (``DeliveryLost``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from skupper_local.amqp.performatives import AmqpError, Open
from skupper_local.amqp.types import Described

if TYPE_CHECKING:
    from skupper_local.amqp.link import IncomingDelivery, Link, OutgoingDelivery
    from skupper_local.amqp.session import Session


class Opened(NamedTuple):
    """The peer's ``open`` came: links may be made now."""

    peer: Open


class LinkRequested(NamedTuple):
    """The peer attached a link of its own: answer with ``link.accept`` or ``link.refuse``."""

    link: Link


class LinkEstablished(NamedTuple):
    """The peer answered our attach. A refusing peer answers with a null terminus and detaches at once."""

    link: Link


class LinkClosed(NamedTuple):
    """The link is gone; its unsettled deliveries were reported lost before."""

    link: Link
    error: AmqpError | None


class CreditReceived(NamedTuple):
    """A sending link has credit (``link.credit`` > 0), or lost it."""

    link: Link


class WindowOpened(NamedTuple):
    """``session.remote_window`` grew after somebody set ``session.window_wanted`` (at first everybody waits)."""

    session: Session


class SessionClosed(NamedTuple):
    """The session and all its links are gone."""

    session: Session
    error: AmqpError | None


class TransferReceived(NamedTuple):
    """A part of a delivery. ``payload`` is a view into the receive buffer: it is valid until the next ``get_buffer``."""

    delivery: IncomingDelivery
    payload: memoryview
    more: bool
    aborted: bool


class DispositionReceived(NamedTuple):
    """The peer's view of a delivery, ours or its own (``delivery.link.is_sender`` tells which).

    ``state`` is as it came, to be relayed with its types.
    """

    delivery: IncomingDelivery | OutgoingDelivery
    state: Described | None
    settled: bool


class DeliveryLost(NamedTuple):
    """The link went away under a delivery that was not settled or not complete."""

    delivery: IncomingDelivery | OutgoingDelivery


class Closed(NamedTuple):
    """The connection is over; nothing follows. ``error`` says why, from whichever side."""

    error: AmqpError | None
    by_peer: bool


Event = (
    Opened
    | LinkRequested
    | LinkEstablished
    | LinkClosed
    | CreditReceived
    | WindowOpened
    | SessionClosed
    | TransferReceived
    | DispositionReceived
    | DeliveryLost
    | Closed
)
