"""moto's server, one request at a time; run by the Python that has moto, with the server's own arguments.

Its queues are lists that each request copies, changes and puts back: of two at once one is forgotten, so that messages are
lost, or come again after they were deleted. And each message that is sent asks the clock some times for each that is there:
moto's own clock, which can be set, makes a few hundred of them last for seconds.
"""

import threading
import time
from typing import Any

from moto import server
from moto.sqs import models

LOOK_S = 0.05
TURN = threading.Lock()

_serve = server.DomainDispatcherApplication.__call__


def serve_in_turn(self: Any, environ: Any, start_response: Any) -> Any:
    """A request from its beginning to its end."""
    with TURN:
        return _serve(self, environ, start_response)


def wait_out_of_turn(self: Any, timeout: int) -> None:
    """Whoever waits for messages lets others in; moto itself looks again, until the time of the request is over."""
    TURN.release()
    time.sleep(LOOK_S)
    TURN.acquire()


def now_ms() -> float:
    """The machine's clock."""
    return time.time_ns() / 1_000_000


server.DomainDispatcherApplication.__call__ = serve_in_turn
models.Queue.wait_for_messages = wait_out_of_turn
models.unix_time_millis = now_ms
server.main()
