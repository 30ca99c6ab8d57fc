"""What only Camunda 7 knows of a BPMN file: `camunda:` attributes and elements, read into the graph's records.

Both `http://camunda.org/schema/1.0/bpmn` and `http://activiti.org/bpmn` count. Messages are those of Camunda 7.24.
"""

import re

from penstock.model.graph import (
    CalledElement,
    ErrorDefinition,
    FormField,
    FormSpec,
    Implementation,
    Listener,
    Parameter,
    ScriptSource,
    UserTaskSpec,
    VariableMapping,
)
from penstock.model.log import Log, Stopped, one
from penstock.model.xml import ACTIVITI_NS, CAMUNDA_NS, FOX_NS, Element

_CAMUNDA = f"{{{CAMUNDA_NS}}}"
_ACTIVITI = f"{{{ACTIVITI_NS}}}"

TASK_EVENTS = frozenset({"create", "assignment", "complete", "update", "delete"})
FORM_TYPES = frozenset({"string", "long", "date", "boolean", "enum"})
VALIDATORS = frozenset({"min", "max", "minlength", "maxlength", "required", "readonly"})
FORM_BINDINGS = ("deployment", "latest", "version")
MAPPERS = frozenset({"singleEntry", "singleResult", "collectEntries", "resultList"})
BINDINGS = frozenset({"latest", "deployment", "version", "versionTag"})
_BOOLEANS = {
    **dict.fromkeys(("true", "enabled", "on", "active", "yes"), True),
    **dict.fromkeys(("false", "disabled", "off", "inactive", "no"), False),
}
_INT = re.compile(r"[+-]?[0-9]+")


class BadScript(Exception):
    """A script element that cannot be used; `element` is where."""

    def __init__(self, message: str, element: Element) -> None:
        super().__init__(message)
        self.message = message
        self.element = element


def attribute(element: Element, name: str) -> str | None:
    """The `camunda:` attribute, or None."""
    qualified = element.qualified
    if not qualified:
        return None
    value = qualified.get(_CAMUNDA + name)
    return qualified.get(_ACTIVITI + name) if value is None else value


def flag(element: Element, name: str, default: bool = False) -> bool:
    """A boolean `camunda:` attribute: only `true` is true."""
    value = attribute(element, name)
    return default if value is None else value == "true"


def boolean(text: str | None, default: bool) -> bool:
    """A boolean as Camunda's parser reads it. Raises `Stopped` for `1` and `0`, where Camunda's fails too."""
    if text is None:
        return default
    value = _BOOLEANS.get(text)
    if value is None:
        raise Stopped(f"'{text}' is not a boolean that the engine reads; write true or false")
    return value


def is_expression(text: str) -> bool:
    return text.lstrip().startswith(("${", "#{"))


def children(element: Element, name: str) -> list[Element]:
    """The `camunda:` children with this name (those of `activiti:` when there are none)."""
    found = [child for child in element.children if child.name == name and child.uri == CAMUNDA_NS]
    return found or [child for child in element.children if child.name == name and child.uri == ACTIVITI_NS]


def child(element: Element, name: str) -> Element | None:
    """The only `camunda:` child with this name."""
    found = children(element, name)
    if len(found) > 1:
        raise Stopped(f"Parsing exception: multiple elements with tag name {name} found")
    return found[0] if found else None


def extension(element: Element, name: str) -> Element | None:
    """The only `camunda:` extension element with this name."""
    extensions = one(element, "extensionElements")
    return child(extensions, name) if extensions is not None else None


def extensions(element: Element, name: str) -> list[Element]:
    """All `camunda:` extension elements with this name."""
    found = one(element, "extensionElements")
    return children(found, name) if found is not None else []


def priority(log: Log, element: Element, name: str) -> str | None:
    """`camunda:jobPriority` or `camunda:taskPriority`: an integer or an expression."""
    value = attribute(element, name)
    if value is None:
        return None
    if is_expression(value):
        return log.expression(value)
    if _INT.fullmatch(value) is None or not -(2**31) <= int(value) < 2**31:
        log.error(f"Value '{value}' for attribute '{name}' is not a valid number", element)
    return value


