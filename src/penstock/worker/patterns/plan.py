"""From a file to what a worker works: its endpoints with their guards, its topics with their handlers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from penstock.worker.handlers import Handler
from penstock.worker.patterns import functions
from penstock.worker.patterns.aws import DriverMissing, LambdaCaller
from penstock.worker.patterns.calls import Caller
from penstock.worker.patterns.config import AnyEndpoint, BadConfig, Config, HttpEndpoint, LambdaEndpoint, ms
from penstock.worker.patterns.guard import Guard
from penstock.worker.patterns.http import HttpCaller
from penstock.worker.patterns.mapping import Language, escaped
from penstock.worker.patterns.routed import Routed
from penstock.worker.patterns.secrets import Secrets
from penstock.worker.topic import FILTERS, Topic
from penstock.worker.worker import LOCK_MS_MIN


class Made(msgspec.Struct, frozen=True):
    """A guard with what it was made of: as long as that stays, it stays. `made_of` has secrets in it: it is never shown."""

    made_of: Any
    guard: Guard


class Plan(msgspec.Struct, frozen=True):
    """What a file says, made. `secret_files`: those that it names."""

    endpoints: Mapping[str, Made]
    topics: tuple[Topic, ...]
    secret_files: frozenset[Path]


class Planner:
    """Makes plans. `path`: the file, to say where a mistake is; other files are looked for beside it."""

    def __init__(self, path: Path, language: Language, environment: Mapping[str, str]) -> None:
        self._path = path
        self._language = language
        self._environment = environment

    async def plan(self, config: Config, before: Plan | None) -> Plan:
        """What the configuration says; guards of endpoints that are as `before` are kept. Raises BadConfig, and then
        nothing of `before` has changed."""
        secrets = Secrets(self._environment, self._path.parent)
        endpoints: dict[str, Made] = {}
        try:
            for name, table in config.endpoint.items():
                endpoints[name] = self._endpoint(name, table, config, secrets, before)
            topics = tuple(self._topic(name, config, endpoints, secrets) for name in config.topic)
        except BaseException:
            await retire(endpoints, before.endpoints if before is not None else {})
            raise
        return Plan(endpoints, topics, frozenset(secrets.files))

    def _endpoint(self, name: str, table: AnyEndpoint, config: Config, secrets: Secrets, before: Plan | None) -> Made:
        where = f"{self._path}: endpoint.{name}"
        headers: dict[str, str] = {}
        made_of: Any = table
        if isinstance(table, HttpEndpoint):
            headers = {key: secrets.fill(text, f"{where}.headers.{key}") for key, text in table.headers.items()}
            made_of = (table, headers, secrets.fill(table.url, f"{where}.url"))
        elif isinstance(table, LambdaEndpoint):
            # A connection waits as long as the most patient topic.
            longest_ms = max(
                (ms(topic.timeout) for topic in config.topic.values() if topic.timeout is not None), default=0
            )
            made_of = (table, max(ms(table.timeout), longest_ms))
        known = before.endpoints.get(name) if before is not None else None
        if known is not None and known.made_of == made_of:
            return known
        try:
            caller = self._caller(table, made_of)
        except (ValueError, DriverMissing) as error:
            raise BadConfig(f"{where}: {secrets.hidden(str(error))}") from None
        guard = Guard(
            name,
            caller,
            concurrency=table.concurrency,
            timeout_ms=ms(table.timeout),
            policy=table.breaker.policy(),
        )
        return Made(made_of, guard)

    def _caller(self, table: AnyEndpoint, made_of: Any) -> Caller:
        if isinstance(table, HttpEndpoint):
            return HttpCaller(made_of[2], made_of[1], table.concurrency, table.answer_bytes_max)
        if isinstance(table, LambdaEndpoint):
            return LambdaCaller(
                region=table.region,
                url=table.url,
                profile=table.profile,
                concurrency=table.concurrency,
                read_s=made_of[1] / 1000,
            )
        return functions.LocalCaller(functions.functions_of(table.module, self._path.parent), table.concurrency)

    def _topic(self, name: str, config: Config, endpoints: Mapping[str, Made], secrets: Secrets) -> Topic:
        table = config.topic[name]
        where = f"{self._path}: topic.{name}"
        guard = endpoints[table.endpoint].guard
        headers = {key: secrets.fill(text, f"{where}.headers.{key}", escaped) for key, text in table.headers.items()}
        if unknown := sorted(set(table.filters) - set(FILTERS)):
            raise BadConfig(f"{where}.filters: unknown filter {unknown[0]!r}; there are {', '.join(FILTERS)}")
        if ms(table.lock) < LOCK_MS_MIN:
            raise BadConfig(f"{where}.lock: must be at least {LOCK_MS_MIN} ms")
        try:
            routed = Routed(name, table, guard, self._language, headers)
        except ValueError as error:
            raise BadConfig(f"{where}.{error}") from None
        return Topic(
            name=name,
            handler=Handler(routed),
            lock_duration_ms=ms(table.lock),
            retries=table.retries.policy(),
            variables=table.fetch,
            filters=table.filters,
            gate=guard.breaker,
        )


async def retire(endpoints: Mapping[str, Made], kept: Mapping[str, Made]) -> None:
    """Ends those that are not kept, each after its last call."""
    staying = {id(made.guard) for made in kept.values()}
    await asyncio.gather(*(made.guard.retire() for made in endpoints.values() if id(made.guard) not in staying))
