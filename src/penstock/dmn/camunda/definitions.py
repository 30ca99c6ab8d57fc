"""A DMN file as Camunda 7 deploys it: its decisions, checked and in the order in which they are evaluated."""

import re
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from penstock.dmn import model
from penstock.dmn.camunda.expressions import Column, Language, Text, text_of
from penstock.dmn.reader import DmnRefused, read

INPUT_VARIABLE = "cellInput"
_TTL = re.compile(r"\d{1,9}|P\d{1,9}D")
_POLICIES = frozenset(
    {
        model.HitPolicy.UNIQUE,
        model.HitPolicy.FIRST,
        model.HitPolicy.ANY,
        model.HitPolicy.RULE_ORDER,
        model.HitPolicy.COLLECT,
    }
)


class Input(msgspec.Struct, frozen=True):
    """A column of a table. `variable` is the name of its value in its cells."""

    id: str
    label: str | None
    expression: Text | None
    type_ref: str
    variable: str


class Output(msgspec.Struct, frozen=True):
    id: str
    name: str | None
    label: str | None
    type_ref: str


class Rule(msgspec.Struct, frozen=True):
    id: str | None
    tests: tuple[Text | None, ...]
    outputs: tuple[Text | None, ...]


class Table(msgspec.Struct, frozen=True):
    """A decision table."""

    hit_policy: model.HitPolicy
    aggregation: model.Aggregation | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    rules: tuple[Rule, ...]
    columns: tuple[Column | None, ...]
    """The tests of each input; None where not all are in FEEL."""

    @property
    def elements(self) -> int:
        """How many cells Camunda counts for one evaluation."""
        return len(self.rules) * (len(self.inputs) + len(self.outputs))


class LiteralLogic(msgspec.Struct, frozen=True):
    """A literal expression, and the name and type of its result."""

    expression: Text | None
    name: str | None
    type_ref: str


class DecisionKey(msgspec.Struct, frozen=True):
    """What a deployment stores of a decision. `history_ttl_days`: None where the model says nothing."""

    key: str
    name: str | None
    version_tag: str | None
    history_ttl_days: int | None


class CamundaDecision(msgspec.Struct, frozen=True):
    """A decision with the keys of those that it requires."""

    facts: DecisionKey
    logic: Table | LiteralLogic
    requires: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.facts.key


class CamundaModel(msgspec.Struct, frozen=True):
    """A file. `graph`: its key and name as a decision requirements definition, which needs two decisions or more."""

    namespace: str
    graph: tuple[str, str | None] | None
    decisions: Mapping[str, CamundaDecision]

    def order(self, key: str) -> list[CamundaDecision]:
        """The decision and all that it requires, those first; each once."""
        found: dict[str, CamundaDecision] = {}
        stack: list[tuple[str, bool]] = [(key, False)]
        while stack:
            at, is_done = stack.pop()
            if at in found:
                continue
            decision = self.decisions[at]
            if is_done:
                found[at] = decision
            else:
                stack.append((at, True))
                stack.extend((each, False) for each in reversed(decision.requires) if each not in found)
        return list(found.values())


def load(data: bytes) -> CamundaModel:
    """Reads and checks a file. Raises DmnRefused with Camunda's words."""
    definitions, _ = read(data)
    if not definitions.id:
        raise DmnRefused(
            f"DMN-02012 The decision requirements graph '{definitions.name}' must have an 'id' attribute set.",
            definitions.line,
        )
    decisions = [node for node in definitions.nodes.values() if isinstance(node, model.Decision)]
    _check_ids(decisions)
    known = {node.id for node in decisions}
    made = [_decision(node, definitions, known) for node in decisions]
    kept = {decision.key: decision for decision in made if decision is not None}
    for decision in kept.values():
        _check_loops(decision, kept)
    graph = (definitions.id, definitions.name or None) if len(kept) > 1 else None
    return CamundaModel(definitions.namespace, graph, kept)


def _check_ids(decisions: Iterable[model.Decision]) -> None:
    for node in decisions:
        if not node.id:
            raise DmnRefused(f"DMN-02010 The decision '{node.name}' must have an 'id' attribute set.", node.line)


