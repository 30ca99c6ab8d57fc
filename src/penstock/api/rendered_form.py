"""Generated forms (`camunda:formData`) as XHTML, for clients that put them into their page (Camunda 7 `HtmlFormEngine`).

Unlike there, texts of the model are escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from penstock.api.http import Response
from penstock.model.graph import FormField

XHTML = "application/xhtml+xml"
DATE_PATTERN = "dd/MM/yyyy"
_EMPTY_TAGS = frozenset({"input"})

Element = tuple[str, Mapping[str, str | None], "Sequence[Element] | str"]
"""(tag, attributes, children or text); an attribute without value stands alone."""


def rendered(
    fields: Sequence[FormField], defaults: Mapping[str, str | None], business_key: str | None = None
) -> Response:
    """The form. `defaults`: the text of each field's default value; `business_key`: the field that is the business key."""
    groups = [_group(field, defaults.get(field.id), field.id == business_key) for field in fields]
    form: Element = ("form", {"name": "generatedForm", "role": "form"}, groups)
    return Response(200, "".join(f"{line}\n" for line in _lines(form, 0)).encode(), XHTML)


def _lines(element: Element, depth: int) -> Iterator[str]:
    tag, attributes, content = element
    margin = "  " * depth
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    if tag in _EMPTY_TAGS:
        yield f"{margin}<{tag}{written} />"
        return
    yield f"{margin}<{tag}{written}>"
    if isinstance(content, str):
        if content:
            yield f"{margin}  {escape(content, quote=False)}"
    else:
        for child in content:
            yield from _lines(child, depth + 1)
    yield f"{margin}</{tag}>"


def _attribute(name: str, value: str | None) -> str:
    """Clients evaluate conditions (`ng-if`) as they stand: an ampersand is not escaped."""
    return f" {name}" if value is None else ' {}="{}"'.format(name, value.replace('"', "&quot;").replace("<", "&lt;"))


def _group(field: FormField, default: str | None, business_key: bool) -> Element:
    children: list[Element] = []
    if field.label:
        children.append(("label", {"for": field.id}, field.label))
    children.append(_control(field, default, business_key))
    children.append(_messages(field))
    return ("div", {"class": "form-group"}, children)


def _control(field: FormField, default: str | None, business_key: bool) -> Element:
    attributes = _common(field, business_key)
    if field.type == "enum":
        options: list[Element] = [("option", {"value": id}, name or id) for id, name in field.values]
        return ("select", attributes, options)
    if field.type == "date":
        return _date_picker(field, {**attributes, "type": "text"})
    attributes["type"] = "checkbox" if field.type == "boolean" else "text"
    if default is not None:
        attributes["value"] = default
    return ("input", attributes, "")


def _common(field: FormField, business_key: bool) -> dict[str, str | None]:
    kind = "string" if field.type in ("enum", "date", None) else field.type
    attributes: dict[str, str | None] = {"class": "form-control", "name": field.id}
    if business_key:
        attributes["cam-business-key"] = None
    else:
        attributes["cam-variable-type"] = kind[:1].upper() + kind[1:]
        attributes["cam-variable-name"] = field.id
    for name, config in field.constraints:
        attributes["disabled" if name == "readonly" else name] = config or None
    return attributes


def _date_picker(field: FormField, attributes: dict[str, str | None]) -> Element:
    if any(name == "readonly" for name, _ in field.constraints):
        return ("div", {"class": "input-group"}, [("input", attributes, "")])
    attributes["uib-datepicker-popup"] = field.date_pattern or DATE_PATTERN
    attributes["is-open"] = f"dateFieldOpened{field.id}"
    icon: Element = ("i", {"class": "glyphicon glyphicon-calendar"}, "")
    button: Element = (
        "button",
        {"type": "button", "class": "btn btn-default", "ng-click": f"open{field.id}($event)"},
        [icon],
    )
    script = (
        f"$scope.open{field.id} = function ($event) {{ $event.preventDefault(); $event.stopPropagation();"
        f" $scope.dateFieldOpened{field.id} = true; }};"
    )
    children: list[Element] = [
        ("input", attributes, ""),
        ("div", {"class": "input-group-btn"}, [button]),
        ("script", {"cam-script": None, "type": "text/form-script"}, script),
    ]
    return ("div", {"class": "input-group"}, children)


def _messages(field: FormField) -> Element:
    form = f"this.generatedForm.{field.id}"
    error = f"{form}.$error"
    if field.type == "date":
        shown = [
            (f"{error}.required && !{error}.date", "Required field"),
            (
                f"{error}.date",
                f"Invalid date format: the date should have the pattern '{field.date_pattern or DATE_PATTERN}'",
            ),
        ]
    else:
        kind = "string" if field.type in ("enum", None) else field.type
        shown = [
            (f"{error}.required", "Required field"),
            (f"{error}.camVariableType", f"Only a {kind} value is allowed"),
        ]
    messages: list[Element] = [
        ("div", {"ng-show": condition, "class": "help-block"}, message) for condition, message in shown
    ]
    return ("div", {"ng-if": f"{form}.$invalid && {form}.$dirty", "class": "has-error"}, messages)
