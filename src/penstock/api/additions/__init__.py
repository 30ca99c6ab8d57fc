"""`/penstock/v1`: what Camunda has not. One folder per resource, one row of `RESOURCES` each.

A client's mistake is always a 4xx, as problem details (RFC 9457). `GET /penstock/v1/openapi.json` describes all of it.
"""

from collections.abc import Sequence

from penstock.api.additions import openapi
from penstock.api.additions.ad_hoc import routes as ad_hoc
from penstock.api.additions.callbacks import routes as callbacks
from penstock.api.additions.dead_letters import routes as dead_letters
from penstock.api.additions.element_templates import routes as element_templates
from penstock.api.additions.problem import refusal
from penstock.api.additions.reprocessing import routes as reprocessing
from penstock.api.additions.services import routes as services
from penstock.api.additions.topics import routes as topics
from penstock.api.http import Route

__all__ = ["PATH", "RESOURCES", "refusal"]

PATH = ["penstock", "v1"]
"""Segments below which all of it lies."""

_DESCRIBED = (ad_hoc, callbacks, dead_letters, element_templates, reprocessing, services, topics)

RESOURCES: tuple[Sequence[Route], ...] = (*(resource.ROUTES for resource in _DESCRIBED), openapi.routes(_DESCRIBED))
"""The routes of every resource."""
