"""What a script sees and what it evaluates to, through the real child process."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.base.errors import ScriptFailed
from penstock.expr.values import FileValue, Integer, JsonDict, JsonList, JsonNode, XmlText

from .conftest import Scripts


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2", Integer(3)),
        ("4 / 2", Integer(2)),
        ("10 / 4", 2.5),
        ("2147483648", 2147483648.0),
        ("5n", 5),
        ("'a' + 1", "a1"),
        ("1 > 0", True),
        ("null", None),
        ("undefined", None),
        ("var x = 1;", None),
        ("[1, 'a', [true]]", [1, "a", [True]]),
        ("({a: {b: 1.5}, f: function () {}})", {"a": {"b": 1.5}}),
        ("({'@': ['json', 1]})", {"@": ["json", 1]}),
        ("new Date(1500)", datetime(1970, 1, 1, 0, 0, 1, 500_000, UTC)),
        ("Infinity", math.inf),
        ("JSON.parse('[1]')", [1]),
        ("JSON.stringify({a: 1})", '{"a":1}'),
        ("if (true) { 'yes' } else { 'no' }", "yes"),
        ("'\\u0000'", "\0"),
        ("({['__proto__']: 1})", {"__proto__": 1}),
    ],
)
async def test_result(scripts: Scripts, source: str, expected: Any) -> None:
    value = await scripts.value(source)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("sum = a + b; sum", 5),
        ("var a = 7; a", 7),
        ("var a; typeof a", "undefined"),
        ("a = 9; a", 9),
        ("function a() { return 4 }; a()", 4),
        ("let a = 6; a", 6),
        ("typeof missing", "undefined"),
        ("`${a}`", "2"),
        ("Math.max(...[a, b])", 3),
        ("this.a", 2),
        ("naïve + 1", 2),
        ("$x", 8),
    ],
)
async def test_variables_are_global_names(scripts: Scripts, source: str, expected: Any) -> None:
    assert await scripts.value(source, a=Integer(2), b=Integer(3), naïve=1, **{"$x": 8}) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("list.size() + list.get(0) + list.length", 1 + 2 + 2),
        ("list.add(5); list", [1, {"k": 2}, 5]),
        ("list.get(1).get('k')", 2),
        ("map.get('k') + map.k", 2),
        ("map.put('z', 2); map", {"k": 1, "z": 2}),
        ("map.containsKey('q')", False),
        ("Array.isArray(list)", True),
        ("var n = 0; for (var i in list) n++; n", 2),
        ("var k = []; for (var i in map) k.push(i); k", ["k"]),
        ("map.keySet()", ["k"]),
        ("date.getTime()", 1500),
        ("big", 2**40),
        ("big + 1", float(2**40 + 1)),
        ("long_text.length", 100_000),
    ],
)
async def test_variables_of_every_type(scripts: Scripts, source: str, expected: Any) -> None:
    value = await scripts.value(
        source,
        list=JsonList([Integer(1), {"k": Integer(2)}]),
        map=JsonDict({"k": Integer(1)}),
        date=datetime.fromtimestamp(1.5, UTC),
        big=2**40,
        long_text="x" * 100_000,
    )
    assert value == expected
    assert isinstance(value, float) is isinstance(expected, float)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("json.prop('a').numberValue()", 1),
        ("json.prop('l').elements().get(1).stringValue()", "x"),
        ("var n = 0; for (var e of json.prop('l')) n++; n", 2),
        ("json.hasProp('q')", False),
        ("json.prop('l').append('y').toString()", '[true,"x","y"]'),
        ("json.prop('l').remove('x').elements().size()", 1),
        ("json.fieldNames()", ["a", "l"]),
        ("json.jsonPath('$.l[1]').stringValue()", "x"),
        ("json.jsonPath('$.l[*]').elementList().size()", 2),
        ("json.jsonPath('$..a').elementList().get(0).numberValue()", 1),
        ("S('{\"q\":null}').prop('q').isNull()", True),
        ("S('[]').isArray() && S('{}').isObject()", True),
        ("JSON('{\"q\":5}').prop('q').value()", 5),
        ("JSON.stringify(json)", '{"a":1,"l":[true,"x"]}'),
        ("json.prop('a', [1, S('{}')]).prop('a')", JsonNode([1, {}])),
        ("json", JsonNode({"a": 1, "l": [True, "x"]})),
    ],
)
async def test_spin_json(scripts: Scripts, source: str, expected: Any) -> None:
    assert await scripts.value(source, json=JsonNode({"a": 1, "l": [True, "x"]})) == expected


async def test_values_that_scripts_only_pass_on(scripts: Scripts) -> None:
    file, xml = FileValue(b"x", {"filename": "f"}), XmlText("<a/>")
    result = await scripts.result("execution.setVariable('f', file); [xml, String(xml)]", file=file, xml=xml)
    assert result.writes[0].args[1] is file
    assert result.value == [xml, "<a/>"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("\n  missing + 1", "ReferenceError: missing is not defined in <eval> at line number 2 at column number 3"),
        ("var x = ;", "SyntaxError: unexpected token in expression: ';' in <eval> at line number 1 at column number 9"),
        ("function f() {\n  l.get(9)\n}\nf()", "Index 9 out of bounds for length 1 in <eval> at line number 2"),
        ("throw new Error('boom')", "Error: boom"),
        ("throw 'text'", "Cause: text"),
        ("throw {a: 1}", 'Cause: {"a":1}'),
        ("java.lang.System.exit(1)", "Java is not available in scripts: java.lang.System.exit"),
        ("new java.util.ArrayList()", "Java is not available in scripts: java.util.ArrayList"),
        ("Java.type('java.util.Date')", "Java is not available in scripts: java.util.Date"),
        ("(function () {})", "a function cannot leave a script"),
        ("execution", "the object 'execution' cannot leave a script"),
        ("Promise.resolve(1)", "scripts are synchronous"),
        ("var a = []; a.push(a); a", "contains itself"),
        ("new Date(NaN)", "an invalid Date"),
        ("new Date(8.64e15)", "beyond the year 9999"),
        ("10n ** 30n", "beyond 64 bits"),
        ("'\\ud800'", "the result cannot be used"),
        ("execution.fly()", "TypeError: not a function"),
        ("execution.getNothing()", "execution.getNothing is not a function"),
        ("execution.setNothing(1)", "execution.setNothing is not a function"),
        ("execution.setVariable('a')", "does not take 1 arguments"),
        ("S('<a/>')", "XML is not available"),
        ("S('{}').prop('a')", "has no property 'a'"),
    ],
)
async def test_errors_say_what_and_where(scripts: Scripts, source: str, message: str) -> None:
    with pytest.raises(
        ScriptFailed, match=r"^Unable to evaluate script while executing activity 'calc'\. Cause: "
    ) as caught:
        await scripts.value(source, l=JsonList([1]))
    assert message in caught.value.message
    assert caught.value.element_id == "calc"
