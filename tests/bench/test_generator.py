import selectors
import socket
from collections.abc import Iterator

import pytest

from penstock.bench.connection import Connection, ConnectionLost, request
from penstock.bench.work import W2, WORKERS_PER_TOPIC, _Worker

HOST = "127.0.0.1"


class Line:
    """Both ends of a connection: the client under test, and the server's socket."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        with socket.create_server((HOST, 0)) as listener:
            self.client = Connection(HOST, listener.getsockname()[1], self.selector)
            self.server, _ = listener.accept()
        self.answers: list[tuple[int, bytes]] = []

    def send(self) -> None:
        self.client.send(b"x", lambda _, status, body: self.answers.append((status, body)))

    def answer(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.server.sendall(piece)
            assert self.selector.select(5)
            self.client.readable()

    def close(self) -> None:
        self.selector.close()
        self.client.socket.close()
        self.server.close()


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("pieces", "status", "body"),
    [
        ((b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",), 200, b"{}"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\na: b\r\n\r\n{}",), 200, b"{}"),
        ((b"HTTP/1.1 204 No Content\r\n\r\n",), 204, b""),
        ((b"HTTP/1.1 20", b"0 OK\r\ncontent-length: 4\r\n\r\n", b"[1", b"2]"), 200, b"[12]"),
        ((b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",), 400, b""),
    ],
)
def test_answers_are_read_whole(line: Line, pieces: tuple[bytes, ...], status: int, body: bytes) -> None:
    line.send()
    line.answer(*pieces[:-1])
    assert line.answers == []
    line.answer(pieces[-1])
    assert line.answers == [(status, body)]
    line.send()
    line.answer(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert line.answers[1:] == [(204, b"")]


def test_a_closed_connection_is_said(line: Line) -> None:
    line.send()
    line.server.close()
    assert line.selector.select(5)
    with pytest.raises(ConnectionLost):
        line.client.readable()


def test_an_answer_of_unknown_length_is_refused(line: Line) -> None:
    line.send()
    with pytest.raises(ConnectionLost, match="Content-Length"):
        line.answer(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")


def test_requests_state_their_length() -> None:
    head, body = request(HOST, 8080, "/x", b'{"a":1}').split(b"\r\n\r\n")
    assert head.startswith(b"POST /x HTTP/1.1\r\n")
    assert b"Content-Length: 7" in head
    assert body == b'{"a":1}'


def test_a_complete_is_put_together_from_its_parts() -> None:
    worker = _Worker(HOST, 8080, "ship", 1, last=True)
    head, body = (worker.complete_head + b"task-1" + worker.complete_tail).split(b"\r\n\r\n")
    assert head.startswith(b"POST /engine-rest/external-task/task-1/complete HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    assert b'"workerId":"ship-1"' in body


def test_w2_needs_connections_for_its_workers(line: Line) -> None:
    workers = 3 * WORKERS_PER_TOPIC
    with pytest.raises(ValueError, match=f"more than {workers} connections"):
        W2(HOST, 1, "/", [line.client] * workers, ("a", "b", "c"), 10)
