"""`/history/process-definition`: what history says of definitions."""

from penstock.api.history_process_definition import cleanable
from penstock.api.history_process_definition.statistics import statistics
from penstock.api.http import Route

PATH = "/history/process-definition"
REPORT = PATH + "/cleanable-process-instance-report"

ROUTES: tuple[Route, ...] = (
    Route("GET", PATH + "/{id}/statistics", statistics),
    Route("GET", REPORT, cleanable.report),
    Route("GET", REPORT + "/count", cleanable.count),
)
