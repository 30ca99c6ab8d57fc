"""What type checkers say about handlers and clients: right uses pass, wrong ones are found."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import dataclasses
import msgspec
from penstock.worker import AsyncClient, Client, Completed, ExternalTask, TaskResult, Worker

worker = Worker("http://127.0.0.1:8080/engine-rest")

class Order(msgspec.Struct):
    amount: int

@dataclasses.dataclass
class Plain:
    amount: int
"""

RIGHT = """
@worker.task("a")
async def a(order: Order) -> dict[str, int]:
    return {"amount": order.amount}

@worker.task("b", variables=["amount"], lock_duration_ms=60_000, processDefinitionKey="order")
def b(task: ExternalTask, plain: Plain) -> TaskResult:
    return TaskResult(data=task.variables["amount"])

@worker.task("c")
def c() -> None: ...

@worker.task("d")
async def d(task: ExternalTask) -> Completed | None:
    return Completed(variables=Plain(1), result=TaskResult(data=(await task.results()).task_results))

@worker.task("e")
def e() -> Order | Plain:
    return Plain(1)

kept: int = e().amount

def blocking(client: Client) -> str:
    return client.start("order", {"amount": 1}, business_key="o-1").id

async def concurrent(client: AsyncClient) -> str:
    return (await client.start("order", {"amount": 1}, business_key="o-1")).id
"""

WRONG = {
    "a handler that returns a number": """
@worker.task("a")
def a() -> int:
    return 3
""",
    "a coroutine that returns a list": """
@worker.task("a")
async def a() -> list[int]:
    return []
""",
    "no topic": """
worker.task()
""",
    "a blocking client that is awaited": """
async def f(client: Client) -> None:
    await client.start("order")
""",
    "a client that is not awaited": """
async def f(client: AsyncClient) -> str:
    return client.start("order").id
""",
    "an option that is misspelt": """
def f(client: Client) -> None:
    client.start("order", busines_key="x")
""",
    "a lock in seconds": """
worker.task("a", lock_duration_s=3)(lambda: {"x": worker.task("a", lock_duration_ms="3 s")})
""",
}


def _errors(text: str, folder: Path) -> list[str]:
    place = folder / "sample.py"
    place.write_text(HEAD + text)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--hide-error-context", str(place)]
    cache = ["--cache-dir", str(folder.parent / "mypy")]
    done = subprocess.run([*command, *cache], capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout.splitlines()


def test_right_uses_pass(tmp_path: Path) -> None:
    assert _errors(RIGHT, tmp_path) == []


@pytest.mark.slow
def test_wrong_uses_are_found(tmp_path: Path) -> None:
    """All in one run of the checker: each has a line of its own that is wrong."""
    text, places = "", {}
    for number, (what, sample) in enumerate(WRONG.items()):
        begin = (HEAD + text).count("\n") + 1
        text += sample.replace("def a(", f"def a{number}(").replace("def f(", f"def f{number}(")
        places[what] = range(begin, (HEAD + text).count("\n") + 1)
    lines = {int(error.split(":")[1]) for error in _errors(text, tmp_path)}
    missed = [what for what, place in places.items() if not lines & set(place)]
    assert missed == []
