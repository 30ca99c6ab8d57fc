"""Scripts of a model: what is run, what a script may see, what it leaves behind. Running them is the shell's business.

A script never changes anything itself: it reads through a `ScriptScope`, and what it wants to change comes back as
`ScriptResult.writes`, in order, for the engine to apply. Within the script a write is already visible.

Names that hold variables are found in the script's text. Text that a script makes at run time and gives to `eval` sees
only those names too; it gets others by `execution.getVariable(name)`.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from penstock.expr.host import HostObject, Resolver

_JAVASCRIPT = frozenset({"javascript", "ecmascript", "js", "nashorn", "graal.js", "graaljs"})

_NAME = re.compile(r"(?:(?<![\w$.])|(?<=\.\.\.)|(?<=[tT]his\.))[^\W\d][\w$]*|(?<![\w$.])\$[\w$]+")
_READ = re.compile(r"""(?<![\w$.])([^\W\d]\w*)\.getVariable\(\s*(?:'([^'"\\\n]*)'|"([^'"\\\n]*)")\s*\)""")
_WORDS = """
await break case catch class const continue debugger default delete do else enum export extends false finally for
function if import in instanceof let new null of return static super switch this throw true try typeof undefined
var void while with yield arguments Array Boolean Date Error Infinity JSON Math NaN Number Object RegExp String
parseFloat parseInt isNaN isFinite
"""
_RESERVED = frozenset(_WORDS.split())

_VARIABLE_WRITES: Mapping[str, tuple[int, int]] = {
    "setVariable": (2, 2),
    "setVariableLocal": (2, 2),
    "setVariables": (1, 1),
    "setVariablesLocal": (1, 1),
    "removeVariable": (1, 1),
    "removeVariableLocal": (1, 1),
    "removeVariables": (0, 1),
    "removeVariablesLocal": (0, 1),
}

WRITES: Mapping[str, Mapping[str, tuple[int, int]]] = {
    "execution": {**_VARIABLE_WRITES, "setProcessBusinessKey": (1, 1)},
    "task": {
        **_VARIABLE_WRITES,
        "setName": (1, 1),
        "setDescription": (1, 1),
        "setPriority": (1, 1),
        "setOwner": (1, 1),
        "setAssignee": (1, 1),
        "setDueDate": (1, 1),
        "setFollowUpDate": (1, 1),
        "addCandidateUser": (1, 1),
        "addCandidateUsers": (1, 1),
        "addCandidateGroup": (1, 1),
        "addCandidateGroups": (1, 1),
        "addUserIdentityLink": (2, 2),
        "addGroupIdentityLink": (2, 2),
        "deleteCandidateUser": (1, 1),
        "deleteCandidateGroup": (1, 1),
        "deleteUserIdentityLink": (2, 2),
        "deleteGroupIdentityLink": (2, 2),
        "complete": (0, 0),
    },
}
"""Object → method → (fewest, most arguments): the calls that are recorded instead of answered.

Camunda 7: `DelegateExecution`, `DelegateTask`."""


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One script of a model.

    `language`: as the model says (`javascript`, `groovy`, …). `source`: its text. `element_id`: the activity or flow it
    belongs to. `resource`: the deployed resource it came from, when it is not in the model. `needs_value`: whether
    anybody uses what it evaluates to; when not, a last value that is no process value is no error.
    """

    language: str
    source: str
    element_id: str | None = None
    resource: str | None = None
    needs_value: bool = True


class ScriptWrite(msgspec.Struct, frozen=True):
    """A call that changes something: `execution.setVariable('a', 1)`. `args` are native values."""

    object: str
    method: str
    args: tuple[Any, ...]


class ScriptResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a script left behind.

    `value`: native value of its last expression. `writes`: in the order in which the script made them.
    `bpmn_error`: (code, message) when it threw a `BpmnError`; its writes before that count. `log`: what it printed.
    """

    value: Any = None
    writes: tuple[ScriptWrite, ...] = ()
    bpmn_error: tuple[str, str | None] | None = None
    log: tuple[str, ...] = ()


class ScriptScope(Protocol):
    """What a script may see. Answers are native values or `HostObject`; it must not change during the script."""

    def lookup(self, name: str) -> Any:
        """The variable or host object `name`; raises KeyError when there is none."""
        ...

    def call(self, object_name: str, method: str, args: tuple[Any, ...]) -> Any:
        """The answer of a reading method, `execution.getVariable('x')`; raises KeyError when there is no such method.

        Properties arrive as their getter: `execution.id` as `getId`, then `isId`.
        """
        ...


class ResolverScope:
    """A `ScriptScope` over the names and host objects that expressions use."""

    def __init__(self, names: Resolver) -> None:
        self._names = names
        self._objects: dict[str, HostObject] = {}

    def lookup(self, name: str) -> Any:
        return self._keep(self._names.lookup(name))

    def call(self, object_name: str, method: str, args: tuple[Any, ...]) -> Any:
        found = self._objects.get(object_name)
        if found is None:
            found = self._names.lookup(object_name)
        if not isinstance(found, HostObject):
            raise KeyError(object_name)
        if method in found.methods:
            function, fewest, most = found.methods[method]
            if not fewest <= len(args) <= most:
                raise KeyError(f"{method} with {len(args)} arguments")
            return self._keep(function(*args))
        if args:
            raise KeyError(method)
        return self._keep(found.properties[property_of(method)]())

    def _keep(self, value: Any) -> Any:
        if isinstance(value, HostObject):
            self._objects[value.name] = value
        return value


def property_of(getter: str) -> str:
    """The bean property that `getter` reads: `getId` → `id`, `isSuspended` → `suspended`; raises KeyError."""
    for prefix in ("get", "is", "has"):
        rest = getter.removeprefix(prefix)
        if rest != getter and rest[:1].isupper():
            return rest[0].lower() + rest[1:]
    raise KeyError(getter)


def is_javascript(language: str) -> bool:
    """Whether `language` is one of the names under which Camunda 7 finds a JavaScript engine."""
    return language.strip().lower() in _JAVASCRIPT


@functools.lru_cache(maxsize=1024)
def names_in(source: str) -> tuple[str, ...]:
    """Every word of a script's text that could be a variable, without doubles, in order: more than its free names."""
    return tuple(dict.fromkeys(word for word in _NAME.findall(source) if word not in _RESERVED))


@functools.lru_cache(maxsize=1024)
def read_in(source: str) -> tuple[tuple[str, str], ...]:
    """Object and variable of every `execution.getVariable('x')` in a script's text, without doubles."""
    return tuple(dict.fromkeys((owner, single or double) for owner, single, double in _READ.findall(source)))
