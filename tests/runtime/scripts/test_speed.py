"""What scripts cost, as ratios: engine contexts are the yardstick, so that a slow machine is slow in both."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import _quickjs
import msgspec
import pytest

from penstock.expr.script import ResolverScope, Script
from penstock.expr.values import Integer
from penstock.runtime.scripts import child
from penstock.runtime.scripts.host import ScriptHost
from penstock.runtime.scripts.session import Session

from .conftest import Names, Scripts


class Recorded:
    """A parent that answers nothing and keeps what it is sent."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def put(self, kind: bytes, rest: bytes = b"") -> None:
        self.frames.append(kind)

    send = put

    def read(self) -> tuple[bytes, bytes]:
        return b"A", b'{"value":1}'


def engine(pipe: Recorded) -> child.Engine:
    return child.Engine(_quickjs, pipe, 64 << 20, 16 << 20)  # type: ignore[arg-type]


def median_s(function: Callable[[], Any], count: int = 60) -> float:
    times = []
    for _ in range(count):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def test_a_sandbox_costs_little_more_than_a_bare_context() -> None:
    shared = engine(Recorded())
    ratio = median_s(lambda: child.Sandbox(shared)) / median_s(_quickjs.Context)
    assert ratio < 5  # compiling everything makes it 10 to 20


@pytest.mark.parametrize(
    ("source", "parts", "questions"),
    [
        ("a + 1", (), 0),
        ("JSON.stringify(JSON.parse('[1]'))", (), 0),
        ("execution.setVariable('x', a); x", ("objects",), 0),
        ("execution.setVariable('x', execution.getVariable('a') * 2)", ("objects",), 0),
        ("execution.getVariable('a' + '')", ("questions", "objects"), 1),
        ("S('{\"q\":1}').prop('q').value()", ("spin",), 0),
        ("print('x')", ("print",), 0),
    ],
)
def test_a_script_compiles_and_asks_only_what_it_needs(source: str, parts: tuple[str, ...], questions: int) -> None:
    pipe = Recorded()
    shared = engine(pipe)
    session = Session(Script(language="js", source=source, needs_value=False), ResolverScope(Names({"a": 1})))
    child.Sandbox(shared).run(source, session.names().decode())
    assert (shared.wanted, pipe.frames.count(b"Q")) == (parts, questions)


def test_what_scripts_wanted_is_compiled_ahead() -> None:
    shared = engine(Recorded())
    shared.load("spinmore")
    shared.load("spin")
    sandbox = child.Sandbox(shared)
    assert [sandbox.prepare() for _ in range(3)] == [True, True, False]
    names = msgspec.json.encode(
        {"values": {}, "hosts": None, "lazy": None, "got": {}, "parts": ["spin"], "value": True}
    )
    shared.wanted = ()
    assert sandbox.run("S('[7]').elements().length", names.decode()) == (b"V", b'{"value":1}')
    assert "spin" not in shared.wanted


async def test_prepared_runtimes_are_used_once() -> None:
    """Whatever a script does to its own world: pollution, globals, prototypes, pending jobs."""
    host = ScriptHost()
    scripts = Scripts(host)
    try:
        for _ in range(20):
            await scripts.value(
                "print('x'); leak = 1; var also = 2; Object.prototype.leak = 3; Array.prototype.map = null; "
                "JSON.stringify = null; Object.getPrototypeOf(globalThis).leak = 4; "
                "Object.getPrototypeOf(Object.getPrototypeOf(globalThis)).leak = 5; "
                "Object.defineProperty = null; Proxy = null; String.prototype.slice = null; Symbol = 6; "
                "Promise.resolve().then(() => { for (;;); }); Object.freeze(Object.prototype); 1"
            )
            clean = (
                "[typeof leak, typeof also, typeof [].leak, typeof [].map, typeof Proxy, typeof setTimeout, "
                "JSON.stringify([1].map((n) => n + 1)), S('{\"a\":1}').prop('a').value()].join()"
            )
            expected = "undefined,undefined,undefined,function,function,undefined,[2],1"
            assert await scripts.value(clean) == expected
    finally:
        await host.close()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("var Symbol = 'EUR', Map = 1, Proxy = 2, Reflect = 3; execution.getVariable('l').get(0) + Symbol", "1EUR"),
        ("var S = 5; S", 5),
        ("eval('pr' + 'int(1)'); typeof java", "function"),
        ("execution.setVariable('a', 3); execution.getVariable('a') + a", 6),
        ("execution.setVariables({a: 4}); execution.getVariable('a') + a", 8),
        ("execution.removeVariable('a'); execution.getVariable('a')", None),
        ("var s = execution.getVariable('a'); execution.setVariable('b', s + 1); execution.getVariable('b') + b", 4),
        ("execution.setVariable('a', undefined); [a === undefined, execution.getVariable('a')]", [False, None]),
        ("execution.setVariable('a', NaN); isNaN(a)", True),
        ("l instanceof Array && JSON(l).elements() instanceof Array", True),
        ("JSON(l).nothing === undefined && 'elements' in JSON(l)", True),
    ],
)
async def test_shortcuts_do_not_show(scripts: Scripts, source: str, expected: Any) -> None:
    assert await scripts.value(source, a=Integer(1), l=[Integer(1)]) == expected


@pytest.mark.parametrize("value", ["'\\ud800'", "['\\ud800']"])
async def test_text_that_is_no_unicode_is_refused_where_it_is_written(scripts: Scripts, value: str) -> None:
    source = f"try {{ execution.setVariable('a', {value}); 'kept' }} catch (e) {{ 'refused' }}"
    result = await scripts.result(source)
    assert (result.value, result.writes) == ("refused", ())
