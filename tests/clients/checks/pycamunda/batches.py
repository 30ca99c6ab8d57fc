"""pycamunda 0.6.1: batches and migration."""

import time
from typing import Any

import pycamunda
from pycamunda import batch, externaltask, migration
from runner import Rig, raises


def check_list_count_get(rig: Rig) -> None:
    made = batch.GetList(rig.url, batch_id=_long(rig).id_)()[0]
    criteria: dict[str, Any] = {"batch_id": made.id_, "type_": "set-external-task-retries", "without_tenant_id": True}
    for sort_by in ("batch_id", "tenant_id"):
        (found,) = batch.GetList(rig.url, **criteria, suspended=True, sort_by=sort_by, max_results=2)()
        assert (found.id_, found.suspended, found.total_jobs) == (made.id_, True, made.total_jobs)
    assert batch.Count(rig.url, **criteria)() == 1
    assert batch.Count(rig.url, batch_id=made.id_, tenant_id_in=["nobody"])() == 0
    got = batch.Get(rig.url, made.id_)()
    assert got.seed_job_definition_id and got.monitor_job_definition_id and got.batch_job_definition_id
    assert (got.batch_jobs_per_seed, got.invocations_per_batch_job, got.create_user_id) == (100, 1, None)
    raises(pycamunda.NotFound, batch.Get(rig.url, "nope"))
    batch.Delete(rig.url, made.id_, cascade=True)()
    assert batch.Count(rig.url, batch_id=made.id_)() == 0


def _long(rig: Rig) -> Any:
    """A suspended batch with work left, however quick the server was before it was suspended."""
    key = rig.deploy("work")["key"]
    tasks = []
    for _ in range(3):
        instance = rig.start(key, topic=rig.unique("topic"))
        tasks += [task["id"] for task in rig.get("/external-task", processInstanceId=instance)]
    # Jobs for tasks that do not exist fail, and stay.
    made = externaltask.SetRetriesAsync(rig.url, 5, [*tasks, *(f"nope{number}" for number in range(200))])()
    batch.Suspend(rig.url, made.id_)()
    return made


def check_statistics(rig: Rig) -> None:
    made = _long(rig)
    (stats,) = batch.GetStats(rig.url, batch_id=made.id_, suspended=True, sort_by="batch_id")()
    assert (stats.id_, stats.total_jobs, stats.suspended) == (made.id_, 203, True)
    assert stats.remaining_jobs + stats.completed_jobs == 203
    assert 0 <= stats.failed_jobs <= stats.remaining_jobs
    assert batch.CountStats(rig.url, batch_id=made.id_, type_="set-external-task-retries")() == 1
    batch.Delete(rig.url, made.id_, cascade=True)()


def check_activate(rig: Rig) -> None:
    instance, _ = rig.work()
    (task,) = rig.get("/external-task", processInstanceId=instance)
    made = externaltask.SetRetriesAsync(rig.url, 5, [task["id"]])()
    batch.Suspend(rig.url, made.id_)()
    batch.Activate(rig.url, made.id_)()
    started = time.monotonic()
    rig.wait(lambda: rig.get("/external-task", processInstanceId=instance)[0]["retries"] == 5, "the batch's work")
    assert time.monotonic() - started < 15, "its jobs waited for the next look at the clock"
    batch.Delete(rig.url, made.id_, cascade=True)()


# -- migration


def _versions(rig: Rig) -> tuple[str, str, str]:
    """Two versions and an instance of the first."""
    key = rig.unique("approve")
    source = rig.deploy("approve", key)["id"]
    instance = rig.start(key)
    # Another text, so that it is another version.
    return source, _deploy_renamed(rig, key), instance


def _deploy_renamed(rig: Rig, key: str) -> str:
    from pycamunda import deployment

    create = deployment.Create(rig.url, key)
    create.add_resource((f"{key}.bpmn", rig.model("approve", key).replace('"Begin"', '"Begin2"'), "text/xml"))
    (definition,) = create().deployed_process_definitions.values()
    return str(definition.id_)


def check_generate_and_validate(rig: Rig) -> None:
    source, target, _ = _versions(rig)
    plan = migration.Generate(rig.url, source, target, update_event_triggers=True)()
    assert (plan.source_process_definition_id, plan.target_process_definition_id) == (source, target)
    assert [(item.source_activity_ids, item.target_activity_ids) for item in plan.instructions] == [
        (["Approve"], ["Approve"])
    ]
    assert migration.Validate.from_migration_plan(rig.url, plan)() == ()
    wrong = migration.Validate(rig.url, source, target)
    wrong.add_instruction(["Approve"], ["Begin2"])
    (report,) = wrong()
    assert report.instruction.source_activity_ids == ["Approve"] and report.failures


def check_execute(rig: Rig) -> None:
    source, target, instance = _versions(rig)
    execute = migration.Execute(rig.url, source, target, [instance], skip_custom_listeners=True, skip_io_mappings=True)
    execute.add_instruction(["Approve"], ["Approve"])
    assert execute() is None
    assert rig.get(f"/process-instance/{instance}")["definitionId"] == target


def check_execute_as_a_batch(rig: Rig) -> None:
    source, target, instance = _versions(rig)
    plan = migration.Generate(rig.url, source, target)()
    made = migration.Execute.from_migration_plan(rig.url, plan, [instance], async_=True)()
    assert (made.type_, made.total_jobs) == ("instance-migration", 1)
    rig.wait(lambda: rig.get(f"/process-instance/{instance}")["definitionId"] == target, "the batch")
