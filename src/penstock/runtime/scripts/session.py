"""One run of one script, on the parent's side: answers its questions, records its writes."""

import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from penstock.base.errors import PenstockError
from penstock.expr.host import HostObject
from penstock.expr.script import WRITES, Script, ScriptScope, ScriptWrite, names_in, read_in
from penstock.runtime.scripts.wire import Border

INLINE_CHARACTERS = 4096
"""A text up to this length goes along with the script; longer ones and structures are fetched when the script reads them."""
WRITES_MAX = 10_000

_GONE = object()
_MISSING: dict[str, Any] = {"missing": True}


class Session:
    """Reads see the writes before them: `getVariable` after `setVariable`, `task.name` after `task.setName`.

    What `removeVariable` uncovers in an outer scope is not seen until the script has ended.
    """

    def __init__(self, script: Script, names: ScriptScope) -> None:
        self.script = script
        self.border = Border()
        self.writes: list[ScriptWrite] = []
        self._names = names
        self._visible: dict[str, Any] = {}
        self._local: dict[tuple[str, str], Any] = {}
        self._beans: dict[tuple[str, str], Any] = {}
        self._touched: set[str] = set()

    # -- the start: everything small that the text names

    def names(self) -> bytes:
        """JSON for the child: what the script may read without asking, and the names to ask for (see child.py)."""
        values: dict[str, Any] = {}
        hosts: dict[str, str] = {}
        lazy: list[str] = []
        for name in names_in(self.script.source):
            try:
                value = self._names.lookup(name)
            except KeyError:
                continue
            except PenstockError:
                lazy.append(name)  # fails when, and only if, the script reads it
                continue
            if isinstance(value, HostObject):
                hosts[name] = value.name
            elif _is_small(value):
                values[name] = self.border.encode(value)
            else:
                lazy.append(name)
        header = {
            "values": values,
            "hosts": hosts or None,
            "lazy": lazy or None,
            "got": self._got(hosts),
            "parts": _parts(self.script.source),
            "value": self.script.needs_value,
        }
        return msgspec.json.encode(header)

    def _got(self, hosts: dict[str, str]) -> dict[str, dict[str, Any]]:
        """What `execution.getVariable('x')`, as the text says it, will answer, when that is small."""
        got: dict[str, dict[str, Any]] = {}
        for owner, name in read_in(self.script.source):
            if hosts.get(owner) != owner:
                continue
            try:
                value = self._names.call(owner, "getVariable", (name,))
            except (KeyError, PenstockError):
                continue  # the script may ask, and is told then
            if _is_small(value):
                got.setdefault(owner, {})[name] = self.border.encode(value)
        return got

    # -- questions

    def answer(self, question: bytes) -> bytes:
        """JSON that answers a question. Errors of the engine go to the script, which may catch them."""
        try:
            return msgspec.json.encode(self._answer(*_decoded(question)))
        except (PenstockError, Refused) as error:
            return msgspec.json.encode({"error": str(error)})

    def write(self, write: bytes) -> None:
        """A write that waits for no answer. Raises `Refused`: then the script cannot go on."""
        owner, method, args = _decoded(write)
        try:
            self._call(owner, method, self._arguments(args))
        except KeyError:
            raise Refused(f"{owner}.{method} is not a function") from None
        except PenstockError as error:
            raise Refused(str(error)) from error
        self._touched.clear()  # the script knows

    def _answer(self, kind: str, name: str, *rest: Any) -> dict[str, Any]:
        try:
            if kind == "name":
                value = self._lookup(name)
            elif kind == "read":
                value = self._property(name, rest[0])
            else:
                value = self._call(name, rest[0], self._arguments(rest[1]))
        except KeyError:
            return _MISSING
        answer = {"value": self.border.encode(value)}
        if self._touched:
            answer["changed"] = {name: self._visible[name] is not _GONE for name in self._touched}
            self._touched.clear()
        return answer

    def _arguments(self, wires: list[Any]) -> tuple[Any, ...]:
        try:
            return tuple(self.border.decode(wire) for wire in wires)
        except ValueError as error:
            raise Refused(str(error)) from error

    def _lookup(self, name: str) -> Any:
        if name in self._visible:
            return _present(self._visible[name], name)
        return self._names.lookup(name)

    def _property(self, object_name: str, name: str) -> Any:
        ending = name[:1].upper() + name[1:]
        for prefix in ("get", "is"):
            try:
                return self._read(object_name, prefix + ending, ())
            except KeyError:
                continue
        raise KeyError(name)

    def _call(self, object_name: str, method: str, args: tuple[Any, ...]) -> Any:
        bounds = WRITES.get(object_name, {}).get(method)
        if bounds is None:
            return self._read(object_name, method, args)
        if not bounds[0] <= len(args) <= bounds[1]:
            raise Refused(f"{object_name}.{method} does not take {len(args)} arguments")
        if len(self.writes) >= WRITES_MAX:
            raise Refused(f"a script may make {WRITES_MAX} changes, this one makes more")
        self._record(object_name, method, args)
        self.writes.append(ScriptWrite(object_name, method, args))
        return None

    # -- writes

    def _record(self, owner: str, method: str, args: tuple[Any, ...]) -> None:
        if "Variable" not in method:
            if method.startswith("set"):
                self._beans[owner, "get" + method[3:]] = args[0]
            return
        local = method.endswith("Local")
        if method.startswith("set"):
            for name, value in _pairs(method, args):
                self._set(owner, name, value, local)
        else:
            self._remove(owner, args, "Variables" in method, local)

    def _set(self, owner: str, name: str, value: Any, local: bool) -> None:
        if local or self._lands_locally(owner, name):
            self._local[owner, name] = value
        self._visible[name] = value
        self._touched.add(name)

    def _lands_locally(self, owner: str, name: str) -> bool:
        """Whether `setVariable` on `owner` sets a variable of its own scope."""
        if self._ask(owner, "hasVariableLocal", name):
            return True
        if owner != "execution" or self._ask(owner, "hasVariable", name):
            return False
        return bool(self._outright(owner, "getId") == self._outright(owner, "getProcessInstanceId"))

    def _remove(self, owner: str, args: tuple[Any, ...], several: bool, local: bool) -> None:
        if args and args[0] is not None:
            names = _texts(args[0]) if several else [_text(args[0])]
        else:
            names = list(self._read(owner, "getVariableNamesLocal" if local else "getVariableNames", ()))
        for name in names:
            if local and not self._ask(owner, "hasVariableLocal", name):
                continue
            self._local[owner, name] = _GONE
            self._visible[name] = _GONE
            self._touched.add(name)

    # -- reads

    def _read(self, owner: str, method: str, args: tuple[Any, ...]) -> Any:
        if (owner, method) in self._beans:
            return self._beans[owner, method]
        reader = _READERS.get(method)
        if reader is not None:
            return reader(self, owner, *args) if len(args) == _ARITY[method] else self._refuse_arguments(owner, method)
        return self._names.call(owner, method, args)

    def _refuse_arguments(self, owner: str, method: str) -> Any:
        raise Refused(f"{owner}.{method} takes {_ARITY[method]} argument(s)")

    def _ask(self, owner: str, method: str, name: str) -> bool:
        return bool(self._read(owner, method, (name,)))

    def _outright(self, owner: str, method: str) -> Any:
        return self._names.call(owner, method, ())

    def _get(self, owner: str, name: Any) -> Any:
        found = self._visible.get(_text(name), self)
        if found is self:
            return self._names.call(owner, "getVariable", (name,))
        return None if found is _GONE else found

    def _get_local(self, owner: str, name: Any) -> Any:
        found = self._local.get((owner, _text(name)), self)
        if found is self:
            return self._names.call(owner, "getVariableLocal", (name,))
        return None if found is _GONE else found

    def _has(self, owner: str, name: Any) -> bool:
        found = self._visible.get(_text(name), self)
        return bool(self._names.call(owner, "hasVariable", (name,))) if found is self else found is not _GONE

    def _has_local(self, owner: str, name: Any) -> bool:
        found = self._local.get((owner, _text(name)), self)
        return bool(self._names.call(owner, "hasVariableLocal", (name,))) if found is self else found is not _GONE

    def _all(self, owner: str) -> dict[str, Any]:
        return _laid_over(self._outright(owner, "getVariables"), self._visible.items())

    def _all_local(self, owner: str) -> dict[str, Any]:
        mine = ((name, value) for (whose, name), value in self._local.items() if whose == owner)
        return _laid_over(self._outright(owner, "getVariablesLocal"), mine)

    def _names_of(self, owner: str) -> list[str]:
        return list(_laid_over(dict.fromkeys(self._outright(owner, "getVariableNames")), self._visible.items()))

    def _names_local(self, owner: str) -> list[str]:
        mine = ((name, value) for (whose, name), value in self._local.items() if whose == owner)
        return list(_laid_over(dict.fromkeys(self._outright(owner, "getVariableNamesLocal")), mine))