def retry_cycle(element: Element) -> str | None:
    """`failedJobRetryTimeCycle` among the extension elements."""
    found = one(element, "extensionElements")
    if found is None:
        return None
    cycle = next((c for c in found.children if c.name == "failedJobRetryTimeCycle" and c.uri == FOX_NS), None)
    cycle = cycle or child(found, "failedJobRetryTimeCycle")
    return cycle.text.strip() or None if cycle is not None else None


def result_variable(element: Element) -> str | None:
    value = attribute(element, "resultVariable")
    return attribute(element, "resultVariableName") if value is None else value


def comma_separated(text: str | None) -> list[str]:
    """Splits at commas that are not inside an expression."""
    found: list[str] = []
    current: list[str] = []
    inside = False
    for c in text or "":
        if c in "{$":
            inside = True
        elif c == "}":
            inside = False
        elif c == "," and not inside:
            found.append("".join(current).strip())
            current.clear()
            continue
        current.append(c)
    if current:
        found.append("".join(current).strip())
    return found


# ------------------------------------------------------------------------------------------------ scripts, parameters


def script_source(log: Log, language: str, source: str | None, resource: str | None) -> ScriptSource:
    """A script. Raises `ValueError` with Camunda's message when language or text is missing."""
    if not language:
        raise ValueError("Script language is empty")
    if source is None and resource is None:
        raise ValueError("No script source or resource was given: all arguments are null")
    text = resource or source or ""
    problem = log.problem(text) if is_expression(text) and language.lower() != "juel" else None
    if problem is not None:
        raise ValueError(problem)
    return ScriptSource(language=language.lower(), source=source or "", resource=resource or None)


def script(log: Log, element: Element) -> ScriptSource:
    """A `camunda:script` element. Raises `BadScript`."""
    language = element.get("scriptFormat")
    if not language:
        raise BadScript("Missing attribute 'scriptFormat' for 'script' element", element)
    try:
        return script_source(log, language, element.text, element.get("resource"))
    except ValueError as error:
        raise BadScript(f"Unable to process script: {error}", element) from None


def _value(log: Log, element: Element, name: str) -> Parameter:
    if element.name == "list":
        return Parameter(name=name, items=tuple(_value(log, item, "") for item in element.children))
    if element.name == "map":
        entries = []
        for entry in element.all("entry"):
            key = entry.get("key")
            if not key:
                raise BadScript("Missing attribute 'key' for 'entry' element", entry)
            log.expression(key)
            entries.append(_nested(log, entry, key))
        return Parameter(name=name, entries=tuple(entries))
    if element.name == "script":
        return Parameter(name=name, script=script(log, element))
    return Parameter(name=name, text=log.expression(element.text.strip() or None))


def _nested(log: Log, element: Element, name: str) -> Parameter:
    if len(element.children) > 1:
        raise BadScript("Nested parameter can at most have one child element", element)
    return _value(log, element.children[0] if element.children else element, name)


def _parameters(log: Log, element: Element, name: str) -> tuple[Parameter, ...]:
    found = []
    for parameter in children(element, name):
        own = parameter.get("name")
        if not own:
            raise BadScript(f"Missing attribute 'name' for {name}", parameter)
        found.append(_nested(log, parameter, own))
    return tuple(found)


Parameters = tuple[tuple[Parameter, ...], tuple[Parameter, ...]]


def input_output(log: Log, holder: Element) -> Parameters | None:
    """Inputs and outputs of the `camunda:inputOutput` in `holder`, or None. Raises `BadScript`."""
    found = child(holder, "inputOutput")
    if found is None:
        return None
    return _parameters(log, found, "inputParameter"), _parameters(log, found, "outputParameter")


def fields(log: Log, element: Element) -> tuple[Parameter, ...]:
    """`camunda:field`s: of an activity (in its extension elements) or of a listener (directly inside)."""
    holder = one(element, "extensionElements") or element
    found = []
    for field in children(holder, "field"):
        name = field.get("name") or ""
        text = _attribute_or_child(log, field, "stringValue", "string", element)
        if text is not None:
            found.append(Parameter(name=name, text=text, literal=True))
            continue
        text = _attribute_or_child(log, field, "expression", "expression", element)
        if text is not None and text.strip():
            found.append(Parameter(name=name, text=log.expression(text)))
            continue
        log.error(
            "One of the following is mandatory on a field declaration: one of attributes stringValue|expression or "
            "one of child elements string|expression",
            element,
        )
    return tuple(found)


