"""Stands for the service of a bank that knows two accounts.

BANK_URL     where it is to be reached; its port is listened on (http://127.0.0.1:9077)
BANK_TOKEN   what its callers have to show
"""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

ACCOUNTS = {"ada": "Ada Palm", "eve": "Eve Away"}
CREDITS: dict[str, dict[str, object]] = {}
"""What was paid, by idempotency key: a request that comes twice pays once."""


class Bank(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        account = self.path.split("/")[2]
        if account not in ACCOUNTS:
            self._say(404, {"why": f"there is no account {account}"})
        else:
            self._say(200, {"owner": ACCOUNTS[account]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['BANK_TOKEN']}":
            self._say(401, {"why": "the token is wrong"})
            return
        key = self.headers["Idempotency-Key"]
        if key not in CREDITS:
            CREDITS[key] = {"id": f"credit-{len(CREDITS) + 1}", **asked}
            print(f"pays {asked['amount']} for {asked['reference']}", flush=True)
        self._say(200, CREDITS[key])

    def _say(self, status: int, answer: dict[str, object]) -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


if __name__ == "__main__":
    port = urlsplit(os.environ.get("BANK_URL", "http://127.0.0.1:9077")).port or 80
    server = ThreadingHTTPServer(("127.0.0.1", port), Bank)
    print(f"The bank is open at port {port}.", flush=True)
    server.serve_forever()
