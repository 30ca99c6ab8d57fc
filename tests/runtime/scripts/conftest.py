from collections.abc import AsyncIterator
from typing import Any

import pytest

from penstock.expr.host import HostObject
from penstock.expr.script import ResolverScope, Script, ScriptResult
from penstock.runtime.scripts.host import ScriptHost


class Names:
    """Variables of an execution in one scope, with `execution` and `task` as the engine gives them."""

    def __init__(self, variables: dict[str, Any], *, in_subprocess: bool = False) -> None:
        self.variables = variables
        self.asked: list[str] = []
        reads: dict[str, Any] = {
            "getVariable": (self.variables.get, 1, 1),
            "getVariableLocal": (lambda name: None if in_subprocess else self.variables.get(name), 1, 1),
            "hasVariable": (lambda name: name in self.variables, 1, 1),
            "hasVariableLocal": (lambda name: not in_subprocess and name in self.variables, 1, 1),
            "getVariables": (lambda: dict(self.variables), 0, 0),
            "getVariablesLocal": (lambda: {} if in_subprocess else dict(self.variables), 0, 0),
            "getVariableNames": (lambda: list(self.variables), 0, 0),
            "getVariableNamesLocal": (lambda: [] if in_subprocess else list(self.variables), 0, 0),
        }
        execution = HostObject(
            "execution",
            {
                "id": lambda: "inner" if in_subprocess else "i1",
                "processInstanceId": lambda: "i1",
                "processBusinessKey": lambda: "order-7",
                "currentActivityId": lambda: "pay",
                "tenantId": lambda: None,
            },
            reads,
        )
        task = HostObject(
            "task",
            {"name": lambda: "Approve", "assignee": lambda: None},
            {**reads, "getExecution": (lambda: execution, 0, 0)},
        )
        self.objects = {"execution": execution, "task": task}

    def lookup(self, name: str) -> Any:
        self.asked.append(name)
        return self.objects[name] if name in self.objects else self.variables[name]

    def now_ms(self) -> int:
        return 0


class Scripts:
    def __init__(self, host: ScriptHost) -> None:
        self.host = host

    async def result(self, source: str, in_subprocess: bool = False, **variables: Any) -> ScriptResult:
        script = Script(language="javascript", source=source, element_id="calc")
        return await self.host.run(script, ResolverScope(Names(variables, in_subprocess=in_subprocess)))

    async def value(self, source: str, **variables: Any) -> Any:
        return (await self.result(source, **variables)).value


@pytest.fixture
async def scripts() -> AsyncIterator[Scripts]:
    host = ScriptHost()
    yield Scripts(host)
    await host.close()
