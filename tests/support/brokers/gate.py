"""A door before a server: closed, nobody is there; open, it passes on what comes to the server's own port."""

import socket
import threading
from contextlib import suppress

CHUNK_BYTES = 65_536


class Gate:
    """Listens on `port` while it is open."""

    def __init__(self, port: int, behind: int) -> None:
        self._port = port
        self._behind = behind
        self._listening: socket.socket | None = None
        self._passing: set[socket.socket] = set()

    def open(self) -> None:
        """From now on somebody answers."""
        self._listening = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def close(self) -> None:
        """Nobody does, and whoever was connected is cut off."""
        listening, self._listening = self._listening, None
        if listening is not None:
            for each in (listening, *self._passing.copy()):
                _cut(each)
            self._passing.clear()

    def _accept(self, listening: socket.socket) -> None:
        """A connection that comes to nothing does not shut the door for others."""
        while self._listening is listening:
            with suppress(OSError):
                self._let_in(listening.accept()[0], listening)

    def _let_in(self, outside: socket.socket, listening: socket.socket) -> None:
        try:
            inside = socket.create_connection(("127.0.0.1", self._behind))
        except OSError:
            _cut(outside)
            return
        self._passing.update((outside, inside))
        for one, other in ((outside, inside), (inside, outside)):
            threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()
        if self._listening is not listening:  # closed meanwhile
            _cut(outside)

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while chunk := one.recv(CHUNK_BYTES):
                other.sendall(chunk)
        for each in (one, other):
            self._passing.discard(each)
            _cut(each)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
