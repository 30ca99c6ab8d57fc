"""Which function compiles which node."""

from collections.abc import Mapping

from penstock.expr.feel import tree
from penstock.expr.feel.compile import arithmetic, calls, comparison, flow, literals, names
from penstock.expr.feel.compile.compiler import Emit

TABLE: Mapping[type, Emit] = {
    tree.Constant: names.constant,
    tree.Name: names.name,
    tree.Path: names.path,
    tree.Filter: flow.filter_,
    tree.Call: calls.call,
    tree.Arithmetic: arithmetic.operations,
    tree.Negation: arithmetic.negation,
    tree.Comparison: comparison.comparison,
    tree.Between: comparison.between,
    tree.In: comparison.contained,
    tree.Logic: comparison.logic,
    tree.Conditional: flow.conditional,
    tree.For: flow.for_,
    tree.Quantified: flow.quantified,
    tree.FunctionLiteral: calls.function,
    tree.ListLiteral: literals.list_,
    tree.ContextLiteral: literals.context,
    tree.Interval: literals.interval,
    tree.UnaryRange: literals.unary_range,
    tree.InstanceOf: comparison.instance_of,
}