def _attribute_or_child(log: Log, field: Element, name: str, tag: str, owner: Element) -> str | None:
    value = field.get(name)
    nested = children(field, tag)
    if len(nested) > 1:
        log.error(f"Multiple {tag} field declarations found", owner)
        return None
    if value is not None and nested:
        log.error(f"Can't use attribute '{name}' and element '{tag}' together, only use one", field, owner.id)
        return None
    if nested:
        if not nested[0].text:
            log.error(f"No valid value found in attribute '{name}' nor element '{tag}'", field, owner.id)
            return None
        return nested[0].text
    return value or None


def properties(element: Element) -> tuple[tuple[str, str], ...]:
    """Names and values of `camunda:properties`."""
    found = extension(element, "properties")
    if found is None:
        return ()
    return tuple((p.get("name") or "", p.get("value") or "") for p in children(found, "property"))


# ------------------------------------------------------------------------------------------------ implementations


def is_service_like(element: Element | None) -> bool:
    """True when the element says how it is carried out."""
    if element is None:
        return False
    if any(attribute(element, name) is not None for name in ("class", "expression", "delegateExpression", "type")):
        return True
    found = one(element, "extensionElements")
    return found is not None and one(found, "connector") is not None


def implementation(log: Log, element: Element, tag: str) -> Implementation | None:
    """How a service task (or what works like one) is carried out; None when it does not say. `tag` is for messages."""
    kind = attribute(element, "type")
    class_name = attribute(element, "class")
    expression = attribute(element, "expression")
    delegate = attribute(element, "delegateExpression")
    variable = result_variable(element)
    if kind is not None:
        return _typed(log, element, kind, tag)
    if class_name is not None and class_name.strip():
        if variable is not None:
            log.error(f"'resultVariableName' not supported for {tag} elements using 'class'", element)
        return Implementation(class_name=class_name.strip(), fields=fields(log, element))
    if delegate is not None:
        if variable is not None:
            log.error(f"'resultVariableName' not supported for {tag} elements using 'delegateExpression'", element)
        return Implementation(delegate_expression=log.expression(delegate), fields=fields(log, element))
    if expression is not None and expression.strip():
        return Implementation(expression=log.expression(expression), result_variable=variable)
    return None


def _typed(log: Log, element: Element, kind: str, tag: str) -> Implementation | None:
    lower = kind.lower()
    if lower == "external":
        topic = attribute(element, "topic")
        if topic is None:
            log.error("External tasks must specify a 'topic' attribute in the camunda namespace", element)
        return Implementation(
            type="external", topic=log.expression(topic), task_priority=priority(log, element, "taskPriority")
        )
    if lower == "mail":
        found = fields(log, element)
        names = {field.name for field in found}
        if "to" not in names:
            log.error("No recipient is defined on the mail activity", element)
        if not names & {"html", "text"}:
            log.error("Text or html field should be provided", element)
        return Implementation(type="mail", fields=found)
    if lower == "shell":
        found = fields(log, element)
        for field in found:
            if field.name in ("wait", "redirectError", "cleanEnv") and (field.text or "").lower() not in (
                "true",
                "false",
            ):
                log.error(f"undefined value for shell {field.name} parameter :{field.text}", element)
        if all(field.name != "command" for field in found):
            log.error("No shell command is defined on the shell activity", element)
        return Implementation(type="shell", fields=found)
    log.error(f"Invalid usage of type attribute on {tag}: '{kind}'", element)
    return None


def connector(log: Log, element: Element, before: Implementation | None) -> Implementation | None:
    """The `camunda:connector` of the element, which wins over what else it says. Raises `BadScript`."""
    found = extension(element, "connector")
    if found is None:
        return before
    ids = one(found, "connectorId")
    connector_id = ids.text.strip() if ids is not None else ""
    if not connector_id:
        raise BadScript("No 'id' defined for connector.", found)
    mapping = input_output(log, found)
    return Implementation(
        connector_id=connector_id,
        connector_inputs=mapping[0] if mapping else (),
        connector_outputs=mapping[1] if mapping else (),
    )


