"""The subscribe side of one client over all its connections: when offers are made, and what becomes of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from media.connection import Connection
from media.subscription import Subscription
from protocol.errors import Refused
from protocol.messages import SubscribeOffer

ANSWER_S: Final = 15.0
SPACING_S: Final = 0.2
"""So far apart are the offers of one connection, the first aside: a room full of people may come in within a second,
and each of them would cost everyone else a renegotiation.
"""
SLOWLY_S: Final = 1.0
QUICK_OFFERS: Final = 20
"""So many offers are `SPACING_S` apart, and later ones `SLOWLY_S`; each second without one allows one more.

Somebody who switches something on and off without end must not keep everybody else's pages busy.
"""
_MAX_MISSED: Final = 3


class Subscriber:
    """Has a connection from `open` on, until `close` or until it is given up.

    One that failed is offered afresh once, without being asked, and then again when the client asks for it.
    """

    def __init__(
        self,
        connect: Callable[[Callable[[], None], Callable[[bool], None]], Connection],
        end: Callable[[Connection], None],
        *,
        subscribe: Callable[[Connection, int, Callable[[], None]], Subscription],
        fill: Callable[[Subscription], None],
        on_offer: Callable[[SubscribeOffer], None],
        on_failed: Callable[[], None],
    ) -> None:
        """`connect` and `end` are those of `Connections`. `subscribe` makes a subscription on a connection, from the
        version that it goes on from, and what it is to call when an offer is due; `fill` shows it what there is.

        `on_offer` and `on_failed` are called from the loop, or from what tells of a connection's end.
        """
        self._connect = connect
        self._end = end
        self._subscribe = subscribe
        self._fill = fill
        self._on_offer = on_offer
        self._on_failed = on_failed
        self.subscription: Subscription | None = None
        self._version = 0
        self._next: asyncio.Handle | None = None
        self._not_before = 0.0
        self._quick = float(QUICK_OFFERS)
        self._quick_at = 0.0
        self._missed = 0
        """Offers since the last good answer that got a bad one, or none in time."""
        self._healed = False
        """Its connection failed and was offered afresh, and has not been up since."""

    def open(self) -> None:
        """Begins a connection; its offer follows soon."""
        self._not_before = 0.0
        connection = self._connect(self._up, self._ended)
        self.subscription = self._subscribe(connection, self._version, self._schedule)
        self._fill(self.subscription)
        self._schedule()

    def close(self) -> None:
        """Ends the connection. Idempotent."""
        subscription, self.subscription = self.subscription, None
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if subscription is not None:
            self._version = subscription.version
            self._end(subscription.connection)

    def restart(self) -> None:
        """Gives up the connection and offers a fresh one."""
        self._missed, self._healed = 0, False
        self.close()
        self.open()

    def answer(self, version: int, sdp: str) -> None:
        """Takes the answer to an offer; a stale one is ignored.

        Raises Refused(SDP_REJECTED); a fresh offer follows, unless that went wrong a few times already.
        """
        if self.subscription is None or not self.subscription.awaits(version):
            return
        try:
            self.subscription.answer(version, sdp)
        except Refused:
            self._miss()
            raise
        self._missed = 0

    # ── offers ────────────────────────────────────────────────────────────────────────────────

    def _schedule(self) -> None:
        # Not at once: what changes in the same turn of the loop, and what changes soon after, shares one offer.
        if self._next is None:
            loop = asyncio.get_running_loop()
            late = loop.time() < self._not_before
            self._next = loop.call_at(self._not_before, self._offer) if late else loop.call_soon(self._offer)

    def _offer(self) -> None:
        self._next = None
        offer = self.subscription.take_offer() if self.subscription is not None else None
        if offer is not None:
            loop = asyncio.get_running_loop()
            if not offer.fresh:
                self._not_before = loop.time() + self._spacing(loop.time())
            loop.call_later(ANSWER_S, self._unanswered, offer.version)
            self._on_offer(offer)

    def _spacing(self, now: float) -> float:
        self._quick = max(-1.0, min(QUICK_OFFERS, self._quick + (now - self._quick_at) / SLOWLY_S) - 1)
        self._quick_at = now
        return SPACING_S if self._quick >= 0 else SLOWLY_S

    def _unanswered(self, version: int) -> None:
        if self.subscription is not None and self.subscription.awaits(version) and not self._miss():
            self._on_failed()

    def _miss(self) -> bool:
        """The outstanding offer came to nothing: offers a fresh connection. False once that is given up."""
        self._missed += 1
        self.close()
        if self._missed > _MAX_MISSED:
            return False
        self.open()
        return True

    # ── the connection ────────────────────────────────────────────────────────────────────────

    def _up(self) -> None:
        self._healed = False

    def _ended(self, failed: bool) -> None:
        self.close()
        if failed and not self._healed:
            self._healed = True
            self.open()
        self._on_failed()
