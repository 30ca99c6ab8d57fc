"""The expression language: values, coercions, members, errors in Camunda's words."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from penstock.base.errors import BadUserRequest, ExpressionFailed
from penstock.expr.host import HostObject
from penstock.expr.juel import CHARS_MAX, parse, to_string
from penstock.expr.values import Integer, JsonNode, Short, XmlText

NOW_MS = 1_700_000_000_123


class Names:
    """A resolver over a dict."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = names

    def lookup(self, name: str) -> Any:
        return self.names[name]

    def now_ms(self) -> int:
        return NOW_MS


def value(text: str, **names: Any) -> Any:
    return parse(text).evaluate(Names(names))


def refused(text: str, **names: Any) -> str:
    with pytest.raises(ExpressionFailed) as failed:
        value(text, **names)
    return failed.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${1}", 1),
        ("#{'anna'}", "anna"),
        ('${"it\'s"}', "it's"),
        (r"${'it\'s \\'}", "it's \\"),
        ("${true}", True),
        ("${null}", None),
        ("${1.5}", 1.5),
        ("${.5}", 0.5),
        ("${1.}", 1.0),
        ("${2e3}", 2000.0),
        ("${9223372036854775807}", 2**63 - 1),
        ("${ 1 + 1 }", 2),
        ("${1 + 2 * 3 - 4}", 3),
        ("${(1 + 2) * 3}", 9),
        ("${10 / 4}", 2.5),
        ("${10 div 5}", 2.0),
        ("${-7 % 3}", -1),
        ("${7 mod -3}", 1),
        ("${7.5 % 2}", 1.5),
        ("${1 - -1}", 2),
        ("${- - 2}", 2),
        ("${9223372036854775807 + 1}", -(2**63)),
        ("${9223372036854775807 * 9223372036854775807}", 1),
        ("${'3' + 4}", 7),
        ("${'3.5' + 1}", 4.5),
        ("${null + 1}", 1),
        ("${null + null}", 0),
        ("${null / null}", 0),
        ("${'' + 1}", 1),
        ("${1 / 0}", math.inf),
        ("${-1 / 0}", -math.inf),
        ("${1 == 1.0}", True),
        ("${'1' == 1}", True),
        ("${'a' eq 'a'}", True),
        ("${'a' ne 'a'}", False),
        ("${null == null}", True),
        ("${null == 0}", False),
        ("${null < 1}", False),
        ("${null <= null}", True),
        ("${true == 'true'}", True),
        ("${'b' > 'a'}", True),
        ("${'10' < 9}", False),
        ("${'10' < '9'}", True),
        ("${2 lt 3 and 3 gt 2 and 2 le 2 and 2 ge 2}", True),
        ("${true || unknown}", True),
        ("${false && unknown}", False),
        ("${not true or !false}", True),
        ("${!'true'}", False),
        ("${'TRUE' && true}", True),
        ("${null || ''}", False),
        ("${empty ''}", True),
        ("${empty null && not empty 'a'}", True),
        ("${1 < 2 ? 'yes' : 'no'}", "yes"),
        ("${false ? 1 : true ? 2 : 3}", 2),
        ("${true ? x : JSON(x)}", 7),
        ("plain", "plain"),
        ("", ""),
        ("a${1}b${true}c${null}", "a1btruec"),
        ("${1} ", "1 "),
        (r"\${x}", "${x}"),
        (r"a\b\${x}-${1}", r"a\b${x}-1"),
        ("$ {x} # {y}", "$ {x} # {y}"),
        ("${'}'}", "}"),
        ("${'${x}'}", "${x}"),
    ],
)
def test_value(text: str, expected: Any) -> None:
    found = value(text, x=7)
    assert found == expected
    assert type(found) is type(expected)


def test_an_integer_computes_as_long_and_keeps_its_type_alone() -> None:
    assert type(value("${n}", n=Integer(3))) is Integer
    assert type(value("${n + 1}", n=Integer(3))) is int
    assert type(value("${n + s}", n=Integer(3), s=Short(1))) is int
    assert value("${-n}", n=Integer(-(2**31))) == -(2**31)
    assert type(value("${-n}", n=Short(5))) is Short