def decision(log: Log, element: Element) -> Implementation:
    """A business rule task with `camunda:decisionRef`."""
    mapper = attribute(element, "mapDecisionResult")
    spec = Implementation(
        decision_ref=log.expression(attribute(element, "decisionRef")),
        decision_binding=_binding(log, element, "decisionRef"),
        decision_version=log.expression(attribute(element, "decisionRefVersion")),
        decision_version_tag=log.expression(attribute(element, "decisionRefVersionTag")),
        decision_tenant_id=log.expression(attribute(element, "decisionRefTenantId") or None),
        map_decision_result=mapper,
        result_variable=result_variable(element),
    )
    if mapper is not None and mapper not in MAPPERS:
        log.error(
            f"No decision result mapper found for name '{mapper}'. Supported mappers are 'singleEntry', "
            "'singleResult', 'collectEntries' and 'resultList'.",
            element,
        )
    return spec


def _binding(log: Log, element: Element, prefix: str, tag: bool = True) -> str:
    name = prefix + "Binding"
    binding = attribute(element, name)
    if binding not in BINDINGS:
        return "latest"
    for value, needed in (("version", prefix + "Version"), ("versionTag", prefix + "VersionTag")):
        if binding == value and (value == "version" or tag) and attribute(element, needed) is None:
            log.error(f"Missing attribute '{needed}' when '{name}' has value '{value}'", element)
    return binding or "latest"


def error_definitions(
    log: Log, element: Element, codes: dict[str | None, tuple[str | None, str | None]]
) -> tuple[ErrorDefinition, ...]:
    """`camunda:errorEventDefinition`s of an external task. `codes`: error id -> (code, message)."""
    found = one(element, "extensionElements")
    if found is None:
        return ()
    definitions = []
    for definition in found.all("errorEventDefinition"):
        ref = definition.get("errorRef")
        if ref is None:
            continue
        code, message = codes.get(ref, (ref, None))
        expression = log.expression(definition.get("expression")) or ""
        definitions.append(ErrorDefinition(expression=expression, code=code, error_message=message))
    return tuple(definitions)


# ------------------------------------------------------------------------------------------------ listeners


def _listener(log: Log, element: Element, event: str, owner: str | None, tag: str) -> Listener | None:
    class_name = element.get("class")
    expression = element.get("expression")
    delegate = element.get("delegateExpression")
    found = child(element, "script")
    strict = tag == "executionListener"
    own = element.id
    if class_name is not None:
        if strict and not class_name:
            log.error("Attribute 'class' cannot be empty", element, owner)
            return None
        return Listener(event=event, id=own, class_name=class_name, fields=fields(log, element))
    if expression is not None:
        return Listener(event=event, id=own, expression=log.expression(expression))
    if delegate is not None:
        if strict and not delegate:
            log.error("Attribute 'delegateExpression' cannot be empty", element, owner)
            return None
        log.expression(delegate)
        return Listener(event=event, id=own, delegate_expression=delegate, fields=fields(log, element))
    if found is not None:
        try:
            return Listener(event=event, id=own, script=script(log, found))
        except BadScript as bad:
            log.error(bad.message, bad.element, owner)
            return None
    log.error(f"Element 'class', 'expression', 'delegateExpression' or 'script' is mandatory on {tag}", element, owner)
    return None


def execution_listeners(log: Log, element: Element, transition: bool = False) -> tuple[Listener, ...]:
    """`camunda:executionListener`s; on a sequence flow the only event is `take`."""
    found = []
    for listener in extensions(element, "executionListener"):
        event = "take" if transition else listener.get("event")
        if event is None or not event.strip():
            log.error("Attribute 'event' is mandatory on listener", listener, element.id)
            continue
        if not transition and event not in ("start", "end"):
            log.error("Attribute 'event' must be one of {start|end}", listener, element.id)
            continue
        read = _listener(log, listener, event, element.id, "executionListener")
        if read is not None:
            found.append(read)
    return tuple(found)


def task_listener(log: Log, element: Element, event: str, owner: str | None) -> Listener | None:
    return _listener(log, element, event, owner, "taskListener")


# ------------------------------------------------------------------------------------------------ user tasks, forms


