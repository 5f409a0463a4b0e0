"""The requests of one connection: a bounded number at work, in order, and acknowledged in that order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from broker.embedded.frames import ProtocolError
from broker.embedded.hot import Publish
from broker.embedded.limits import Limits
from broker.embedded.reasons import Reason

#: What a request held back costs besides its payload, in bytes, and how many full packets are too much.
_COST: Final = 256
_TOO_MUCH: Final = 4


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
        # QoS 1 requests in the order they came, and whether the engine is done with each (MQTT-4.6.0-2).
        self._open: dict[int, bool] = {}
        self._at_work = 0
        self._held: deque[Publish] = deque()
        self._held_bytes = 0
        self._releasing = False

    @property
    def full(self) -> bool:
        """Whether so much is held back that no more may be read now.

        Only while the engine works on something of this client: otherwise all it waits for is the client's
        own PUBACKs, and those stand behind what would not be read.
        """
        return self._at_work > 0 and self._is_over(1)

    def take(self, publish: Publish) -> None:
        """Pass a request on, now or later. Raises ``ProtocolError`` if its packet id is in use."""
        if publish.packet_id is not None:
            if publish.packet_id in self._open:
                if publish.dup:
                    return
                raise ProtocolError(f"packet id {publish.packet_id} is in use")
            self._open[publish.packet_id] = False
        self._held.append(publish)
        self._held_bytes += publish.size
        self.release()
        if self._is_over(_TOO_MUCH):
            raise ProtocolError("sends requests and takes no answers", Reason.QUOTA)

    def done(self, packet_id: int | None) -> None:
        """Note that the engine has finished with a request; None for one at QoS 0."""
        self._at_work -= 1
        if packet_id is not None:
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
        if self._releasing:  # an engine that refuses at once is done before it has returned
            return
        self._releasing = True
        while self._held and self._at_work + self._busy() < self._limits.open_requests:
            publish = self._held.popleft()
            self._held_bytes -= publish.size
            self._at_work += 1
            self._pass_on(publish)
        self._releasing = False

    def drop(self) -> None:
        """Forget what is held back: the connection has gone, and the client will send it again."""
        self._held.clear()
        self._held_bytes = 0

    def _is_over(self, times: int) -> bool:
        """Return whether the client's requests take more room than so many full packets."""
        return self._held_bytes + _COST * len(self._held) > times * self._limits.packet
