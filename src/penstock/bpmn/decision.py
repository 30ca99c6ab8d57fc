"""Business rule tasks with `camunda:decisionRef` (Camunda 7 `DmnBusinessRuleTaskActivityBehavior`)."""

from __future__ import annotations

from penstock.base.errors import BadUserRequest, DecisionFailed, Failure, JavaFailed, ScriptFailed
from penstock.dmn.camunda.deployed import DeployedDecision
from penstock.dmn.camunda.evaluation import evaluate_decision
from penstock.dmn.camunda.history import history_of
from penstock.dmn.camunda.mapping import MAPPERS, host_object
from penstock.dmn.camunda.results import DecisionResult
from penstock.engine.behavior import Steps
from penstock.engine.definition import Activity
from penstock.engine.questions import FindDecision, RunScript
from penstock.engine.state import Execution
from penstock.engine.unit import Run
from penstock.engine.variables import Names, evaluate_text, set_variable, store
from penstock.expr.script import ResolverScope
from penstock.model.graph import Implementation

RESERVED = "decisionResult"


def decide(run: Run, x: Execution, a: Activity, how: Implementation) -> Steps:
    """Evaluates the decision, keeps its history, and leaves its result as a variable."""
    decision: DeployedDecision = yield from _decision(run, x, a, how)
    result: DecisionResult = yield from _evaluate(run, x, a, decision)
    place = {"activity": a.id, "activity_instance": x.activity_instance or x.scope_instance}
    for event in history_of(decision, result, run.new_id, tenant=run.instance.tenant or decision.tenant, **place):
        run.emit(event)
    run.decision_results[x.id] = host_object(result)
    if how.result_variable is not None:
        _keep(run, x, how, result)
    run.leave(x)


def _decision(run: Run, x: Execution, a: Activity, how: Implementation) -> Steps:
    question = FindDecision(
        key=evaluate_text(run, how.decision_ref, x) or "",
        binding=how.decision_binding,
        version=_version(run, x, how),
        version_tag=evaluate_text(run, how.decision_version_tag, x),
        tenant=_tenant(run, x, how),
        deployment_of=run.definition.id,
    )
    try:
        return (yield question)
    except Failure as failure:
        failure.element_id = failure.element_id or a.id
        raise


def _version(run: Run, x: Execution, how: Implementation) -> int | None:
    text = evaluate_text(run, how.decision_version, x)
    if how.decision_binding != "version" or text is None:
        return None
    try:
        return int(text)
    except ValueError:
        raise JavaFailed(f'For input string: "{text}"', java="NumberFormatException", element_id=x.activity) from None


def _tenant(run: Run, x: Execution, how: Implementation) -> str | None:
    if how.decision_tenant_id is None:
        return run.instance.tenant
    return evaluate_text(run, how.decision_tenant_id, x)


def _evaluate(run: Run, x: Execution, a: Activity, decision: DeployedDecision) -> Steps:
    steps = evaluate_decision(decision.model, decision.key, Names(run, x))
    try:
        call = next(steps)
        while True:
            try:
                answer = yield RunScript(
                    language=call.language, source=call.source, element=a.id, names=ResolverScope(call.names)
                )
            except ScriptFailed as failed:
                call = steps.throw(DecisionFailed(failed.message, element_id=a.id))
            else:
                call = steps.send(answer.value)
    except StopIteration as stop:
        return stop.value
    except Failure as failure:
        failure.element_id = failure.element_id or a.id
        raise


def _keep(run: Run, x: Execution, how: Implementation, result: DecisionResult) -> None:
    name = how.result_variable or ""
    if name == RESERVED:
        raise BadUserRequest(
            "ENGINE-22003 It is not allowed to use the name of the variable 'decisionResult' as name of the result"
            " variable."
        )
    value = MAPPERS[how.map_decision_result or "resultList"](result)
    set_variable(run, x, name, store(value, name))