def user_task(log: Log, element: Element, listeners: tuple[Listener, ...]) -> UserTaskSpec:
    """Assignment, dates and priority: the standard's resource roles and the `camunda:` attributes together."""
    users, groups = _potential_owners(log, element)
    assignee = _human_performer(log, element)
    own = attribute(element, "assignee")
    if own is not None:
        if assignee is not None:
            log.error(
                f"Invalid usage: duplicate assignee declaration for task {element.get('name') or 'null'}", element
            )
        assignee = assignee if assignee is not None else log.expression(own)
    users += comma_separated(attribute(element, "candidateUsers"))
    groups += comma_separated(attribute(element, "candidateGroups"))
    for text in (*users, *groups):
        log.expression(text)
    return UserTaskSpec(
        assignee=assignee,
        candidate_users=",".join(users) if users else None,
        candidate_groups=",".join(groups) if groups else None,
        due_date=log.expression(attribute(element, "dueDate")),
        follow_up_date=log.expression(attribute(element, "followUpDate")),
        priority=log.expression(attribute(element, "priority")),
        listeners=listeners,
    )


def _formal(element: Element) -> str | None:
    assignment = one(element, "resourceAssignmentExpression")
    expression = one(assignment, "formalExpression") if assignment is not None else None
    return expression.text if expression is not None else None


def _human_performer(log: Log, element: Element) -> str | None:
    performers = element.all("humanPerformer")
    if len(performers) > 1:
        log.error(
            "Invalid task definition: multiple humanPerformer sub elements defined for "
            f"{element.get('name') or 'null'}",
            element,
        )
        return None
    text = _formal(performers[0]) if performers else None
    return log.expression(text.strip()) if text is not None else None


def _potential_owners(log: Log, element: Element) -> tuple[list[str], list[str]]:
    users: list[str] = []
    groups: list[str] = []
    for owner in element.all("potentialOwner"):
        _assign(_formal(owner), users, groups)
    return users, groups


def _assign(text: str | None, users: list[str], groups: list[str]) -> None:
    for part in comma_separated(text):
        if part.startswith("user("):
            users.append(part[5:-1].strip())
        elif part.startswith("group("):
            groups.append(part[6:-1].strip())
        else:
            groups.append(part)


def starters(log: Log, element: Element) -> tuple[str | None, str | None]:
    """Who may start a process: users and groups, each a comma-separated text or None."""
    users: list[str] = []
    groups: list[str] = []
    for starter in extensions(element, "potentialStarter"):
        _assign(_formal(starter), users, groups)
    users += comma_separated(attribute(element, "candidateStarterUsers"))
    groups += comma_separated(attribute(element, "candidateStarterGroups"))
    for text in (*users, *groups):
        log.expression(text)
    return ",".join(users) or None, ",".join(groups) or None


def form(log: Log, element: Element) -> FormSpec | None:
    """The form of a user task or start event, or None when it has none."""
    for legacy in extensions(element, "formProperty"):
        _form_property(log, legacy)
    data = extension(element, "formData")
    form_fields: tuple[FormField, ...] = ()
    business_key = None
    if data is not None:
        business_key = data.get("businessKey")
        form_fields = tuple(_form_field(log, field) for field in children(data, "formField"))
    key = attribute(element, "formKey")
    ref = attribute(element, "formRef")
    if key is not None and ref is not None:
        log.error("Invalid element definition: only one of the attributes formKey and formRef is allowed.", element)
    binding = version = None
    log.expression(key)
    if ref is not None:
        log.expression(ref)
        binding = attribute(element, "formRefBinding")
        if binding not in FORM_BINDINGS:
            log.error(
                "Invalid element definition: value for formRefBinding attribute has to be one of "
                f"[{', '.join(FORM_BINDINGS)}] but was {binding or 'null'}",
                element,
            )
        if binding == "version":
            version = log.expression(attribute(element, "formRefVersion"))
    if key is None and ref is None and data is None:
        return None
    return FormSpec(
        form_key=key,
        form_ref=ref,
        form_ref_binding=binding,
        form_ref_version=version,
        fields=form_fields,
        business_key_field=business_key,
    )


def _form_type(log: Log, field: Element) -> None:
    kind = field.get("type")
    if kind is None:
        if field.name == "formField":
            log.error("form field must have a 'type' attribute", field)
    elif kind not in FORM_TYPES:
        log.error(f"unknown type '{kind}'", field)


def _form_property(log: Log, element: Element) -> None:
    if element.id is None:
        log.error("attribute 'id' is required", element)
    _form_type(log, element)
    for name in ("required", "readable", "writable"):
        if element.get(name) is not None and element.get(name) not in _BOOLEANS:
            log.error(
                f"attribute '{name}' must be one of {{on|yes|true|enabled|active|off|no|false|disabled|inactive}}",
                element,
            )
    log.expression(element.get("expression"))
    log.expression(element.get("default"))