def test_nan_compares_as_in_juel() -> None:
    assert math.isnan(value("${0 / 0}"))
    assert value("${x == y}", x=math.nan, y=float("nan")) is True
    assert value("${0 / 0 >= 1}") is True
    assert value("${0 / 0 > 1}") is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${customer.vip}", True),
        ("${customer['name']}", "Anna"),
        ("${customer.missing}", None),
        ("${customer.missing.deeper[0]}", None),
        ("${items[1]}", "b"),
        ("${items['1']}", "b"),
        ("${items[7]}", None),
        ("${items[null]}", None),
        ("${items.size()}", 3),
        ("${items.isEmpty()}", False),
        ("${items.contains('c')}", True),
        ("${items.indexOf('x')}", -1),
        ("${customer.containsKey('vip')}", True),
        ("${customer.get('name').toUpperCase()}", "ANNA"),
        ("${customer.keySet()}", ["name", "vip", "orders"]),
        ("${customer.orders[0].amount > 1000 && customer.vip}", True),
        ("${items}-${customer}", "[a, b, c]-{name=Anna, vip=true, orders=[{amount=2000}]}"),
        ("${empty items}", False),
        ("${items == items}", True),
    ],
)
def test_collections(text: str, expected: Any) -> None:
    customer = {"name": "Anna", "vip": True, "orders": [{"amount": Integer(2000)}]}
    assert value(text, customer=customer, items=["a", "b", "c"]) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${'abc'.length()}", 3),
        ("${'abc'.substring(1)}", "bc"),
        ("${'abc'.substring(0, '2')}", "ab"),
        ("${'abc'.charAt(1)}", "b"),
        ("${'abc'.concat(1)}", "abc1"),
        ("${'abc'.contains('b')}", True),
        ("${'abc'.startsWith('b', 1)}", True),
        ("${'abc'.endsWith('c')}", True),
        ("${'abcabc'.lastIndexOf('b')}", 4),
        ("${'abcabc'.indexOf('b', 2)}", 4),
        ("${'aXb'.replace('X', '-')}", "a-b"),
        ("${' a '.trim()}", "a"),
        ("${'a,b,,'.split(',')}", ["a", "b"]),
        ("${'a|b'.split('\\\\|')}", ["a", "b"]),
        ("${'a,b,c'.split(',', 2)}", ["a", "b,c"]),
        ("${''.split(',')}", [""]),
        ("${','.split(',')}", []),
        ("${'Yes'.equalsIgnoreCase('yES')}", True),
        ("${'b'.compareTo('a')}", 1),
        ("${'1'.equals(1)}", False),
        ("${''['empty']}", True),
        ("${'ab'.repeat(2)}", "abab"),
        ("${(1).toString()}", "1"),
        ("${(1).equals(1)}", True),
        ("${(1.9).intValue()}", 1),
        ("${(1).compareTo(2)}", -1),
        ("${true.toString()}", "true"),
        ("${'abc'['length']()}", 3),
    ],
)
def test_methods(text: str, expected: Any) -> None:
    assert value(text) == expected


def test_equals_of_numbers_minds_the_type_as_in_java() -> None:
    assert value("${n.equals(1)}", n=Integer(1)) is False
    assert value("${n == 1}", n=Integer(1)) is True


JSON = '{"name":"Anna","age":42,"tags":["a","b"],"ok":true,"none":null,"sub":{"x":[{"y":7}]}}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${j.prop('name').stringValue()}", "Anna"),
        ("${j.prop('age').numberValue() + 1}", 43),
        ("${j.prop('ok').boolValue()}", True),
        ("${j.prop('none').isNull()}", True),
        ("${j.prop('none').value()}", None),
        ("${j.hasProp('nope')}", False),
        ("${j.prop('tags').elements().size()}", 2),
        ("${j.prop('tags').elements()[1].value()}", "b"),
        ("${j.prop('tags').indexOf('b')}", 1),
        ("${j.prop('tags').contains('z')}", False),
        ("${j.fieldNames()}", ["name", "age", "tags", "ok", "none", "sub"]),
        ("${j.prop('sub')}", JsonNode({"x": [{"y": 7}]})),
        ("${j.prop('sub').toString()}", '{"x":[{"y":7}]}'),
        ("${j.jsonPath('$.sub.x[0].y').numberValue()}", 7),
        ("${j.jsonPath(\"$['name']\").stringValue()}", "Anna"),
        ("${j.jsonPath('$.tags[*]').elementList().size()}", 2),
        ("${j.jsonPath('$.tags').element().isArray()}", True),
        ("${j.object}", True),
        ("${j.prop('tags').append('c').removeAt(0).elements().size()}", 2),
        ("${j.prop('tags').insertAt(0, 'z').removeLast('b').toString()}", '["z","a"]'),
        ("${j.prop('new', 1).prop('new').numberValue()}", 1),
        ("${j.deleteProp('name').hasProp('name')}", False),
        ("${S('{\"a\":[1,2]}').prop('a').elements().get(0).numberValue()}", 1),
        ("${JSON('3').numberValue()}", 3),
        ("${j.prop('name') == '\"Anna\"'}", True),
    ],
)
def test_json(text: str, expected: Any) -> None:
    assert value(text, j=value("${S(t)}", t=JSON)) == expected


