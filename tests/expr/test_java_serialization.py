"""Collections that the engine makes: kept as JSON, shown as Java serialises them, and read back by a real JVM."""

import base64
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.api import values as api
from penstock.expr.java import serialize, serialize_object
from penstock.expr.values import (
    ELEMENT_TYPES,
    EmptyList,
    HashMap,
    Integer,
    JsonNode,
    OpaqueObject,
    Short,
    TreeMap,
    TypedValue,
    from_native,
    to_native,
)
from penstock.worker import values as wire
from penstock.worker.java import deserialize
from penstock.worker.values import WireValue

READ = Path(__file__).with_name("java") / "Read.java"
MOMENT = datetime(2024, 2, 29, 12, 30, 0, 250_000, tzinfo=UTC)

SEEN_IN_JAVA: list[tuple[Any, str]] = [
    ([], "ArrayList()"),
    ([2, Integer(3), Short(4), 2**40], "ArrayList(Long(2),Integer(3),Short(4),Long(1099511627776))"),
    ([1.5, True, False, None], "ArrayList(Double(1.5),Boolean(true),Boolean(false),null)"),
    ([float("nan"), float("-inf")], "ArrayList(Double(NaN),Double(-Infinity))"),
    ([MOMENT, b"\1\2"], "ArrayList(Date(1709209800250),bytes(AQI=))"),
    (("a", "a", "b"), "ArrayList(String(a),String(a),String(b))"),
    (["é€𝄞\0"], "ArrayList(String(\\u00e9\\u20ac\\ud834\\udd1e\\u0000))"),
    (["x" * 70_000], "ArrayList(String[70000])"),
    ({"b": Integer(1), "a": Integer(2)}, "LinkedHashMap(String(b)=Integer(1),String(a)=Integer(2))"),
    (TreeMap({"b": "1", "a": "2", "Z": None}), "TreeMap(String(Z)=null,String(a)=String(2),String(b)=String(1))"),
    (HashMap({"a": 1}), "HashMap(String(a)=Long(1))"),
    (EmptyList(), "EmptyList()"),
    (
        [HashMap({"a": "x"}), HashMap({"a": "y"})],
        "ArrayList(HashMap(String(a)=String(x)),HashMap(String(a)=String(y)))",
    ),
    (TreeMap({"a": [{"b": []}]}), "TreeMap(String(a)=ArrayList(LinkedHashMap(String(b)=ArrayList())))"),
    ([JsonNode({"a": 1})], "ArrayList(LinkedHashMap(String(a)=Integer(1)))"),
    ({str(n): n for n in range(100)}, f"LinkedHashMap({','.join(f'String({n})=Long({n})' for n in range(100))})"),
]


