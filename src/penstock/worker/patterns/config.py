"""The file of a generic worker: where the server is, endpoints, and what each topic asks of them.

```toml
[endpoint.payments]
url = "http://127.0.0.1:9000"

[topic.charge-card]
endpoint = "payments"
path = "/orders/{order_id}/charge"
body = "{ amount: amount }"
variables = { paid = "body.paid" }
```

Spans are ISO 8601 durations ("PT30S"). Texts called *expression* are FEEL.
"""

import tomllib
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import msgspec

from penstock.worker.backoff import Backoff, Retries
from penstock.worker.breaker import BreakerPolicy
from penstock.worker.errors import WorkerError

Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Factor = Annotated[float, msgspec.Meta(ge=1)]


class BadConfig(WorkerError):
    """The file of a generic worker makes no sense."""


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common form: what is not known is a mistake."""


class Breaking(Table, frozen=True, kw_only=True):
    """`[endpoint.….breaker]`: see `penstock.worker.breaker`."""

    failures: Positive = 5
    pause: timedelta = timedelta(seconds=5)
    pause_most: timedelta = timedelta(minutes=2)
    wide: Positive = 32

    def policy(self) -> BreakerPolicy:
        """As the breaker wants it."""
        pause = Backoff(first_ms=ms(self.pause), most_ms=ms(self.pause_most), jitter=0.2)
        return BreakerPolicy(failures=self.failures, pause=pause, wide=self.wide)


class Endpoint(Table, frozen=True, kw_only=True, tag_field="kind", tag=""):
    """`[endpoint.NAME]`. What all kinds share. `concurrency`: most calls at a time. `timeout`: of one call."""

    concurrency: Positive = 16
    timeout: timedelta = timedelta(seconds=30)
    breaker: Breaking = Breaking()


class HttpEndpoint(Endpoint, frozen=True, kw_only=True, tag="http"):
    """A service. `url`, and `headers`, which are sent with every request, may name secrets. `answer_bytes_max`: longer
    answers are refused."""

    url: str
    headers: Mapping[str, str] = {}
    answer_bytes_max: Positive = 4 * 1024 * 1024


class LambdaEndpoint(Endpoint, frozen=True, kw_only=True, tag="lambda"):
    """AWS Lambda. What is None comes from where the AWS clients look: environment, profile, role. `url`: of something that
    stands for AWS."""

    region: str | None = None
    url: str | None = None
    profile: str | None = None


class LocalEndpoint(Endpoint, frozen=True, kw_only=True, tag="local"):
    """Functions of a Python file or module with Lambda's signature, in threads of the worker: for tests and trying out."""

    module: str


AnyEndpoint = HttpEndpoint | LambdaEndpoint | LocalEndpoint


class Retrying(Table, frozen=True, kw_only=True):
    """`[topic.….retries]`: tries in all, and the waits between them."""

    count: Positive = 3
    first: timedelta = timedelta(seconds=1)
    most: timedelta = timedelta(minutes=5)
    factor: Factor = 2.0
    jitter: Share = 0.2

    def policy(self) -> Retries:
        """As topics want it."""
        backoff = Backoff(first_ms=ms(self.first), most_ms=ms(self.most), factor=self.factor, jitter=self.jitter)
        return Retries(count=self.count, backoff=backoff)


class ErrorRule(Table, frozen=True, kw_only=True):
    """`[[topic.….error]]`: an answer that is a BPMN error. All that is stated must hold; the first rule that fits counts.
    `status`: 402, "4xx", or a list. `type`: a function's error type. `when`: an expression over the answer.
    `code`: of the BPMN error. `message`, `variables`: expressions."""

    code: str
    status: int | str | tuple[int | str, ...] = ()
    type: str | None = None
    when: str | None = None
    message: str | None = None
    variables: Mapping[str, str] = {}


