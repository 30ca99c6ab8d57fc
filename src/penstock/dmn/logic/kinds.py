"""Which function builds which boxed expression."""

from collections.abc import Mapping

from penstock.dmn import model
from penstock.dmn.logic import boxes, functions, table
from penstock.dmn.logic.builder import Build

TABLE: Mapping[type, Build] = {
    model.Literal: boxes.literal,
    model.Context: boxes.context,
    model.Items: boxes.items,
    model.Relation: boxes.relation,
    model.Conditional: boxes.conditional,
    model.Iteration: boxes.iteration,
    model.FilterBox: boxes.filtered,
    model.FunctionBox: functions.function,
    model.Invocation: functions.invocation,
    model.Table: table.table,
}
