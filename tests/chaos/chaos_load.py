"""Clients that start instances and workers that work them, over REST, and a journal of what was acknowledged to them.

Every request may get lost with its server, before or after it was carried out; what a client may conclude then:
- a start with an `Idempotency-Key` is sent again until it is answered: its instance exists exactly once;
- a start without one is given up: its instance exists or not, but never twice;
- a completion is sent again: it answers 204, or 404 because the first one was carried out.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import httpx

TOPICS = ("reserve", "charge", "ship")
MODEL_KEY = "chaos"

MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:camunda="http://camunda.org/schema/1.0/bpmn"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" targetNamespace="chaos">
 <process id="chaos" isExecutable="true">
  <startEvent id="start"/>
  <sequenceFlow id="f1" sourceRef="start" targetRef="reserve"/>
  <serviceTask id="reserve" camunda:type="external" camunda:topic="reserve"/>
  <sequenceFlow id="f2" sourceRef="reserve" targetRef="check"/>
  <serviceTask id="check" camunda:asyncBefore="true" camunda:expression="${amount + 1}" camunda:resultVariable="checked"/>
  <sequenceFlow id="f3" sourceRef="check" targetRef="fork"/>
  <parallelGateway id="fork"/>
  <sequenceFlow id="f4" sourceRef="fork" targetRef="charge"/>
  <serviceTask id="charge" camunda:type="external" camunda:topic="charge"/>
  <sequenceFlow id="f5" sourceRef="charge" targetRef="join"/>
  <sequenceFlow id="f6" sourceRef="fork" targetRef="pause"/>
  <intermediateCatchEvent id="pause"><timerEventDefinition>
   <timeDuration xsi:type="tFormalExpression">PT0.3S</timeDuration></timerEventDefinition></intermediateCatchEvent>
  <sequenceFlow id="f7" sourceRef="pause" targetRef="join"/>
  <parallelGateway id="join"/>
  <sequenceFlow id="f8" sourceRef="join" targetRef="ship"/>
  <serviceTask id="ship" camunda:type="external" camunda:topic="ship"/>
  <sequenceFlow id="f9" sourceRef="ship" targetRef="end"/>
  <endEvent id="end"/>
 </process>
</definitions>
"""

ROWS = {"start": 1, "reserve": 1, "check": 1, "fork": 1, "charge": 1, "pause": 1, "join": 2, "ship": 1, "end": 1}
"""How many history rows each activity of one instance has (Camunda writes one per token that reaches a join)."""

IN_FLIGHT_MAX = 60
LOCK_MS = 2_000
POLL_MS = 400
PAUSE_S = 0.1
"""Before a request is sent again."""


@dataclass
class Journal:
    """What was acknowledged, and what was tried."""

    started: dict[str, str] = field(default_factory=dict)
    """Business key → instance id, as answered."""
    keyed: set[str] = field(default_factory=set)
    """Business keys sent with an `Idempotency-Key`."""
    lost: set[str] = field(default_factory=set)
    """Business keys of starts without an answer."""
    completed: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    """External task → (instance, topic, token), as acknowledged with 204."""
    tokens: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """(instance, topic) → every token that was sent."""
    gone: int = 0
    """Completions that a lost earlier request had carried out."""
    wrong: list[str] = field(default_factory=list)
    """Answers that must not be."""
    requests: int = 0
    lost_answers: int = 0

    @property
    def in_flight(self) -> int:
        """About how many instances are under way."""
        shipped = sum(1 for _, topic, _ in self.completed.values() if topic == "ship")
        return len(self.started) - shipped - self.gone


