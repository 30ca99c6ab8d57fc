"""A process of a fleet ends in order when the one that has started it is gone."""

import os
import threading
import time
from collections.abc import Callable

LOOK_S = 1.0


def stop_without(parent: int, stop: Callable[[], None]) -> None:
    """Calls `stop` when this process has another parent, and goes on calling it: a worker that has not begun yet does not
    hear the first. In a thread, as the parent cannot say that it is killed."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_S)
        while True:
            stop()
            time.sleep(LOOK_S)

    threading.Thread(target=look, name="penstock-worker-parent", daemon=True).start()
