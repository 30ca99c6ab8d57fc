"""Every way to misbehave ends as ScriptFailed, and the next script runs."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import Any

import pytest

from penstock.base.errors import ScriptFailed
from penstock.expr.script import ResolverScope, Script
from penstock.runtime.scripts.host import ScriptHost

from .conftest import Names


async def value(host: ScriptHost, source: str, **variables: Any) -> Any:
    script = Script(language="javascript", source=source, element_id="calc")
    return (await host.run(script, ResolverScope(Names(variables)))).value


@pytest.mark.parametrize(
    ("source", "limit"),
    [
        ("for (;;);", "time limit of 300 ms"),
        ("for (;;) try { for (;;); } catch (e) {}", "time limit of 300 ms"),
        ("/(a+)+$/.test('a'.repeat(40) + 'b')", "time limit of 300 ms"),
        ("for (;;) execution.getVariable('a')", "time limit of 300 ms"),
        ("({get a() { for (;;); }})", "time limit of 300 ms"),
        ("var a = []; for (;;) a.push('x'.repeat(1000) + a.length)", "memory limit of 16777216 bytes"),
        ("new ArrayBuffer(1e9)", "memory limit of 16777216 bytes"),
        ("function f() { return f() + 1 } f()", "limit of recursion"),
        ("var s = 'x'; for (;;) s += s", "limit|string too long"),
        ("'x'.repeat(2e6)", "limit of 1000000 bytes for its result"),
        ("execution.setVariable('a', 'x'.repeat(2e6))", "limit of 1000000 bytes"),
        ("var a = []; for (var i = 0; i < 1e5; i++) a = [a]; a", "nested too deeply"),
        ("for (;;) execution.setVariable('a', 1)", "10000 changes"),
    ],
)
async def test_limits(source: str, limit: str) -> None:
    # Only those that are to run out of time do: a busy machine needs more for the others.
    time_limit_ms = 300 if limit.startswith("time limit") else 10_000
    host = ScriptHost(time_limit_ms=time_limit_ms, memory_limit_bytes=16 * 1024 * 1024, message_limit_bytes=1_000_000)
    try:
        with pytest.raises(ScriptFailed, match=limit):
            await value(host, source)
        assert await value(host, "a + 1", a=1) == 2
    finally:
        await host.close()


async def test_other_scripts_go_on_beside_an_endless_one() -> None:
    host = ScriptHost(processes=2, time_limit_ms=3000)
    try:
        endless = asyncio.create_task(value(host, "for (;;);"))
        await asyncio.sleep(0.2)
        assert await asyncio.wait_for(value(host, "1"), 2.5) == 1
        assert not endless.done()
        with pytest.raises(ScriptFailed, match="time limit"):
            await endless
    finally:
        await host.close()


async def test_many_at_once_on_one_process_wait_their_turn() -> None:
    host = ScriptHost()
    try:
        assert await asyncio.gather(*(value(host, "n * 2", n=n) for n in range(20))) == [n * 2 for n in range(20)]
        assert len(host._all) == 1
    finally:
        await host.close()


async def test_a_killed_process_is_replaced() -> None:
    host = ScriptHost()
    try:
        running = asyncio.create_task(value(host, "for (;;);"))
        await asyncio.sleep(0.3)
        (child,) = host._all
        assert child._transport is not None
        os.kill(child._transport.get_pid(), signal.SIGKILL)
        with pytest.raises(ScriptFailed, match="process for scripts ended"):
            await running
        assert await value(host, "1") == 1
    finally:
        await host.close()


async def test_a_cancelled_script_leaves_no_process_behind() -> None:
    host = ScriptHost()
    try:
        running = asyncio.create_task(value(host, "for (;;);"))
        await asyncio.sleep(0.3)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not host._all
        assert await value(host, "1") == 1
    finally:
        await host.close()


async def test_closing_fails_what_runs() -> None:
    host = ScriptHost()
    running = asyncio.create_task(value(host, "for (;;);"))
    await asyncio.sleep(0.3)
    await host.close()
    with pytest.raises(ScriptFailed, match="closed"):
        await running
    with pytest.raises(ScriptFailed, match="closed"):
        await value(host, "1")


@pytest.mark.parametrize("name", ["require", "process", "std", "os", "fetch", "XMLHttpRequest", "__ask", "scriptArgs"])
async def test_nothing_outside_is_in_reach(name: str) -> None:
    host = ScriptHost()
    try:
        assert await value(host, f"typeof {name}") == "undefined"
        with pytest.raises(ScriptFailed):
            await value(host, "import('os').constructor('return 1')(); import * as std from 'std'")
    finally:
        await host.close()


def test_children_die_with_their_parent() -> None:
    program = textwrap.dedent(
        """
        import asyncio, os
        from penstock.runtime.scripts.host import ScriptHost
        async def main():
            host = ScriptHost()
            await host.start()
            print(next(iter(host._all))._transport.get_pid(), flush=True)
            os._exit(0)
        asyncio.run(main())
        """
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    until = time.monotonic() + 5
    while _exists(int(done.stdout)):
        assert time.monotonic() < until
        time.sleep(0.02)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