def test_a_json_node_changes_in_place_and_cannot_hold_itself() -> None:
    node = JsonNode({"a": {}})
    assert value("${j.prop('a').prop('b', 1)}", j=node).data == {"b": 1}
    assert node.data == {"a": {"b": 1}}
    value("${j.prop('self', j)}", j=node)
    assert node.data == {"a": {"b": 1}, "self": {"a": {"b": 1}}}


def test_xml_is_its_text() -> None:
    assert value("${S('<a/>').toString()}") == "<a/>"
    assert isinstance(value("${XML('<a/>')}"), XmlText)


def test_dates() -> None:
    now = datetime(2023, 11, 14, 22, 13, 20, 123000, tzinfo=UTC)
    assert value("${now()}") == now
    assert value("#{dateTime().minusDays(1)}") == now.replace(day=13)
    assert value("${dateTime().plusWeeks(1).toDate()}") == now.replace(day=21)
    assert value("${dateTime().plusMonths(3).withTimeAtStartOfDay().toDate()}") == datetime(2024, 2, 14, tzinfo=UTC)
    assert value("${dateTime().plusYears(1).isAfter(now())}") is True
    assert value("${dateTime().dayOfWeek}") == value("${dateTime().getDayOfWeek()}") == 2
    assert value("${dateTime().toString()}") == "2023-11-14T22:13:20.123Z"
    assert value("${now().time}") == value("${now().getTime()}") == NOW_MS
    assert value("${d.before(now()) && d < now()}", d=datetime(2020, 1, 1, tzinfo=UTC)) is True
    assert "outside the years" in refused("${dateTime().plusYears(999999)}")


def test_functions_come_from_camunda() -> None:
    assert value("${currentUser()}", **{"currentUser()": "demo"}) == "demo"
    assert value("${currentUserGroups()}", **{"currentUserGroups()": ["a"]}) == ["a"]
    assert "currentUser()" in refused("${currentUser()}")
    assert "Could not resolve function 'nope'" in refused("${nope(1)}")
    assert "Parameters for function 'now' do not match" in refused("${now(1)}")


@pytest.fixture
def execution() -> HostObject:
    variables: dict[str, Any] = {"x": 1}

    def refuse() -> Any:
        raise BadUserRequest("no")

    return HostObject(
        "org.camunda.bpm.engine.delegate.DelegateExecution",
        {"processInstanceId": lambda: "pi-1", "canceled": lambda: False},
        {
            "getVariable": (variables.get, 1, 1),
            "setVariable": (variables.__setitem__, 2, 2),
            "refuse": (refuse, 0, 0),
        },
    )


def test_host_objects_have_what_they_declare(execution: HostObject) -> None:
    names = {"execution": execution}
    assert value("${execution.processInstanceId}", **names) == "pi-1"
    assert value("${execution.getProcessInstanceId()}", **names) == "pi-1"
    assert value("${execution.isCanceled()}", **names) is False
    assert value("${execution['processInstanceId']}", **names) == "pi-1"
    assert value("${execution.setVariable('x', execution.getVariable('x') + 1)}", **names) is None
    assert value("${execution.getVariable('x')}", **names) == 2
    for text in ("${execution.name}", "${execution.methods}", "${execution.__class__}"):
        assert refused(text, **names).startswith(f"Unknown property used in expression: {text}. Cause: ")
    for text in ("${execution.getVariable()}", "${execution.getClass()}", "${execution.isProcess()}"):
        assert refused(text, **names).startswith(f"Unknown method used in expression: {text}. Cause: ")


