"""What a step must know or have done in the middle: it yields a question, the shell answers.

A question is asked again when the unit is stepped again, so answering may have to be done more than once.
"""

from typing import Any

import msgspec

from penstock.expr.values import TypedValue


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Common form of questions."""


class Pause(Question, frozen=True, kw_only=True):
    """The unit has made `unit.PAUSE_EVERY` transitions: let others run. Answer: None."""


class FindDefinition(Question, frozen=True, kw_only=True):
    """Which definition does a call activity call? Answer: `engine.definition.Definition`, or None when there is none.

    `binding`: latest, deployment, version, versionTag. `tenant`: None means without tenant."""

    key: str
    binding: str = "latest"
    version: int | None = None
    version_tag: str | None = None
    tenant: str | None = None
    deployment_of: str | None = None
    """Id of the calling definition (binding `deployment`)."""


class LoadDefinition(Question, frozen=True, kw_only=True):
    """The definition with this id. Answer: Definition."""

    id: str


class LoadInstance(Question, frozen=True, kw_only=True):
    """Another live instance (called or calling). It belongs to this unit from then on. Answer: `state.Instance` or None."""

    id: str


class FindSignalReceivers(Question, frozen=True, kw_only=True):
    """Who waits for this signal? Answer: (receivers, starts): tuples of (instance id, subscription id) and of
    (definition id, start event id), in order of creation."""

    name: str
    tenant: str | None = None


class RunScript(Question, frozen=True, kw_only=True):
    """Answer: `expr.script.ScriptResult`; may raise ScriptFailed.

    `names`: `expr.script.ScriptScope`, answers what the script reads."""

    language: str
    source: str
    element: str
    names: Any
    resource: str | None = None


class LoadResource(Question, frozen=True, kw_only=True):
    """The text of a resource of the definition's deployment (`camunda:resource`). Answer: str or None."""

    definition: str
    name: str


class CallDelegate(Question, frozen=True, kw_only=True):
    """A registered Python callable stands for `camunda:class`, `delegateExpression` or a bean. Answer: `DelegateResult`;
    DelegateMissing when nobody has registered `name`."""

    name: str
    kind: str
    """class, delegateExpression, expression, executionListener, taskListener."""
    element: str
    names: Any
    fields: dict[str, TypedValue] = {}


class FindDecision(Question, frozen=True, kw_only=True):
    """Which decision does a business rule task evaluate? Answer: `dmn.camunda.deployed.DeployedDecision`; raises Failure
    when there is none. Fields as of `FindDefinition`."""

    key: str
    binding: str = "latest"
    version: int | None = None
    version_tag: str | None = None
    tenant: str | None = None
    deployment_of: str | None = None