def _form_field(log: Log, field: Element) -> FormField:
    if not field.id:
        log.error("attribute id must be set for FormFieldGroup and must have a non-empty value", field)
        if field.id is None:
            raise Stopped("a form field has no id")
    label = log.expression(field.get("label"))
    held = child(field, "properties")
    found = tuple((p.id or "", p.get("value") or "") for p in (children(held, "property") if held is not None else ()))
    constraints = []
    validation = child(field, "validation")
    for constraint in children(validation, "constraint") if validation is not None else ():
        name = constraint.get("name")
        config = constraint.get("config")
        if name == "validator":
            if not config:
                log.error(
                    "validator configuration needs to provide either a fully qualified classname or an expression "
                    "resolving to a custom FormFieldValidator implementation.",
                    constraint,
                )
            elif is_expression(config):
                log.expression(config)
        elif name not in VALIDATORS:
            log.error(f"Cannot find validator implementation for name '{name or 'null'}'.", constraint)
        constraints.append((name or "", config or ""))
    _form_type(log, field)
    return FormField(
        id=field.id or "",
        label=label,
        type=field.get("type"),
        default_value=log.expression(field.get("defaultValue")),
        date_pattern=field.get("datePattern"),
        values=tuple((v.id or "", v.get("name") or "") for v in children(field, "value")),
        properties=found,
        constraints=tuple(constraints),
    )


# ------------------------------------------------------------------------------------------------ calls


def _mapping(log: Log, element: Element, owner: str | None) -> VariableMapping:
    local = element.get("local") == "true"
    if element.get("variables") == "all":
        return VariableMapping(all_variables=True, local=local)
    source = element.get("source")
    expression: str | None = None
    if source == "":
        log.error("Empty attribute 'source' when passing variables", element, owner)
    elif source is None:
        expression = element.get("sourceExpression")
        if expression == "":
            log.error("Empty attribute 'sourceExpression' when passing variables", element, owner)
        elif expression is None:
            log.error("Missing parameter 'source' or 'sourceExpression' when passing variables", element, owner)
        log.expression(expression)
    target = element.get("target")
    if target is None:
        log.error("Missing attribute 'target' when attribute 'source' or 'sourceExpression' is set", element, owner)
    elif target == "":
        log.error("Empty attribute 'target' when attribute 'source' or 'sourceExpression' is set", element, owner)
    return VariableMapping(source=source, source_expression=expression, target=target, local=local)


def mappings_in(log: Log, element: Element) -> tuple[VariableMapping, ...]:
    """`camunda:in`s of a call activity or a signal throw event."""
    found = []
    for mapping in extensions(element, "in"):
        key = mapping.get("businessKey")
        if key:
            found.append(VariableMapping(business_key=log.expression(key)))
        else:
            found.append(_mapping(log, mapping, element.id))
    return tuple(found)


def called(log: Log, element: Element) -> CalledElement:
    """What a call activity calls and passes."""
    target = element.get("calledElement")
    case_ref = attribute(element, "caseRef")
    if target is None and case_ref is None:
        log.error("Missing attribute 'calledElement' or 'caseRef'", element)
    elif target is not None and case_ref is not None:
        log.error(
            "The attributes 'calledElement' or 'caseRef' cannot be used together: "
            "Use either 'calledElement' or 'caseRef'",
            element,
        )
    prefix = "calledElement" if target is not None else "case"
    class_name = attribute(element, "variableMappingClass") if target is not None else None
    delegate = attribute(element, "variableMappingDelegateExpression") if target is not None else None
    if class_name is None:
        log.expression(delegate)
    log.expression(target if target is not None else case_ref)
    binding = _binding(log, element, prefix, tag=target is not None)
    return CalledElement(
        called_element=target,
        binding=binding,
        version=log.expression(attribute(element, prefix + "Version")),
        version_tag=log.expression(attribute(element, "calledElementVersionTag")),
        tenant_id=log.expression(attribute(element, prefix + "TenantId") or None),
        case_ref=case_ref,
        inputs=mappings_in(log, element),
        outputs=tuple(_mapping(log, m, element.id) for m in extensions(element, "out")),
        variable_mapping_class=class_name,
        variable_mapping_delegate_expression=delegate if class_name is None else None,
    )
