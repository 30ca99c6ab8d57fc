"""Functions on contexts (DMN 1.5 §10.3.4.10)."""

from typing import Any

from penstock.expr.feel.functions import builtin
from penstock.expr.feel.run import FeelError, Run

DEPTH_MAX = 100


@builtin("get value(m: context, key: string)")
def get_value(_run: Run, context: dict[str, Any], key: str) -> Any:
    if key not in context:
        raise FeelError(f"the context has no entry {key}")
    return context[key]


@builtin("get entries(m: context)")
def get_entries(run: Run, context: dict[str, Any]) -> list[Any]:
    run.make_list(3 * len(context))
    return [{"key": key, "value": value} for key, value in context.items()]


@builtin("context(entries: list)")
def context(run: Run, entries: list[Any]) -> dict[str, Any]:
    """A context of entries with `key` and `value`."""
    run.make_list(len(entries))
    made: dict[str, Any] = {}
    for entry in entries:
        if type(entry) is not dict or type(entry.get("key")) is not str or "value" not in entry:
            raise FeelError("an entry has a key, which is a text, and a value")
        if entry["key"] in made:
            raise FeelError(f"the entry {entry['key']} is there twice")
        made[entry["key"]] = entry["value"]
    return made


@builtin("context put(context: context, key: string, value: Any?)")
def context_put(run: Run, target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    return _put(run, target, [key], value)


@builtin("context put(context: context, keys: list, value: Any?)")
def context_put_nested(run: Run, target: dict[str, Any], keys: list[Any], value: Any) -> dict[str, Any]:
    """The entry at the end of a path of keys; each but the last is there and is a context."""
    if not keys or len(keys) > DEPTH_MAX or not all(type(key) is str for key in keys):
        raise FeelError("the keys are a list of texts")
    return _put(run, target, keys, value)


def _put(run: Run, target: dict[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    run.make_list(len(target) + 1)
    if len(keys) == 1:
        return {**target, keys[0]: value}
    inner = target.get(keys[0])
    if type(inner) is not dict:
        raise FeelError(f"the entry {keys[0]} is no context")
    return {**target, keys[0]: _put(run, inner, keys[1:], value)}


@builtin("context merge(contexts: list)")
def context_merge(run: Run, contexts: list[Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for item in contexts:
        if type(item) is not dict:
            raise FeelError("only contexts can be merged")
        run.make_list(len(item))
        made.update(item)
    return made
