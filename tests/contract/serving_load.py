"""Customers: a few connections that are kept alive and send one request after the other, every answer counted."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ropeway.interfaces.serving import InferenceRequest

CONNECTIONS = 8
PAUSE = 0.005
"""Seconds between a customer's requests: without it the customers take the CPUs from what they are to test."""


@dataclass
class Counted:
    """Answers by status and digest; anything else than an answer by its error."""

    answers: Counter[tuple[object, str | None]] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def total(self) -> int:
        return sum(self.answers.values())

    @property
    def lost(self) -> dict[tuple[object, str | None], int]:
        return {what: count for what, count in self.answers.items() if what[0] != 200}

    @property
    def digests(self) -> set[str | None]:
        return {digest for status, digest in self.answers if status == 200}

    def add(self, status: object, digest: str | None) -> None:
        with self.lock:
            self.answers[status, digest] += 1


@contextmanager
def load(url: str, request: InferenceRequest, connections: int = CONNECTIONS) -> Iterator[Counted]:
    """Customers that send the request to the endpoint's URL for as long as the block lasts."""
    counted = Counted()
    customers = [
        threading.Thread(target=_customer, args=(url, request, counted), daemon=True) for _ in range(connections)
    ]
    for customer in customers:
        customer.start()
    try:
        yield counted
    finally:
        counted.stop.set()
        for customer in customers:
            customer.join(30)


def _customer(url: str, request: InferenceRequest, counted: Counted) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    while not counted.stop.is_set():
        try:
            connection.request("POST", place.path + request.path, request.body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            counted.add(answer.status, answer.headers.get("x-model-digest"))
            counted.stop.wait(PAUSE)
        except (OSError, http.client.HTTPException) as error:
            counted.add(type(error).__name__, None)
            connection.close()
    connection.close()
