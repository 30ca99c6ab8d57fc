"""Batches (Camunda 7 `Batch`): one operation on many things, done by jobs.

A batch and its jobs are ordinary rows: no process instance, no state beside them. A seed job makes execution jobs, a part
of the batch at a time; each execution job does its share in one unit of work with the deletion of its own row, so it is
done once; a monitor job ends the batch when none of them is left. All are jobs like others: leased, retried, logged,
with an incident when they have no retries left.
"""
