"""Decision tables (DMN 1.5 chapter 8 and §10.3.2.8)."""

from collections.abc import Sequence
from typing import Any

from penstock.dmn import model
from penstock.dmn.logic import hits
from penstock.dmn.logic.builder import Builder, Logic, Names, fitted
from penstock.dmn.logic.hits import Output
from penstock.dmn.rule_index import Cell, ColumnIndex, places
from penstock.dmn.types import Constrained
from penstock.expr.feel.compile.accepted import Accepted
from penstock.expr.feel.compile.scope import RUN, Frame, FrameSize
from penstock.expr.feel.compile.tests import INPUT_SLOT
from penstock.expr.feel.expression import Environment, UnaryTests
from penstock.expr.feel.lexer import FeelSyntaxError
from penstock.expr.feel.run import Run, shown
from penstock.expr.feel.types import Type

SLOTS_MIN = INPUT_SLOT + 1
CELLS_PER_STEP = 10


class Column:
    """An input: how its value is found, and the values it may have."""

    __slots__ = ("allowed", "logic", "name", "of", "rules", "slots")

    def __init__(self, name: str, logic: Logic, of: Type | None, allowed: UnaryTests | None) -> None:
        self.name = name
        self.logic = logic
        self.of = of
        self.allowed = allowed
        self.slots = SLOTS_MIN
        """The largest frame that a cell of the column needs."""
        self.rules = ColumnIndex(())
        """Finds the rules by the column's value."""


class RuleCode:
    """A rule: the cell of each column, and what it gives. A cell is None where any value passes."""

    __slots__ = ("cells", "outputs")

    def __init__(self, cells: Sequence[UnaryTests | None], outputs: Sequence[Logic]) -> None:
        self.cells = cells
        self.outputs = outputs

    def cell(self, column: int) -> Accepted | Cell:
        """What the index is told of a cell."""
        found = self.cells[column] if column < len(self.cells) else None
        return Cell.ANY if found is None else found.accepted or Cell.OPEN


def table(builder: Builder, boxed: model.Table, environment: Environment) -> Logic:
    columns = [_column(builder, clause, environment) for clause in boxed.inputs]
    cells = _Cells(builder, environment)
    rules = [_rule(builder, rule, columns, cells, environment) for rule in boxed.rules]
    for place, column in enumerate(columns):
        column.rules = ColumnIndex([rule.cell(place) for rule in rules])
    outputs = [_output(builder, clause, environment) for clause in boxed.outputs]
    decide = hits.POLICIES[boxed.hit_policy]
    first_only = boxed.hit_policy is model.HitPolicy.FIRST

    def evaluate(names: Names, run: Run) -> Any:
        values = _inputs(columns, names, run)
        if values is None:
            return None
        run.spend(1)
        matching = _matching(rules, columns, values, names, run, first_only)
        if not matching:
            return hits.default(boxed, outputs, names, run)
        found = [_results(rule, outputs, names, run) for rule in matching]
        return decide(boxed, outputs, found, run)

    return evaluate


def _inputs(columns: Sequence[Column], names: Names, run: Run) -> list[Any] | None:
    """The value of each column; None when one is not allowed."""
    values: list[Any] = []
    for column in columns:
        value = column.logic(names, run)
        if column.of is not None:
            value = fitted(column.of, value, run)
        if column.allowed is not None and value is not None and not column.allowed.matches(names, run, value):
            run.note(f"{column.name}: the value is not allowed")
            return None
        values.append(value)
    return values


def _matching(
    rules: Sequence[RuleCode],
    columns: Sequence[Column],
    values: Sequence[Any],
    names: Names,
    run: Run,
    first_only: bool,
) -> list[RuleCode]:
    """The rules all of whose cells are true."""
    candidates = (1 << len(rules)) - 1
    asked: list[tuple[int, int, Frame]] = []
    for place, (column, value) in enumerate(zip(columns, values, strict=True)):
        sure, unsure = column.rules.find(value)
        candidates &= sure | unsure
        if candidates & unsure:
            run.spend((candidates & unsure).bit_count() // CELLS_PER_STEP)
            asked.append((place, unsure, [names, run, value, *[None] * (column.slots - SLOTS_MIN)]))
    found: list[RuleCode] = []
    for place in places(candidates):
        if not asked or _passes(rules[place], 1 << place, asked):
            found.append(rules[place])
            if first_only:
                break
    return found


def _passes(rule: RuleCode, bit: int, asked: Sequence[tuple[int, int, Frame]]) -> bool:
    """Whether the cells of the rule pass that the index knows nothing of. A column's cells share a frame."""
    for column, unsure, frame in asked:
        if unsure & bit:
            cell = rule.cells[column]
            if cell is not None and cell.code(frame) is not True:
                return False
    return True


def _results(rule: RuleCode, outputs: Sequence[Output], names: Names, run: Run) -> list[Any]:
    return [output.fit(logic(names, run), run) for output, logic in zip(outputs, rule.outputs, strict=False)]


class _Cells:
    """Parsed cells; the same text is parsed once."""

    def __init__(self, builder: Builder, environment: Environment) -> None:
        self._builder = builder
        self._environment = environment
        self._known: dict[str, UnaryTests | None] = {}

    def tests(self, text: str, where: model.Record) -> UnaryTests | None:
        """The unary tests; None for a text that is none, which is noted."""
        if text not in self._known:
            self._known[text] = self._parsed(text, where)
        return self._known[text]

    def _parsed(self, text: str, where: model.Record) -> UnaryTests | None:
        try:
            return self._environment.tests(text)
        except FeelSyntaxError as error:
            self._builder.problems.add(where, f"{error.message} (at {error.position} of {shown(text)!r})")
            return None


def _column(builder: Builder, clause: model.InputClause, environment: Environment) -> Column:
    logic = builder.text(clause.expression, environment)
    allowed = _Cells(builder, environment).tests(clause.allowed, clause) if clause.allowed else None
    name = clause.label or clause.expression.text.strip()
    return Column(name, logic, builder.type_of(clause.expression.type_ref, clause), allowed)


def _rule(
    builder: Builder, rule: model.Rule, columns: Sequence[Column], cells: _Cells, environment: Environment
) -> RuleCode:
    tests: list[UnaryTests | None] = []
    for column, literal in zip(columns, rule.tests, strict=False):
        found = None
        if literal.text.strip() not in ("", "-"):
            found = cells.tests(literal.text, literal) or _NEVER
            column.slots = max(column.slots, found.slots)
        tests.append(found)
    outputs = [builder.text(literal, environment) if literal.text.strip() else _empty for literal in rule.outputs]
    return RuleCode(tests, outputs)


def _never(frame: Frame) -> bool:
    frame[RUN].note("a cell is no FEEL")
    return False


_NEVER = UnaryTests("", _never, FrameSize(), None)


def _empty(_names: Names, _run: Run) -> None:
    return None


def _output(builder: Builder, clause: model.OutputClause, environment: Environment) -> Output:
    of = builder.type_of(clause.type_ref, clause)
    allowed = clause.allowed or (of.tests.text if isinstance(of, Constrained) else "")
    ranks: Sequence[UnaryTests] = ()
    if allowed:
        try:
            ranks = environment.test_list(allowed)
        except FeelSyntaxError:
            builder.problems.add(clause, f"no FEEL: {shown(allowed)!r}")
    default = None
    if clause.default is not None and clause.default.text.strip():
        default = builder.text(clause.default, environment)
    return Output(clause.name, of, ranks, default)
