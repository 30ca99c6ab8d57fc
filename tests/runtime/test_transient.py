"""Transient variables: what a unit leaves in memory is what the store and the log have."""

import pytest
from runtime_models import USER, deployed_id

from penstock.base.errors import Failure
from penstock.engine import commands as c
from penstock.expr.values import TypedValue
from penstock.runtime.hot import Hot
from penstock.runtime.node import Node
from penstock.store.protocol import Store

KEPT, SECRET = TypedValue("String", "kept"), TypedValue("String", "secret", transient=True)


async def _started(node: Node) -> str:
    definition = await deployed_id(node, USER)
    instance: str = await node.execute(c.StartInstance(definition=definition, variables={"x": KEPT}))
    return instance


async def _same_everywhere(node: Node, store: Store, instance: str) -> None:
    live = (await node.instances([instance]))[instance]
    assert live == Hot.of((await store.load([instance]))[instance]).snapshot()
    assert {name: found.value for name, found in live.executions[instance].variables.items()} == {"x": KEPT}


@pytest.mark.parametrize("of_task", [False, True])
@pytest.mark.parametrize("local", [False, True])
async def test_one_does_not_take_the_place_of_a_stored_one(
    node: Node, store: Store, local: bool, of_task: bool
) -> None:
    instance = await _started(node)
    task = next(iter((await node.instances([instance]))[instance].tasks)) if of_task else None
    if of_task and local:
        await node.execute(c.SetVariables(instance=instance, task=task, modifications={"x": KEPT}, local=True))
    refused = c.SetVariables(instance=instance, task=task, modifications={"x": SECRET}, local=local)
    with pytest.raises(Failure, match="Cannot set transient variable with name x to non-transient variable"):
        await node.execute(refused)
    await _same_everywhere(node, store, instance)


async def test_a_unit_that_sets_nothing_else_changes_nothing(node: Node, store: Store) -> None:
    instance = await _started(node)
    await node.execute(c.SetVariables(instance=instance, modifications={"y": SECRET}))
    await _same_everywhere(node, store, instance)
