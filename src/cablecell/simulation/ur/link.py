"""One direction of a connection: bytes come out in order, and in bad weather later than they went in."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Weather:
    """How bad the network is, each way.

    Attributes:
        delay_s: Mean delay, s.
        jitter_s: Largest deviation from it, s.
        loss: Share of packets that are lost; TCP sends them again, and everything behind them waits.
        retransmission_s: How long that takes, s: three packets that follow, and a way there and back.
        is_stalled: Nothing comes through, and no socket closes: a cable that was pulled.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    retransmission_s: float = 0.015
    is_stalled: bool = False

    @property
    def is_clear(self) -> bool:
        """Whether bytes pass at once."""
        return not (self.delay_s or self.jitter_s or self.loss or self.is_stalled)


class DelayLine:
    """Hands bytes over when they are due, in the order in which they came."""

    def __init__(
        self, weather: Weather, deliver: Callable[[bytes], object], offer: Callable[[bytes], bytes], seed: int
    ) -> None:
        """Open the line.

        Args:
            weather: Of the network; it may change at any time.
            deliver: Takes bytes, however long that takes; OSError closes the line.
            offer: Takes what can be taken at once, and returns the rest.
            seed: Of delays and losses.
        """
        self._weather, self._deliver, self._offer, self._random = weather, deliver, offer, random.Random(seed)
        self._queue: deque[tuple[float, bytes]] = deque()
        self._due_s = 0.0
        self._news = threading.Event()
        self._is_open = True
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def length(self) -> int:
        """How many pieces are on their way."""
        return len(self._queue)

    def put(self, data: bytes) -> None:
        """Send bytes; called by one thread."""
        weather = self._weather
        # What is being delivered stays in the queue until it is: nothing overtakes it.
        if not self._queue and weather.is_clear:
            data = self._offer(data)
            if not data:
                return
        due_s = time.monotonic() + weather.delay_s + self._random.uniform(-1.0, 1.0) * weather.jitter_s
        if self._random.random() < weather.loss:
            due_s += weather.retransmission_s
        self._due_s = max(self._due_s, due_s)
        self._queue.append((self._due_s, data))
        self._news.set()

    def close(self) -> None:
        """Deliver nothing any more."""
        self._is_open = False
        self._news.set()

    def _run(self) -> None:
        while self._is_open:
            if not self._queue:
                self._news.clear()
                if not self._queue:
                    self._news.wait()
                continue
            wait_s = 0.005 if self._weather.is_stalled else self._queue[0][0] - time.monotonic()
            if wait_s > 0.0:
                time.sleep(wait_s)
                continue
            try:
                self._deliver(self._queue[0][1])
            except OSError:
                return
            self._queue.popleft()