class Load:
    """Clients and workers against the servers at `urls`, of which each request takes one at random."""

    def __init__(self, urls: list[str], seed: int) -> None:
        self.journal = Journal()
        self._urls = urls
        self._random = random.Random(seed)
        self._numbers = count(1)
        self._starting = True
        self._tasks: list[asyncio.Task[None]] = []
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(6.0), limits=httpx.Limits(max_connections=64))

    def begin(self, clients: int = 4, workers: int = 4) -> None:
        """Starts the clients and the workers."""
        self._tasks = [asyncio.create_task(self._client(n)) for n in range(clients)]
        self._tasks += [asyncio.create_task(self._worker(f"worker-{n}")) for n in range(workers)]

    def check(self) -> None:
        """Raises what a client or worker has failed with."""
        for task in self._tasks:
            if task.done():
                task.result()

    async def finish(self, timeout_s: float) -> int:
        """Starts nothing more, waits until nothing is under way, stops. Returns how many instances are left."""
        self._starting = False
        left = -1
        deadline = asyncio.get_running_loop().time() + timeout_s
        while asyncio.get_running_loop().time() < deadline:
            self.check()
            answer = await self._send("GET", "/process-instance/count")
            if answer is not None and answer.status_code == 200:
                left = answer.json()["count"]
                if left == 0:
                    break
            await asyncio.sleep(0.2)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return left

    async def close(self) -> None:
        """Lets go of everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def deploy(self) -> None:
        """Deploys the model."""
        answer = await self._http.post(
            f"{self._urls[0]}/engine-rest/deployment/create",
            data={"deployment-name": "chaos"},
            files={"chaos.bpmn": ("chaos.bpmn", MODEL.encode(), "application/xml")},
        )
        assert answer.status_code == 200, answer.text

    # ------------------------------------------------------------------------------------------

    async def _send(self, method: str, path: str, body: Any = None, headers: Any = None) -> httpx.Response | None:
        """One request; None: no answer, or one that asks to come back later."""
        url = self._random.choice(self._urls)
        self.journal.requests += 1
        try:
            answer = await self._http.request(method, f"{url}/engine-rest{path}", json=body, headers=headers)
        except httpx.TransportError:
            self.journal.lost_answers += 1
            await asyncio.sleep(PAUSE_S)
            return None
        if answer.status_code == 503:
            # Overloaded, draining, or the views are behind: nothing was done.
            await asyncio.sleep(PAUSE_S)
            return None
        return answer

    async def _client(self, number: int) -> None:
        while True:
            if not self._starting:
                return
            if self.journal.in_flight >= IN_FLIGHT_MAX:
                await asyncio.sleep(PAUSE_S)
                continue
            await self._start(f"{number}-{next(self._numbers)}")

    async def _start(self, key: str) -> None:
        body = {
            "businessKey": key,
            "variables": {
                "customer": {"value": f"customer of {key}", "type": "String"},
                "amount": {"value": 41, "type": "Integer"},
            },
        }
        keyed = self._random.random() < 0.5
        headers = {"Idempotency-Key": f"start {key}"} if keyed else None
        if keyed:
            self.journal.keyed.add(key)
        while True:
            answer = await self._send("POST", f"/process-definition/key/{MODEL_KEY}/start", body, headers)
            if answer is not None:
                break
            if not keyed:
                self.journal.lost.add(key)
                return
        if answer.status_code == 200:
            self.journal.started[key] = answer.json()["id"]
        else:
            self._wrong("start", answer)

    async def _worker(self, name: str) -> None:
        body = {
            "workerId": name,
            "maxTasks": 8,
            "asyncResponseTimeout": POLL_MS,
            "topics": [{"topicName": topic, "lockDuration": LOCK_MS, "variables": ["customer"]} for topic in TOPICS],
        }
        while True:
            answer = await self._send("POST", "/external-task/fetchAndLock", body)
            if answer is None:
                continue
            if answer.status_code != 200:
                self._wrong("fetchAndLock", answer)
                await asyncio.sleep(PAUSE_S)
                continue
            await asyncio.gather(*(self._complete(name, task) for task in answer.json()))

    async def _complete(self, worker: str, task: dict[str, Any]) -> None:
        id, instance, topic = task["id"], task["processInstanceId"], task["topicName"]
        token = f"{topic}-{next(self._numbers)}"
        self.journal.tokens.setdefault((instance, topic), set()).add(token)
        body = {"workerId": worker, "variables": {f"by_{topic}": {"value": token, "type": "String"}}}
        again = False
        while True:
            answer = await self._send("POST", f"/external-task/{id}/complete", body)
            if answer is not None:
                break
            again = True
        if answer.status_code == 204:
            if id in self.journal.completed:
                self.journal.wrong.append(
                    f"external task {id} was completed twice, by {self.journal.completed[id]} and {token}"
                )
            self.journal.completed[id] = (instance, topic, token)
        elif answer.status_code == 404:
            # Completed by a request without an answer: this one, or another worker's after the lock had expired.
            self.journal.gone += topic == "ship"
        elif answer.status_code == 400 and "locked by worker" in answer.text:
            # The lock had expired and another worker has taken the task.
            pass
        else:
            self._wrong(f"complete (sent again: {again})", answer)

    def _wrong(self, what: str, answer: httpx.Response) -> None:
        self.journal.wrong.append(f"{what} answered {answer.status_code} {answer.text[:300]}")
