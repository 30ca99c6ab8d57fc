"""`sort(list, precedes)` (DMN 1.5 §10.3.4.8)."""

from functools import cmp_to_key
from typing import Any

from penstock.expr.feel.functions import builtin
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.values import Function


@builtin("sort(list: list, precedes: function)")
def sort(run: Run, items: list[Any], precedes: Function) -> list[Any]:
    """The items in order: `precedes(x, y)` is true where x comes first. Equal items keep their order."""

    def order(a: Any, b: Any) -> int:
        if _answer(run, precedes, a, b):
            return -1
        return 1 if _answer(run, precedes, b, a) else 0

    run.make_list(len(items))
    return sorted(items, key=cmp_to_key(order))


def _answer(run: Run, precedes: Function, a: Any, b: Any) -> bool:
    found = precedes.call(run, [a, b])
    if type(found) is not bool:
        raise FeelError("the function of a sort gives no boolean")
    return found
