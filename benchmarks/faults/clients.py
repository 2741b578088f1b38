"""HTTP clients that shop as people's programs do, and write down everything they hear.

A client sends again what it may: after a refusal that changed nothing, and, under its key or for
a coupon, after an answer that did not come. It waits as `Retry-After` says, within bounds.
"""

import http.client
import itertools
import json
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from benchmarks.faults.records import Answer, Attempt, Failure, Intent, Kind
from benchmarks.faults.shop import Shop

WRITES = (Kind.COUPON, Kind.ORDER, Kind.CHARGE)
PATIENCE_SECONDS = 15
"""How long a client waits for an answer: longer than the shop says it may take."""
PROBE_PATIENCE_SECONDS = 4
LONGEST_WAIT_SECONDS = 5
"""The longest that a client waits before it sends again, whatever it is told."""
SETTLE_SECONDS = 30
"""How long clients go on asking, after the last new wish, for what is unclear."""
KEYED, SENT_TWICE, WITH_COUPON, SCARCE = 0.7, 0.1, 0.3, 0.1
"""Shares: with a key; sent by two clients at once; paid with a coupon; with the scarce product."""


@dataclass(slots=True)
class Wishes:
    """Makes up intents, no two of which look the same in the books."""

    shop: Shop
    rng: random.Random
    serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    usable: deque[tuple[int, int]] = field(default_factory=deque)
    """Coupons that were issued, not yet used: (member, id)."""
    not_at: int | None = None
    """A campaign that the probes leave alone."""

    def make(self, kind: Kind, *, keyed: bool | None = None) -> Intent:
        number = next(self.serial)
        member = self.rng.choice(self.shop.members)
        key = f"wish-{number}" if (self.rng.random() < KEYED if keyed is None else keyed) else None
        if kind is Kind.COUPON:
            campaign = self.rng.choice([pk for pk in self.shop.campaigns if pk != self.not_at])
            path = f"/api/v1/coupons/{campaign}/issue/"
            return Intent(kind, member, path, campaign=campaign)
        if kind is Kind.CHARGE:
            path = "/api/v1/users/me/balance/charge/"
            return Intent(kind, member, path, {"amount": number}, key, amount=number)
        if kind is Kind.READ:
            return Intent(
                kind,
                member,
                self.rng.choice(
                    (
                        "/api/v1/users/me/balance/",
                        "/api/v1/products/?page_size=5",
                        "/api/v1/orders/?page_size=5",
                    )
                ),
            )
        return self._order(number, member, key)

    def _order(self, number: int, member: int, key: str | None) -> Intent:
        first, second = self.rng.sample(self.shop.products, 2)
        tens, ones = divmod(number % (998 * 998), 998)
        lines = {first: 1 + tens, second: 1 + ones}  # no two orders of a member are the same
        if self.rng.random() < SCARCE:
            lines[self.shop.scarce] = 1
        body: dict[str, Any] = {
            "items": [{"product": product, "quantity": pieces} for product, pieces in lines.items()]
        }
        if key is not None and self.usable and self.rng.random() < WITH_COUPON:
            with suppress(IndexError):  # another client may be faster
                member, body["coupon"] = self.usable.popleft()
        return Intent(
            Kind.ORDER, member, "/api/v1/orders/", body, key, lines=frozenset(lines.items())
        )


class Client:
    """One connection at a time, made anew whenever it breaks, or for each request."""

    def __init__(self, port: int, shop: Shop, patience: float, *, keep_alive: bool = True) -> None:
        self._keep_alive = keep_alive
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
        self._shop = shop

    def send(self, intent: Intent) -> Attempt:
        """Send the intent once, and note what was heard on it."""
        started = time.monotonic()
        heard: Answer | Failure
        try:
            if self._connection.sock is None:
                self._connection.connect()
        except OSError:
            self._connection.close()
            heard = Failure.REFUSED
        else:
            heard = self._exchange(intent)
        if not self._keep_alive:
            self._connection.close()
        attempt = Attempt(started, time.monotonic(), heard)
        intent.attempts.append(attempt)
        return attempt

    def _exchange(self, intent: Intent) -> Answer | Failure:
        headers = {"Authorization": f"Bearer {self._shop.tokens[intent.user_id]}"}
        if intent.key is not None:
            headers["Idempotency-Key"] = intent.key
        body = None
        if intent.body is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(intent.body)
        method = "GET" if intent.kind is Kind.READ else "POST"
        try:
            self._connection.request(method, intent.path, body, headers)
            response = self._connection.getresponse()
            content = response.read()
        except TimeoutError:
            self._connection.close()
            return Failure.TIMEOUT
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return Failure.CLOSED
        return Answer(
            response.status,
            _json(content),
            response.getheader("Retry-After"),
            response.getheader("Idempotency-Replayed") == "true",
        )

    def close(self) -> None:
        self._connection.close()


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