class TopicTable(Table, frozen=True, kw_only=True):
    """`[topic.NAME]`. `endpoint`: which one does the work. Of HTTP endpoints: `method`; `path` and `query`, with
    expressions in braces; `headers`. Of functions: `function`, `qualifier`.
    `body`: an expression; left out, all variables as an object (no body for GET, HEAD and DELETE).
    `success`: statuses that complete the task. `variables`: name → expression over the answer.
    `deadline`: an expression that gives a moment, after which the answer is worth nothing: no call lasts longer, and none
    begins then; `late`: code of the BPMN error that is thrown instead of an incident.
    `idempotency`: `attempt` or `task`, what a key stands for. `fetch`: the variables to fetch; left out: all."""

    endpoint: str
    method: str = "POST"
    path: str | None = None
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    function: str | None = None
    qualifier: str | None = None
    body: str | None = None
    success: int | str | tuple[int | str, ...] = ("2xx",)
    variables: Mapping[str, str] = {}
    local_variables: Mapping[str, str] = {}
    error: tuple[ErrorRule, ...] = ()
    retries: Retrying = Retrying()
    timeout: timedelta | None = None
    deadline: str | None = None
    late: str | None = None
    idempotency: str = "attempt"
    lock: timedelta = timedelta(seconds=30)
    fetch: tuple[str, ...] | None = None
    filters: Mapping[str, Any] = {}


class ServerTable(Table, frozen=True, kw_only=True):
    """`[server]`: where tasks come from. `user` and `password`, or `token`, may name secrets."""

    url: str = "http://127.0.0.1:8080/engine-rest"
    user: str | None = None
    password: str | None = None
    token: str | None = None


class WorkerTable(Table, frozen=True, kw_only=True):
    """`[worker]`: see `penstock.worker.Worker`."""

    id: str | None = None
    concurrency: Positive = 32
    long_poll: timedelta = timedelta(seconds=20)
    grace: timedelta = timedelta(seconds=20)
    use_priority: bool = True


class Config(Table, frozen=True, kw_only=True):
    """The whole file."""

    server: ServerTable = ServerTable()
    worker: WorkerTable = WorkerTable()
    endpoint: Mapping[str, AnyEndpoint] = {}
    topic: Mapping[str, TopicTable] = {}


def read(path: Path) -> Config:
    """Reads a file. Raises BadConfig, which says where and what."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path} is no TOML: {error}") from None
    endpoints = content.get("endpoint")
    for endpoint in endpoints.values() if isinstance(endpoints, dict) else ():
        if isinstance(endpoint, dict):
            endpoint.setdefault("kind", "http")
    try:
        found = msgspec.convert(content, Config)
    except msgspec.ValidationError as error:
        raise BadConfig(f"{path}: {error}") from None
    for name, topic in found.topic.items():
        _check(f"{path}: topic.{name}", topic, found.endpoint)
    return found


def _check(where: str, topic: TopicTable, endpoints: Mapping[str, AnyEndpoint]) -> None:
    endpoint = endpoints.get(topic.endpoint)
    if endpoint is None:
        raise BadConfig(f"{where}.endpoint: there is no [endpoint.{topic.endpoint}]")
    if isinstance(endpoint, HttpEndpoint):
        wrong = "path is missing" if topic.path is None else "function is for lambda and local endpoints"
        bad = topic.path is None or topic.function is not None
    else:
        wrong = "function is missing" if topic.function is None else "path, query and headers are for http endpoints"
        bad = topic.function is None or bool(topic.path or topic.query or topic.headers)
    if bad:
        raise BadConfig(f"{where}: {wrong}")
    if topic.idempotency not in ("attempt", "task"):
        raise BadConfig(f"{where}.idempotency: {topic.idempotency!r} is neither 'attempt' nor 'task'")
    if topic.late is not None and topic.deadline is None:
        raise BadConfig(f"{where}.late: there is no deadline that could be missed")


def ms(span: timedelta) -> int:
    """Milliseconds of a span."""
    return round(span.total_seconds() * 1000)