def test_a_jvm_reads_what_is_shown() -> None:
    """Each value goes the whole way: stored, shown over REST without deserialising, read by `ObjectInputStream`."""
    java = shutil.which("java")
    if java is None:
        pytest.skip("SKIPPED: there is no `java` on the PATH, so nothing has proved that Java can read our streams")
    shown = [api.write(from_native(value), deserialize=False)["value"] for value, _ in SEEN_IN_JAVA]
    done = subprocess.run(
        [java, "-Xmx256m", "-XX:TieredStopAtLevel=1", str(READ)],
        input="\n".join(shown),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [said for _, said in SEEN_IN_JAVA]


BYTES = {
    "list": (
        [1, "a", True, 2.5, Short(3)],
        "aced0005737200136a6176612e7574696c2e41727261794c6973747881d21d99c7619d03000149000473697a657870000000057704000000"
        "057372000e6a6176612e6c616e672e4c6f6e673b8be490cc8f23df0200014a000576616c7565787200106a6176612e6c616e672e4e756d62"
        "657286ac951d0b94e08b0200007870000000000000000174000161737200116a6176612e6c616e672e426f6f6c65616ecd207280d59cfaee"
        "0200015a000576616c7565787001737200106a6176612e6c616e672e446f75626c6580b3c24a296bfb0402000144000576616c7565787100"
        "7e000340040000000000007372000f6a6176612e6c616e672e53686f7274684d37133460da5202000153000576616c75657871007e000300"
        "0378",
    ),
    "tree map": (
        TreeMap({"a": Integer(1)}),
        "aced0005737200116a6176612e7574696c2e547265654d61700cc1f63e2d256ae60300014c000a636f6d70617261746f727400164c6a6176"
        "612f7574696c2f436f6d70617261746f723b78707077040000000174000161737200116a6176612e6c616e672e496e746567657212e2a0a4"
        "f781873802000149000576616c7565787200106a6176612e6c616e672e4e756d62657286ac951d0b94e08b02000078700000000178",
    ),
    "empty list": (
        EmptyList(),
        "aced00057372001f6a6176612e7574696c2e436f6c6c656374696f6e7324456d7074794c6973747ab817b43ca79ede0200007870",
    ),
}


@pytest.mark.parametrize("name", BYTES)
def test_the_bytes_are_those_of_a_jvm(name: str) -> None:
    """As OpenJDK 17 wrote them."""
    value, expected = BYTES[name]
    assert serialize(value).hex() == expected


CHARACTERS = st.characters(codec="utf-8")
SCALARS = (
    st.none()
    | st.booleans()
    | st.text(CHARACTERS)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(-(2**31), 2**31 - 1).map(Integer)
    | st.integers(-(2**15), 2**15 - 1).map(Short)
    | st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(
        lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000, tzinfo=UTC)
    )
    | st.binary(max_size=8)
)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(CHARACTERS), inner, max_size=4).flatmap(
            lambda found: st.sampled_from([found, HashMap(found), TreeMap(found)])
        )
    ),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    """Equal, and of the same classes all the way down."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, dict):
        return all(same(one[key], other[key]) for key in one)
    return not isinstance(one, list) or all(map(same, one, other))


@given(st.lists(NESTED, max_size=4))
def test_classes_survive_storing(items: list[Any]) -> None:
    assert all(map(same, items, to_native(from_native(items))))


@given(st.lists(NESTED, max_size=4))
def test_a_worker_reads_what_is_shown(items: list[Any]) -> None:
    assert deserialize(serialize_object(from_native(items))) == items


def test_a_worker_keeps_what_it_cannot_read() -> None:
    info = {"serializationDataFormat": "application/x-java-serialized-object"}
    shown = api.write(from_native(TreeMap({"a": [1]})), deserialize=False)
    assert wire.read("x", WireValue(**shown)) == {"a": [1]}
    unknown = base64.b64encode(serialize({}).replace(b"LinkedHashMap", b"LinkedHashSet")).decode()
    for value in (unknown, "no base64!", ""):
        assert wire.read("x", WireValue("Object", value, info)) == value


@given(st.binary(max_size=60))
def test_a_reader_refuses_what_is_broken(noise: bytes) -> None:
    whole = serialize([1, "text", TreeMap({"a": MOMENT})])
    for broken in (noise, whole[: len(noise)], whole[: 4 + len(noise)] + noise):
        try:
            deserialize(broken)
        except ValueError:
            continue


def test_a_reader_looks_up_no_class() -> None:
    with pytest.raises(ValueError, match=r"evil\.Gadget"):
        deserialize(serialize({}).replace(b"\x00\x17java.util.LinkedHashMap", b"\x00\x0bevil.Gadget"))


@pytest.mark.parametrize(
    ("value", "java", "shown"),
    [
        ([1, 2], "java.util.ArrayList", [1, 2]),
        (TreeMap({"a": MOMENT}), "java.util.TreeMap", {"a": "2024-02-29T12:30:00.250+0000"}),
        (HashMap({"a": None}), "java.util.HashMap", {"a": None}),
        ({"a": True}, "java.util.LinkedHashMap", {"a": True}),
        (EmptyList(), "java.util.Collections$EmptyList", []),
    ],
)
def test_both_ways_of_showing(value: Any, java: str, shown: Any) -> None:
    info = {"objectTypeName": java, "serializationDataFormat": "application/x-java-serialized-object"}
    kept = from_native(value)
    assert api.write(kept) == {"type": "Object", "value": shown, "valueInfo": info}
    serialized = api.write(kept, deserialize=False)
    assert serialized["valueInfo"] == info
    assert base64.b64decode(serialized["value"]).startswith(b"\xac\xed\x00\x05")


def test_long_lists_of_one_class_cost_little() -> None:
    info = from_native(list(range(10_000))).info
    assert info is not None
    assert info[ELEMENT_TYPES] == '{"each":"Long"}'


def test_what_a_client_sent_as_json_stays_json() -> None:
    info = {"objectTypeName": "java.util.ArrayList", "serializationDataFormat": "application/json"}
    sent = TypedValue("Object", "[ 1 ]", info)
    assert from_native(to_native(sent)) is sent
    assert api.write(sent, deserialize=False) == {"type": "Object", "value": "[ 1 ]", "valueInfo": info}


def test_whole_numbers_without_a_type_are_integers_as_jackson_reads_them() -> None:
    found = to_native(api.read({"value": {"a": [1, 2**40]}}))["a"]
    assert [type(item) for item in found] == [Integer, int]


def test_too_deep() -> None:
    value: Any = []
    for _ in range(250):
        value = [value]
    with pytest.raises(TypeError, match="nested this deeply"):
        from_native(value)
    text = "[" * 100_000 + "]" * 100_000
    assert isinstance(
        to_native(TypedValue("Object", text, {"serializationDataFormat": "application/json"})), OpaqueObject
    )
