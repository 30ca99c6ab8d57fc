"""BPMN texts for the tests of the runtime, and how they are deployed."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

from penstock.runtime.node import Node
from penstock.runtime.protocol import Deploy, Deployed, Resource
from penstock.store.protocol import Fetch, Row, TopicFetch

MakeNode = Callable[..., Awaitable[Node]]
"""What the fixture `make_node` gives."""

_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
    ' xmlns:camunda="http://camunda.org/schema/1.0/bpmn" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' targetNamespace="tests">'
)


def process(body: str, *, key: str = "p", before: str = "", attributes: str = "") -> bytes:
    """A file with one executable process."""
    return (
        f'{_HEAD}{before}<process id="{key}" isExecutable="true" {attributes}>{body}</process></definitions>'.encode()
    )


def sequence(*nodes: str) -> str:
    """Nodes (each an element with an `id`) joined by sequence flows from start to end."""
    elements = ['<startEvent id="start"/>', *nodes, '<endEvent id="end"/>']
    ids = [element.split('id="', 1)[1].split('"', 1)[0] for element in elements]
    flows = [f'<sequenceFlow id="f{n}" sourceRef="{a}" targetRef="{b}"/>' for n, (a, b) in enumerate(pairwise(ids))]
    return "".join(elements + flows)


EXTERNAL = sequence('<serviceTask id="work" camunda:type="external" camunda:topic="t"/>')
EXPRESSION = sequence('<serviceTask id="work" camunda:expression="${true}"/>')
USER = sequence('<userTask id="task"/>')
ASYNC = sequence('<serviceTask id="work" camunda:asyncBefore="true" camunda:expression="${answer}"/>')
TIMER_START = (
    '<startEvent id="start"><timerEventDefinition><timeCycle xsi:type="tFormalExpression">R2/PT1H</timeCycle>'
    '</timerEventDefinition></startEvent><endEvent id="end"/><sequenceFlow id="f" sourceRef="start" targetRef="end"/>'
)


async def deploy(node: Node, body: str, *, key: str = "p", before: str = "", **options: Any) -> Deployed:
    """Deploys one process."""
    resource = Resource(f"{key}.bpmn", process(body, key=key, before=before))
    options.setdefault("name", "d")
    return await node.deploy(Deploy(resources=[resource], **options))


async def deployed_id(node: Node, body: str, **options: Any) -> str:
    """Deploys one process; its definition's id."""
    found: str = (await deploy(node, body, **options)).process_definitions[0]["id"]
    return found


def fetch(worker: str = "w", *, topic: str = "t", most: int = 10, lock_ms: int = 60_000) -> Fetch:
    """A fetchAndLock of one topic."""
    return Fetch(worker=worker, max_tasks=most, topics=[TopicFetch(topic=topic, lock_duration_ms=lock_ms)])


async def one_task(node: Node, worker: str = "w", **options: Any) -> Row:
    """The only external task there is."""
    (row,) = await node.fetch_and_lock(fetch(worker, **options), wait_ms=None)
    return row


async def until(holds: Callable[[], bool], timeout_s: float = 10) -> None:
    """Waits until something holds."""
    async with asyncio.timeout(timeout_s):
        while not holds():  # noqa: ASYNC110 - there is no event for what a test looks at
            await asyncio.sleep(0.005)