class Load:
    """Many clients and three probes, from `start` until `stop` or `give_up`.

    Every second client keeps its connection alive; the others make one for each request.

    The probes, one for each kind of write, ask every moment and with little patience: they tell
    how long the shop was away, whatever the other clients wait for.
    """

    def __init__(
        self, port: int, shop: Shop, *, clients: int, probes: bool = True, seed: int = 1
    ) -> None:
        self.intents: list[Intent] = []
        self._port = port
        self._shop = shop
        self._twice: deque[Intent] = deque()
        self._noting = threading.Lock()
        self._noted: set[tuple[int, int]] = set()
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._wishes = Wishes(shop, random.Random(seed))
        roomiest, second = list(shop.campaigns)[:2]
        self.locked_campaign = roomiest
        """The campaign that a rival may lock; the probes press the other one's button."""
        self._probe_campaign = second
        self._threads = [
            threading.Thread(target=self._shop_on, args=(number % 2 == 0,))
            for number in range(clients)
        ]
        if probes:
            self._threads += [threading.Thread(target=self._probe, args=(kind,)) for kind in WRITES]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """No new wishes; what is unclear is asked for until it is clear, or for 30 s."""
        self._give_up_at = time.monotonic() + SETTLE_SECONDS
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def give_up(self) -> None:
        """No new wishes, and nothing is asked for again: the shop is closed for good."""
        self._give_up_at = 0.0
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def attempts(self) -> list[tuple[Intent, Attempt]]:
        """All requests that are done by now."""
        return [(intent, one) for intent in list(self.intents) for one in list(intent.attempts)]

    # --- What a client does ---------------------------------------------------------------------

    def _shop_on(self, keep_alive: bool) -> None:
        client = Client(self._port, self._shop, PATIENCE_SECONDS, keep_alive=keep_alive)
        while not self._stopping.is_set():
            self._pursue(client, self._next_intent(), LONGEST_WAIT_SECONDS)
        client.close()

    def _next_intent(self) -> Intent:
        try:
            return self._twice.popleft()
        except IndexError:
            pass
        rng = self._wishes.rng
        kind = rng.choices((*WRITES, Kind.READ), (45, 30, 20, 5))[0]
        intent = self._wishes.make(kind)
        self.intents.append(intent)
        if intent.may_be_repeated and rng.random() < SENT_TWICE:
            self._twice.append(intent)
        return intent

    def _probe(self, kind: Kind) -> None:
        client = Client(self._port, self._shop, PROBE_PATIENCE_SECONDS)
        wishes = Wishes(
            self._shop, random.Random(f"{kind}"), self._wishes.serial, not_at=self.locked_campaign
        )
        while not self._stopping.is_set():
            intent = wishes.make(kind, keyed=True)
            self.intents.append(intent)
            self._pursue(client, intent, 0.1)
            time.sleep(0.05)
        client.close()

    def _pursue(self, client: Client, intent: Intent, longest_wait: float) -> None:
        """Send it until the client knows, or must not send it again."""
        pause = 0.1
        while time.monotonic() < self._give_up_at:
            attempt = client.send(intent)
            if not attempt.was_turned_away:
                self._note_coupon(intent, attempt)
                return
            if attempt.is_unclear and not intent.may_be_repeated:
                return  # to send it again could buy it twice
            if isinstance(attempt.heard, Answer) and attempt.heard.status != 503:
                return  # a fault of the shop's: nothing that sending again could mend
            if isinstance(attempt.heard, Answer) and (attempt.heard.retry_after or "").isdecimal():
                pause = float(attempt.heard.retry_after or 0)
            time.sleep(min(pause, longest_wait) * random.uniform(0.5, 1.0))
            pause = min(2 * pause, 1.0)

    def _note_coupon(self, intent: Intent, attempt: Attempt) -> None:
        if intent.kind is Kind.COUPON and attempt.succeeded:
            assert isinstance(attempt.heard, Answer)
            coupon = (intent.user_id, attempt.heard.body["id"])
            with self._noting:  # after a lost commit, two presses may hear of one coupon
                if coupon not in self._noted:
                    self._noted.add(coupon)
                    self._wishes.usable.append(coupon)
