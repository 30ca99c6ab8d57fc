"""Batches as JSON (Camunda 7 `BatchDto`, `BatchStatisticsDto`, `HistoricBatchDto`)."""

from typing import Any

from penstock.api.dates import write
from penstock.store.protocol import Row


def batch(row: Row) -> dict[str, Any]:
    """`BatchDto` of a row of `batch`."""
    return {
        "id": row["id"],
        "type": row["type"],
        "totalJobs": row["total_jobs"],
        "jobsCreated": row["jobs_created"],
        "batchJobsPerSeed": row["jobs_per_seed"],
        "invocationsPerBatchJob": row["invocations_per_job"],
        "seedJobDefinitionId": row["seed_job_definition_id"],
        "monitorJobDefinitionId": row["monitor_job_definition_id"],
        "batchJobDefinitionId": row["job_definition_id"],
        "suspended": row["suspended"],
        "tenantId": row["tenant_id"],
        "createUserId": row["user_id"],
        "startTime": write(row["started_ms"]),
        "executionStartTime": write(row["execution_started_ms"]),
    }


def statistics(row: Row, waiting: int, failed: int) -> dict[str, Any]:
    """`BatchStatisticsDto`; `waiting`: execution jobs that are there, `failed`: those of them without retries."""
    remaining = row["total_jobs"] - row["jobs_created"] + waiting
    counts = {"remainingJobs": remaining, "completedJobs": row["total_jobs"] - remaining, "failedJobs": failed}
    return {**batch(row), **counts}


def historic_batch(row: Row) -> dict[str, Any]:
    """`HistoricBatchDto`."""
    found = batch(row)
    del found["jobsCreated"], found["suspended"]
    return {**found, "endTime": write(row["ended_ms"]), "removalTime": write(row["removal_ms"])}
