import pytest

from penstock.cli.variables import parse


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("a=1", 1, "Integer"),
        ("a=-2147483649", -2147483649, "Long"),
        ("a=99999999999999999999", "99999999999999999999", "String"),
        ("a=1.5", 1.5, "Double"),
        ("a=1e999", "1e999", "String"),
        ("a=NaN", "NaN", "String"),
        ("a=true", True, "Boolean"),
        ("a=null", None, "Null"),
        ("a=text", "text", "String"),
        ("a=", "", "String"),
        ("a=x=y", "x=y", "String"),
        ('a="7"', "7", "String"),
        ('a={"b": [1]}', '{"b": [1]}', "Json"),
        ("a:string=7", "7", "String"),
        ("a:Long=7", 7, "Long"),
        ("a:double=7", 7.0, "Double"),
        ("a:boolean=TRUE", True, "Boolean"),
        ("a:date=2026-01-01T00:00:00.000+0000", "2026-01-01T00:00:00.000+0000", "Date"),
        ("a:xml=<b/>", "<b/>", "Xml"),
    ],
)
def test_value_and_type(text: str, value: object, kind: str) -> None:
    assert parse([text]) == {"a": {"value": value, "type": kind}}


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (["a"], "is no variable"),
        (["=1"], "is no variable"),
        (["a=1", "a=2"], "twice"),
        (["a:number=1"], "unknown type 'number'"),
        (["a:long=x"], "is no Long"),
        (["a:double=inf"], "no finite number"),
        (["a:boolean=1"], "neither true nor false"),
    ],
)
def test_refused(texts: list[str], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse(texts)