class Refused(Exception):
    """The script asked for something that cannot be; it gets this as a JavaScript error."""


_READERS: dict[str, Callable[..., Any]] = {
    "getVariable": Session._get,
    "getVariableLocal": Session._get_local,
    "hasVariable": Session._has,
    "hasVariableLocal": Session._has_local,
    "getVariables": Session._all,
    "getVariablesLocal": Session._all_local,
    "getVariableNames": Session._names_of,
    "getVariableNamesLocal": Session._names_local,
}
_ARITY = {name: 0 if "Variables" in name or "Names" in name else 1 for name in _READERS}


def _decoded(message: bytes) -> list[Any]:
    try:
        return list(msgspec.json.decode(message))
    except msgspec.DecodeError as error:
        raise Refused(f"a value cannot be used: {error}") from error


def _is_small(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= INLINE_CHARACTERS
    return value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value))


@functools.lru_cache(maxsize=1024)
def _parts(source: str) -> tuple[str, ...]:
    """The parts of the prelude that define names in a script's text; all, where the script may make text itself."""
    words = names_in(source)
    if "eval" in words or "Function" in words:
        words = tuple(_PART_OF)
    return tuple(dict.fromkeys(_PART_OF[word] for word in words if word in _PART_OF))


_JAVA = ("BpmnError", "java", "javax", "org", "Java", "Packages", "load", "importClass", "importPackage")
_PART_OF = dict.fromkeys(("print", "println", "console"), "print") | dict.fromkeys(_JAVA, "java") | {"S": "spin"}
"""Name that scripts find → the part of the prelude that defines it."""


def _present(value: Any, name: str) -> Any:
    if value is _GONE:
        raise KeyError(name)
    return value


def _laid_over(base: dict[str, Any], changes: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(base)
    for name, value in changes:
        if value is _GONE:
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _pairs(method: str, args: tuple[Any, ...]) -> Iterable[tuple[str, Any]]:
    if len(args) == 2:
        return [(_text(args[0]), args[1])]
    if not isinstance(args[0], dict):
        raise Refused(f"{method} takes an object of names and values")
    return list(args[0].items())


def _text(name: Any) -> str:
    if not isinstance(name, str):
        raise Refused("the name of a variable must be a text")
    return name


def _texts(names: Any) -> list[str]:
    if not isinstance(names, list):
        raise Refused("the names of variables must be a list of texts")
    return [_text(name) for name in names]
