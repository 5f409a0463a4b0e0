"""The requests of one connection: a bounded number at work, in order, and acknowledged in that order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from broker.embedded.frames import ProtocolError
from broker.embedded.limits import Limits
from broker.embedded.packets import Publish


class Intake:
    """``busy`` says how many answers the client has still to take; requests wait while it has many.

    Holding requests back, and not the whole stream, lets the acknowledgements behind them through.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        pass_on: Callable[[Publish], None],
        acknowledge: Callable[[int], None],
        busy: Callable[[], int],
    ) -> None:
        self._limits = limits
        self._pass_on = pass_on
        self._tell = acknowledge
        self._busy = busy
        # In the order they came, and whether the engine is done with each (MQTT-4.6.0-2).
        self._open: dict[int, bool] = {}
        self._held: deque[Publish] = deque()
        self._held_bytes = 0

    @property
    def full(self) -> bool:
        """Whether so much is held back that no more may be read."""
        return self._held_bytes > self._limits.packet or len(self._held) > self._limits.packet // 256

    def take(self, publish: Publish) -> None:
        """Pass a request on, now or later. Raises ``ProtocolError`` if its packet id is in use."""
        if publish.packet_id is not None and publish.packet_id in self._open:
            if publish.dup:
                return
            raise ProtocolError(f"packet id {publish.packet_id} is in use")
        self._held.append(publish)
        self._held_bytes += len(publish.payload)
        self.release()

    def done(self, packet_id: int | None) -> None:
        """Note that the engine has finished with a request; None for one at QoS 0."""
        if packet_id in self._open:
            self._open[packet_id] = True
        while self._open:
            first = next(iter(self._open))
            if not self._open[first]:
                break
            del self._open[first]
            self._tell(first)
        self.release()

    def release(self) -> None:
        """Pass on what there is room for."""
        while self._held and len(self._open) + self._busy() < self._limits.open_requests:
            publish = self._held.popleft()
            self._held_bytes -= len(publish.payload)
            if publish.packet_id is not None:
                self._open[publish.packet_id] = False
            self._pass_on(publish)

    def drop(self) -> None:
        """Forget what is held back: the connection has gone, and the client will send it again."""
        self._held.clear()
        self._held_bytes = 0
