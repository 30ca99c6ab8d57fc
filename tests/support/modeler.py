"""Does to a task what Camunda Modeler does when a template of a connector is applied and its fields are filled in."""

from typing import Any
from xml.sax.saxutils import escape, quoteattr


def applied(template: dict[str, Any], fields: dict[str, str], *, id: str = "call") -> str:
    """A service task. `fields`: values by the label of the field; the others keep the template's."""
    own, scopes = template["properties"], template.get("scopes", [])
    of_connector = [field for scope in scopes for field in scope["properties"]]
    known = {field.get("label") for field in (*own, *of_connector)}
    assert set(fields) <= known, f"{set(fields) - known} of {known}"
    attributes, inside, parameters = "", "", ""
    for field in own:
        given = fields.get(field.get("label", ""), field.get("value", ""))
        attributes += (
            f" {field['binding']['name']}={quoteattr(given if isinstance(given, str) else str(given).lower())}"
        )
    for field in of_connector:
        value = escape(str(fields.get(field.get("label", ""), field.get("value", ""))))
        binding = field["binding"]
        if field.get("constraints", {}).get("notEmpty"):
            assert value, f"{field['label']} must be filled in"
        if binding["type"] == "property":
            inside += f"<camunda:{binding['name']}>{value}</camunda:{binding['name']}>"
        elif binding["type"] == "camunda:outputParameter":
            parameters += f'<camunda:outputParameter name="{value}">{binding["source"]}</camunda:outputParameter>'
        else:
            language = binding.get("scriptFormat")
            content = f'<camunda:script scriptFormat="{language}">{value}</camunda:script>' if language else value
            parameters += f'<camunda:inputParameter name="{binding["name"]}">{content}</camunda:inputParameter>'
    connector = (
        f"<camunda:connector><camunda:inputOutput>{parameters}</camunda:inputOutput>{inside}</camunda:connector>"
    )
    return (
        f'<serviceTask id="{id}" camunda:modelerTemplate="{template["id"]}" '
        f'camunda:modelerTemplateVersion="{template["version"]}"{attributes}>'
        f"{f'<extensionElements>{connector}</extensionElements>' if scopes else ''}</serviceTask>"
    )