def test_what_a_host_method_raises_passes_through(execution: HostObject) -> None:
    with pytest.raises(BadUserRequest):
        value("${execution.refuse()}", execution=execution)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${x}", "Unknown property used in expression: ${x}. Cause: Cannot resolve identifier 'x'"),
        (
            "${n.foo()}",
            "Unknown property used in expression: ${n.foo()}. "
            "Cause: Target unreachable, base expression 'n' resolved to null",
        ),
        (
            "${'a'.foo}",
            "Unknown property used in expression: ${'a'.foo}. "
            "Cause: Could not find property foo in class java.lang.String",
        ),
        (
            "${'a'.foo(1)}",
            "Unknown method used in expression: ${'a'.foo(1)}. "
            "Cause: Cannot find method foo with 1 parameters in class java.lang.String",
        ),
        ("${1 % 0}", "Error while evaluating expression: ${1 % 0}. Cause: / by zero"),
        (
            "${'a' + 1}",
            "Error while evaluating expression: ${'a' + 1}. Cause: Cannot coerce 'a' to class java.lang.Long",
        ),
        (
            "${true + 1}",
            "Error while evaluating expression: ${true + 1}. "
            "Cause: Cannot coerce from class java.lang.Boolean to class java.lang.Long",
        ),
        (
            "${1 ? 2 : 3}",
            "Error while evaluating expression: ${1 ? 2 : 3}. "
            "Cause: Cannot coerce from class java.lang.Long to class java.lang.Boolean",
        ),
        (
            "${}",
            "Error parsing '${}': syntax error at position 2, encountered '}', expected "
            "<IDENTIFIER>|<STRING>|<FLOAT>|<INTEGER>|'true'|'false'|'null'|'-'|'!'|'not'|'empty'|'('",
        ),
        ("${1", "Error parsing '${1': syntax error at position 3, encountered 'null', expected '}'"),
        ("${'a}", "Error parsing '${'a}': lexical error at position 2, encountered unterminated string, expected '"),
    ],
)
def test_errors_are_worded_as_camunda_words_them(text: str, message: str) -> None:
    assert refused(text, n=None) == message


@pytest.mark.parametrize(
    "text",
    [
        "${a b}",
        "${1 +}",
        "${(1}",
        "${a.}",
        "${a.1}",
        "${a = 1}",
        "${a & b}",
        "${@}",
        "${9223372036854775808}",
        r"${'\n'}",
        "${a[}",
        "${f(}",
        "${f(1,)}",
        "${a ? b}",
        "${1}#{2}",
        "${instanceof}",
        "${",
        "${x.true}",
    ],
)
def test_syntax_errors_name_the_text(text: str) -> None:
    assert text in refused(text, a=1, b=2)


def test_conditions() -> None:
    names = Names({"yes": True, "no": False, "text": "true", "nothing": None})
    assert parse("${yes}").evaluate_condition(names) is True
    assert parse("${no}").evaluate_condition(names) is False
    with pytest.raises(ExpressionFailed, match=r"^condition expression returns null"):
        parse("${nothing}").evaluate_condition(names)
    with pytest.raises(ExpressionFailed, match=r"^condition expression returns non-Boolean: .*java\.lang\.String"):
        parse("${text}").evaluate_condition(names)
    assert parse("${unknown > 1}").try_condition(names) is False
    assert parse("${yes}").try_condition(names) is True
    with pytest.raises(ExpressionFailed):
        parse("${text}").try_condition(names)


def test_literal_and_cache() -> None:
    assert parse("plain").is_literal
    assert parse(r"\${x}").is_literal
    assert not parse("${1}").is_literal
    assert parse("${1 + 41}") is parse("${1 + 41}")
    assert parse("x" * (CHARS_MAX + 1)).is_literal
    with pytest.raises(ExpressionFailed, match="longer than"):
        parse("${1}" + "x" * CHARS_MAX)


def test_evaluate_string() -> None:
    assert parse("${1 == 1}").evaluate_string(Names({})) == "true"
    assert parse("${null}").evaluate_string(Names({})) is None


@pytest.mark.parametrize(
    ("native", "text"),
    [
        (None, ""),
        (True, "true"),
        (Integer(5), "5"),
        (1.0, "1.0"),
        (100.0, "100.0"),
        (1e7, "1.0E7"),
        (1.25e10, "1.25E10"),
        (12345678.9, "1.23456789E7"),
        (0.001, "0.001"),
        (0.00012, "1.2E-4"),
        (-1e-7, "-1.0E-7"),
        (1.7976931348623157e308, "1.7976931348623157E308"),
        (math.inf, "Infinity"),
        ([1, "a", None, [True]], "[1, a, null, [true]]"),
        ({"k": 1.5, "n": {}}, "{k=1.5, n={}}"),
        (datetime(1970, 1, 1, tzinfo=UTC), "Thu Jan 01 00:00:00 UTC 1970"),
        (JsonNode({"a": [1, None]}), '{"a":[1,null]}'),
        (XmlText("<a/>"), "<a/>"),
    ],
)
def test_to_string(native: Any, text: str) -> None:
    assert to_string(native) == text
