"""A small HTTP service, as a process: does payments, remembers what it was asked, and can be out of order.

`POST /mode {"status": 503, "delay_s": 0}` has it answer everything so; null: as it should. `GET /log` says what it was asked.
"""

import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

log: list[dict[str, Any]] = []
mode: dict[str, Any] = {}
lock = threading.Lock()


class Service(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/log":
            with lock:
                self._say(200, log)
            return
        self._work(None)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"null")
        if self.path == "/mode":
            with lock:
                mode.clear()
                mode.update(body)
            self._say(200, {})
        else:
            self._work(body)

    def _work(self, body: Any) -> None:
        with lock:
            now = dict(mode)
            entry = {
                "method": self.command,
                "path": self.path,
                "body": body,
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "began_s": time.monotonic(),
                "status": None,
            }
            log.append(entry)
        time.sleep(now.get("delay_s") or 0)
        status, answer = self._answer(body)
        if now.get("status") and not (now.get("only") and now["only"] not in self.path):
            status, answer = now["status"], {"why": "out of order"}
        entry["status"] = status
        self._say(status, answer)

    def _answer(self, body: Any) -> tuple[int, Any]:
        card = body.get("card") if isinstance(body, dict) else None
        if card == "declined":
            return 402, {"code": "DECLINED", "message": "insufficient funds", "limit": 50.5}
        if card == "unknown":
            return 404, {"message": "no such card"}
        if card == "poison":
            return 500, {"message": "a bug"}
        return 200, {"receipt": {"id": "r-1", "cents": 1250}, "paid": True}

    def _say(self, status: int, answer: Any) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
