"""`/penstock/v1/element-templates`."""

from typing import Any

from penstock.api.http import Request, Route
from penstock.connect.templates import templates

PATH = "/element-templates"


async def every(request: Request) -> list[dict[str, Any]]:
    """`GET …`: all of them in one array, which Camunda Modeler reads as a file too."""
    return [template.content for template in templates()]


ROUTES = (Route("GET", PATH, every),)

OPERATIONS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", PATH): {
        "operationId": "listElementTemplates",
        "summary": "Element templates of the connectors: save them as .camunda/element-templates/penstock.json for the Modeler",
        "responses": {
            "200": {
                "description": "As Camunda's JSON schema of element templates (platform Camunda 7) says",
                "content": {
                    "application/json": {
                        "schema": {
                            "type": "array",
                            "items": {
                                "type": "object",
                                "required": ["$schema", "id", "name", "appliesTo", "properties"],
                                "properties": {"id": {"type": "string"}, "name": {"type": "string"}},
                            },
                        }
                    }
                },
            }
        },
    }
}
"""What the OpenAPI document says of each route."""
