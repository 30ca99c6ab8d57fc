"""Writes, what the script sees of them, BPMN errors, printing."""

from typing import Any

import pytest

from penstock.base.errors import ExpressionFailed, ScriptFailed
from penstock.expr.script import ResolverScope, Script, ScriptWrite, names_in
from penstock.expr.values import Integer

from .conftest import Names, Scripts


async def test_writes_come_in_order_with_native_values(scripts: Scripts) -> None:
    result = await scripts.result(
        "execution.setVariable('a', 1); execution.setVariableLocal('b', 'x'); execution.removeVariable('c'); "
        "execution.setVariables({d: 2.5}); execution.setProcessBusinessKey('k'); execution.processBusinessKey",
        c=1,
    )
    assert result.writes == (
        ScriptWrite("execution", "setVariable", ("a", Integer(1))),
        ScriptWrite("execution", "setVariableLocal", ("b", "x")),
        ScriptWrite("execution", "removeVariable", ("c",)),
        ScriptWrite("execution", "setVariables", ({"d": 2.5},)),
        ScriptWrite("execution", "setProcessBusinessKey", ("k",)),
    )
    assert type(result.writes[0].args[1]) is Integer
    assert result.value == "k"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("execution.setVariable('a', 5); a", 5),
        ("a; execution.setVariable('a', 5); a", 5),
        ("execution.setVariable('fresh', 5); fresh", 5),
        ("execution.setVariable('a', [1]); execution.getVariable('a').size()", 1),
        ("execution.removeVariable('a'); typeof a", "undefined"),
        ("execution.removeVariable('a'); execution.hasVariable('a')", False),
        ("execution.removeVariables(['a']); execution.getVariableNames()", ["c"]),
        ("execution.removeVariables(); execution.getVariables().size()", 0),
        ("execution.setVariableLocal('b', 1); execution.getVariableNamesLocal()", ["a", "c", "b"]),
        ("execution.setVariable('b', 1); execution.hasVariableLocal('b')", True),
        ("execution.setVariables({a: 7}); a + execution.getVariables().a", 14),
        ("execution.getVariable('none')", None),
        ("execution.hasVariable('a')", True),
    ],
)
async def test_a_script_reads_its_own_writes(scripts: Scripts, source: str, expected: Any) -> None:
    assert await scripts.value(source, a=Integer(1), c=Integer(2)) == expected


async def test_a_variable_of_an_outer_scope_does_not_become_local(scripts: Scripts) -> None:
    source = "execution.setVariable('a', 2); [execution.getVariableLocal('a'), execution.getVariable('a')]"
    assert (await scripts.result(source, in_subprocess=True, a=1)).value == [None, 2]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("execution.processInstanceId", "i1"),
        ("execution.id + execution.getId()", "i1i1"),
        ("execution.getProcessBusinessKey()", "order-7"),
        ("execution.currentActivityId", "pay"),
        ("execution.tenantId", None),
        ("execution.nothing", None),
        ("'' + execution", "execution"),
        ("task.setAssignee('kim'); task.assignee + task.getAssignee()", "kimkim"),
        ("task.name = 'New'; task.name", "New"),
        ("task.getExecution().getId()", "i1"),
        ("task.execution.setVariable('q', 1); q", 1),
        ("try { execution.fly() } catch (e) { 'caught' }", "caught"),
    ],
)
async def test_objects_are_used_as_beans(scripts: Scripts, source: str, expected: Any) -> None:
    assert await scripts.value(source) == expected


async def test_assigned_globals_are_no_variables(scripts: Scripts) -> None:
    assert (await scripts.result("a = 2; b = 3; var c = 4;", a=1)).writes == ()


async def test_runs_share_nothing(scripts: Scripts) -> None:
    await scripts.value("leak = 1; Array.prototype.leak = 2; Math.max = null; JSON.parse = null; Object.keys = null; 1")
    assert await scripts.value("typeof leak + typeof [].leak + Math.max(1, 2)") == "undefinedundefined2"


@pytest.mark.parametrize("name", ["BpmnError", "org.camunda.bpm.engine.delegate.BpmnError"])
async def test_bpmn_error(scripts: Scripts, name: str) -> None:
    result = await scripts.result(f"execution.setVariable('a', 1); throw new {name}('E1', 'no stock')")
    assert result.bpmn_error == ("E1", "no stock")
    assert [write.method for write in result.writes] == ["setVariable"]
    assert (await scripts.result(f"throw new {name}('E1')")).bpmn_error == ("E1", None)


async def test_prints_are_kept_and_bounded(scripts: Scripts) -> None:
    result = await scripts.result(
        "println('a', 1); console.log('b'); for (var i = 0; i < 1e4; i++) print('x'.repeat(1e4)); 1"
    )
    assert result.log[:2] == ("a 1", "b")
    assert (len(result.log), len(result.log[-1])) == (100, 1000)


async def test_an_unused_last_value_is_no_error(scripts: Scripts) -> None:
    script = Script(language="JavaScript", source="(function () {})", needs_value=False)
    assert (await scripts.host.run(script, ResolverScope(Names({})))).value is None


async def test_other_languages_are_refused(scripts: Scripts) -> None:
    with pytest.raises(ScriptFailed, match="Can't find scripting engine for 'groovy'"):
        await scripts.host.run(Script(language="groovy", source="1"), ResolverScope(Names({})))


async def test_only_named_variables_are_looked_up(scripts: Scripts) -> None:
    names = Names({"a": 1, "b": 2})
    await scripts.host.run(Script(language="js", source="a"), ResolverScope(names))
    assert names.asked == ["a"]
    assert names_in("if (x.y && f(...z)) { a; $b }") == ("x", "f", "z", "a", "$b")


class Broken:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def lookup(self, name: str) -> Any:
        if name == "bad":
            raise self.error
        raise KeyError(name)

    def call(self, object_name: str, method: str, args: tuple[Any, ...]) -> Any:
        raise KeyError(method)


async def test_a_failure_of_the_engine_reaches_the_script(scripts: Scripts) -> None:
    scope = Broken(ExpressionFailed("cannot read bad"))
    caught = await scripts.host.run(Script(language="js", source="try { bad } catch (e) { e.message }"), scope)
    assert caught.value == "cannot read bad"
    with pytest.raises(ScriptFailed, match="cannot read bad"):
        await scripts.host.run(Script(language="js", source="bad"), scope)


async def test_a_defect_of_the_engine_is_raised_as_it_is(scripts: Scripts) -> None:
    with pytest.raises(ZeroDivisionError):
        await scripts.host.run(Script(language="js", source="bad"), Broken(ZeroDivisionError()))
    assert await scripts.value("1") == 1
