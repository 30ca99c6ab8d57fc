"""The child's half for Python clients: reads requests, runs checks, answers (`remote.py` says how).

It runs in the clients' own environment, so nothing of Penstock is imported here. Arguments: the address of the REST API,
then the files that have checks. A check is a function `check_…(rig)`.
"""

import importlib.util
import json
import secrets
import sys
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

FOLDER = Path(__file__).resolve().parent
ANSWER = "@answer "
PATIENCE_S = 30.0


class Rig:
    """What a check needs beside its client: models, instances, and the server's own view. `url`: of the REST API."""

    def __init__(self, url: str) -> None:
        self.url = url

    # -- the REST API, past the client under test

    def get(self, path: str, **parameters: Any) -> Any:
        """The answer to a GET."""
        return self._ask("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def put(self, path: str, body: Any) -> Any:
        """The answer to a PUT with JSON."""
        return self._ask("PUT", path, body)

    def post(self, path: str, body: Any = None) -> Any:
        """The answer to a POST with JSON."""
        return self._ask("POST", path, body)

    def status(self, method: str, path: str) -> int:
        """The status of a request without a body."""
        try:
            with urlopen(Request(self.url + path, method=method), timeout=60) as answer:
                return int(answer.status)
        except HTTPError as error:
            return error.code

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, method=method, headers={"Content-Type": "application/json"})
        try:
            with urlopen(request, timeout=60) as answer:
                content = answer.read()
        except HTTPError as error:
            raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(content) if content else None

    # -- models and instances

    @staticmethod
    def unique(word: str = "x") -> str:
        """A word that no other check uses; without `-` and `_`, which some clients and filters give a meaning."""
        return f"{word}{secrets.token_hex(6)}"

    @staticmethod
    def model(name: str, key: str) -> str:
        """The text of a model, with `key` for its KEY."""
        return (FOLDER / "models" / f"{name}.bpmn").read_text().replace("KEY", key)

    def deploy(self, name: str, key: str | None = None, tenant: str | None = None) -> dict[str, Any]:
        """Deploys a model under a key of its own; returns the definition."""
        key = key or self.unique(name)
        boundary = secrets.token_hex(16)
        fields = {"deployment-name": key} | ({} if tenant is None else {"tenant-id": tenant})
        parts = [f'Content-Disposition: form-data; name="{field}"\r\n\r\n{value}' for field, value in fields.items()]
        file = f'name="{key}.bpmn"; filename="{key}.bpmn"\r\nContent-Type: text/xml'
        parts.append(f"Content-Disposition: form-data; {file}\r\n\r\n{self.model(name, key)}")
        body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts) + f"--{boundary}--\r\n"
        kind = f"multipart/form-data; boundary={boundary}"
        request = Request(f"{self.url}/deployment/create", data=body.encode(), headers={"Content-Type": kind})
        with urlopen(request, timeout=60) as answer:
            (definition,) = json.loads(answer.read())["deployedProcessDefinitions"].values()
        found: dict[str, Any] = definition
        return found

    def start(self, key: str, business_key: str | None = None, **variables: Any) -> str:
        """Starts an instance; a variable that is no typed value gets its type from the value. Returns its id."""
        typed = {name: value if isinstance(value, dict) else {"value": value} for name, value in variables.items()}
        body = {"businessKey": business_key, "variables": typed}
        return str(self.post(f"/process-definition/key/{key}/start", body)["id"])

    def work(self, **variables: Any) -> tuple[str, str]:
        """An instance with an external task on a topic of its own: (instance, topic)."""
        topic = self.unique("topic")
        return self.start(self.deploy("work")["key"], topic=topic, **variables), topic

    def task(self, **variables: Any) -> tuple[str, str]:
        """An instance that waits at a user task: (instance, task)."""
        instance = self.start(self.deploy("approve")["key"], **variables)
        (task,) = self.get("/task", processInstanceId=instance)
        return instance, task["id"]

    # -- what has become of them

    def ended(self, instance: str) -> str | None:
        """The id of the end event that an instance has reached; None while it runs."""
        if self.get(f"/history/process-instance/{instance}")["endTime"] is None:
            return None
        reached = self.get("/history/activity-instance", processInstanceId=instance, activityType="noneEndEvent")
        return str(reached[0]["activityId"]) if reached else "nothing"

    def variable(self, instance: str, name: str) -> Any:
        """The value of a variable in the history, JSON and objects as text."""
        (found,) = self.get(
            "/history/variable-instance", processInstanceId=instance, variableName=name, deserializeValues="false"
        )
        return found["value"]

    @staticmethod
    def wait(condition: Any, what: str) -> Any:
        """Waits until `condition()` is true; returns what it was."""
        end = time.monotonic() + PATIENCE_S
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
            time.sleep(0.05)


def raises(kind: type[BaseException], call: Any) -> BaseException:
    """The error of this kind that `call()` must raise."""
    try:
        result = call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}, but {result!r}")


def _load(file: str) -> ModuleType:
    path = FOLDER / file
    # A name of its own: some files are called like the package that they check.
    spec = importlib.util.spec_from_file_location(f"checks_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _failure(error: BaseException) -> str:
    """The trace, with local variables where the check is: an assertion without pytest says nothing by itself."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    for frame in trace.stack:
        if frame.locals and "checks" not in Path(frame.filename).parts:
            frame.locals.clear()
    return "".join(trace.format())[-6000:]


def main() -> None:
    """Answers requests until standard input ends."""
    sys.modules["runner"] = sys.modules["__main__"]
    rig = Rig(sys.argv[1])
    modules = {Path(file).stem: _load(file) for file in sys.argv[2:]}
    for line in sys.stdin:
        request = json.loads(line)
        module, _, name = request["check"].partition(":")
        answer: dict[str, Any] = {"failure": None}
        try:
            answer["result"] = getattr(modules[module], f"check_{name}")(rig, **request["arguments"])
        except (Exception, SystemExit) as error:
            answer["failure"] = _failure(error)
        print(ANSWER + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