def _decision(node: model.Decision, definitions: model.Definitions, known: set[str]) -> CamundaDecision | None:
    """The decision; None for one whose logic Camunda 7 ignores."""
    requires = _requires(node, definitions, known)
    language = definitions.language
    logic: Table | LiteralLogic
    if isinstance(node.logic, model.Table):
        logic = _table(node, node.logic, language)
    elif isinstance(node.logic, model.Literal):
        expression = text_of(node.logic.text, node.logic.language or language)
        logic = LiteralLogic(expression, node.variable.name or None, node.variable.type_ref)
    else:
        return None
    facts = DecisionKey(node.id, node.name or None, node.version_tag, _ttl_days(node))
    return CamundaDecision(facts, logic, requires)


def _requires(node: model.Decision, definitions: model.Definitions, known: set[str]) -> tuple[str, ...]:
    found: list[str] = []
    for href in node.requires:
        id_ = href.rpartition("#")[2]
        if id_ in known:
            found.append(id_)
        elif id_ not in definitions.nodes:
            raise DmnRefused(f"The decision '{node.id}' requires '{href}', which is not there.", node.line)
    return tuple(found)


def _ttl_days(node: model.Decision) -> int | None:
    text = node.history_ttl
    if text is None or not text.strip():
        return None
    if not _TTL.fullmatch(text.strip()):
        raise DmnRefused(f"Cannot parse historyTimeToLive: {text}", node.line)
    return int(text.strip().strip("PD"))


def _table(node: model.Decision, table: model.Table, language: str) -> Table:
    if table.hit_policy not in _POLICIES:
        raise DmnRefused(
            f"DMN-02004 The hit policy '{table.hit_policy.value}' of decision table '{table.id}' is not supported.",
            table.line,
        )
    outputs = _outputs(node, table)
    inputs = tuple(_input(node, clause, language) for clause in table.inputs)
    rules = tuple(_rule(table, rule, language) for rule in table.rules)
    columns = tuple(_column([rule.tests[place] for rule in rules]) for place in range(len(inputs)))
    return Table(table.hit_policy, table.aggregation, inputs, outputs, rules, columns)


def _column(tests: Sequence[Text | None]) -> Column | None:
    is_feel = all(test is None or test.language is Language.FEEL for test in tests)
    return Column(tests) if is_feel else None


def _input(node: model.Decision, clause: model.InputClause, language: str) -> Input:
    if not clause.id:
        raise DmnRefused(
            f"DMN-02013 The input clause '{clause.label}' of decision '{node.name}' must have an 'id' attribute set.",
            clause.line,
        )
    expression = text_of(clause.expression.text, clause.expression.language or language)
    variable = clause.variable or INPUT_VARIABLE
    return Input(clause.id, clause.label or None, expression, clause.expression.type_ref, variable)


def _outputs(node: model.Decision, table: model.Table) -> tuple[Output, ...]:
    names: set[str] = set()
    for clause in table.outputs:
        if not clause.id:
            raise DmnRefused(
                f"DMN-02014 The output clause '{clause.label}' of decision '{node.name}' must have an 'id' attribute set.",
                clause.line,
            )
        if len(table.outputs) > 1 and not clause.name:
            raise DmnRefused(
                f"DMN-02006 The decision table '{node.name}' has a compound output but output '{clause.id}' has no name.",
                clause.line,
            )
        if clause.name and clause.name in names:
            raise DmnRefused(
                f"DMN-02007 The decision table '{node.name}' has a compound output but name of output '{clause.id}' is"
                " duplicate.",
                clause.line,
            )
        names.add(clause.name)
    return tuple(Output(each.id, each.name or None, each.label or None, each.type_ref) for each in table.outputs)


def _rule(table: model.Table, rule: model.Rule, language: str) -> Rule:
    if len(rule.tests) != len(table.inputs) or len(rule.outputs) != len(table.outputs):
        raise DmnRefused(f"The rule '{rule.id}' has not one entry for each input and output.", rule.line)
    return Rule(
        rule.id or None,
        tuple(text_of(each.text, each.language or language) for each in rule.tests),
        tuple(text_of(each.text, each.language or language) for each in rule.outputs),
    )


def _check_loops(decision: CamundaDecision, decisions: Mapping[str, CamundaDecision]) -> None:
    """A decision may not require itself, not even through others."""
    seen: set[str] = set()
    waiting = list(decision.requires)
    while waiting:
        key = waiting.pop()
        if key == decision.key:
            raise DmnRefused(f"DMN-02015 The decision '{decision.key}' has a loop.")
        if key not in seen and key in decisions:
            seen.add(key)
            waiting.extend(decisions[key].requires)
