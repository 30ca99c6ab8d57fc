"""Literal expressions, contexts, lists, relations, conditionals, iterations, filters."""

from decimal import Decimal
from typing import Any

from penstock.dmn import model
from penstock.dmn.logic.builder import Builder, Logic, Names, fitted
from penstock.expr.feel.compile.flow import item_at, items_of
from penstock.expr.feel.expression import Environment
from penstock.expr.feel.run import FeelError, Run
from penstock.expr.feel.values import type_name


def literal(builder: Builder, boxed: model.Literal, environment: Environment) -> Logic:
    return builder.text(boxed, environment)


def context(builder: Builder, boxed: model.Context, environment: Environment) -> Logic:
    entries: list[tuple[str | None, Logic]] = []
    for entry in boxed.entries:
        logic = builder.build(entry.value, environment)
        if entry.variable is None:
            entries.append((None, logic))
            continue
        name = entry.variable.name
        entries.append((name, builder.typed(logic, entry.variable.type_ref, entry)))
        environment = environment.extended([name])

    def made(names: Names, run: Run) -> Any:
        visible = dict(names)
        found: dict[str, Any] = {}
        run.make_list(len(entries))
        for name, logic in entries:
            value = logic(visible, run)
            if name is None:
                return value
            visible[name] = found[name] = value
        return found

    return made


def items(builder: Builder, boxed: model.Items, environment: Environment) -> Logic:
    parts = [builder.build(item, environment) for item in boxed.items]

    def made(names: Names, run: Run) -> list[Any]:
        run.make_list(len(parts))
        return [part(names, run) for part in parts]

    return made


def relation(builder: Builder, boxed: model.Relation, environment: Environment) -> Logic:
    columns = [(column.name, builder.type_of(column.type_ref, column)) for column in boxed.columns]
    rows = [[builder.build(cell, environment) for cell in row] for row in boxed.rows]

    def made(names: Names, run: Run) -> list[Any]:
        run.make_list(len(rows) * len(columns))
        return [
            {
                name: cell(names, run) if of is None else fitted(of, cell(names, run), run)
                for (name, of), cell in zip(columns, row, strict=False)
            }
            for row in rows
        ]

    return made


def conditional(builder: Builder, boxed: model.Conditional, environment: Environment) -> Logic:
    condition, yes, no = (builder.build(part, environment) for part in (boxed.condition, boxed.yes, boxed.no))

    def chosen(names: Names, run: Run) -> Any:
        found = condition(names, run)
        if found is True:
            return yes(names, run)
        if found is False or found is None:
            return no(names, run)
        run.note(f"a condition is a {type_name(found)}, not a boolean")
        return None

    return chosen


def iteration(builder: Builder, boxed: model.Iteration, environment: Environment) -> Logic:
    domain = builder.build(boxed.domain, environment)
    inner = environment.extended([boxed.name, "partial"])
    body = builder.build(boxed.body, inner)

    def rounds(names: Names, run: Run) -> Any:
        try:
            found = items_of(run, domain(names, run))
        except FeelError as error:
            run.note(str(error))
            return None
        if boxed.loop is model.Loop.FOR:
            return _results(boxed.name, found, body, names, run)
        return _quantified(boxed, found, body, names, run)

    return rounds


def _quantified(boxed: model.Iteration, domain: Any, body: Logic, names: Names, run: Run) -> bool | None:
    decisive = boxed.loop is model.Loop.SOME
    unknown = False
    for item in domain:
        value = body({**names, boxed.name: item}, run)
        if value is True or value is False:
            if value == decisive:
                return decisive
            continue
        unknown = True
        if value is not None:
            run.note(f"a condition is a {type_name(value)}, not a boolean")
            return None
    return None if unknown else not decisive


def _results(name: str, domain: Any, body: Logic, names: Names, run: Run) -> list[Any]:
    made: list[Any] = []
    visible = dict(names)
    for item in domain:
        run.make_list(1 + len(made))
        visible[name], visible["partial"] = item, list(made)
        made.append(body(visible, run))
    return made


def filtered(builder: Builder, boxed: model.FilterBox, environment: Environment) -> Logic:
    base = builder.build(boxed.base, environment)
    match = builder.build(boxed.match, environment.extended(["item"]))

    def kept(names: Names, run: Run) -> Any:
        value = base(names, run)
        if value is None:
            run.note("null cannot be filtered")
            return None
        found = value if type(value) is list else [value]
        run.spend(len(found))
        made: list[Any] = []
        for item in found:
            own = item if type(item) is dict else {}
            answer = match({**names, "item": item, **own}, run)
            if type(answer) is Decimal:
                return item_at(run, found, answer)
            if answer is True:
                made.append(item)
        return made

    return kept
