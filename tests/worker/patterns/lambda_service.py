"""What AWS Lambda's `Invoke` looks like on the wire, as a process: runs Python functions, fails and throttles as Lambda does.

Lambda itself needs an account, and its emulators need containers. What matters here is the protocol: `X-Amz-Function-Error`
with the error as payload, error codes with their statuses, `X-Amz-Client-Context`.
"""

import base64
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

left = {"throttles": 0}
under_way = {"now": 0, "most": 0}
lock = threading.Lock()


class Declined(Exception):
    """A function's own error."""


def score(event: Any, custom: Any) -> Any:
    if event.get("name") == "Nobody":
        raise Declined("there is no such customer")
    if event.get("name") == "Bug":
        raise ZeroDivisionError("division by zero")
    time.sleep(event.get("delay_s", 0))
    return {"score": len(event["name"]), "key": custom.get("Idempotency-Key")}


FUNCTIONS = {"score": score}


class Lambda(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/throttle":
            left["throttles"] = json.loads(content)
            self._say(200, {})
            return
        assert self.headers["authorization"].startswith("AWS4-HMAC-SHA256 "), "requests are signed"
        function = unquote(self.path.split("/")[3])
        if left["throttles"] > 0:
            left["throttles"] -= 1
            self._say(
                429, {"Reason": "ConcurrentInvocationLimitExceeded"}, "x-amzn-errortype", "TooManyRequestsException"
            )
        elif function not in FUNCTIONS:
            self._say(404, {"Message": "Function not found"}, "x-amzn-errortype", "ResourceNotFoundException")
        else:
            self._invoke(FUNCTIONS[function], json.loads(content))

    def do_GET(self) -> None:
        self._say(200, under_way)

    def _invoke(self, function: Any, event: Any) -> None:
        context = json.loads(base64.b64decode(self.headers.get("x-amz-client-context", "e30=")))
        with lock:
            under_way["now"] += 1
            under_way["most"] = max(under_way["most"], under_way["now"])
        try:
            self._say(200, function(event, context.get("custom", {})))
        except Exception as error:
            payload = {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": []}
            self._say(200, payload, "x-amz-function-error", "Unhandled")
        finally:
            with lock:
                under_way["now"] -= 1

    def _say(self, status: int, answer: Any, header: str = "x-amzn-requestid", value: str = "1") -> None:
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header(header, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        pass


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Lambda).serve_forever()
