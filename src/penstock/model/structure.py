"""The structure that BPMN 2.0 demands of a file: which element may stand where, with which attributes.

The tables say in short form what the standard's schemas say (BPMN 2.0.2 §15: Semantic, BPMNDI, DI, DC). Camunda 7
checks every deployment against them, and its validator's messages are what clients see; ours are worded alike.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

from penstock.model.xml import BPMN_NS, NAMESPACES, PREFIXES, XSI_NS, Document, Element

Report = Callable[[str, Element], None]

# One type per line: name, base (- for none), flags, content, attributes.
#   flags: a abstract, m mixed content, o attributes of other namespaces are allowed, . none
#   content: names with ? * +, or {n} for "at least n"; a|b is a choice; name:type where the element is local
#   attributes: name:type, ! after the type where required
_TYPES = """
tDefinitions - o / import* extension* rootElement* bpmndi:BPMNDiagram* relationship* / id:ID name:string \
 targetNamespace:string! expressionLanguage:string typeLanguage:string exporter:string exporterVersion:string
tImport - . / / namespace:string! location:string! importType:string!
tBaseElement - ao / documentation* extensionElements? / id:ID
tBaseElementWithMixedContent - amo / documentation* extensionElements? / id:ID
tDocumentation - m / ##any / id:ID textFormat:string
tExtension - . / documentation* / definition:QName mustUnderstand:boolean
tExtensionElements - . / ##other /
tFlowElement tBaseElement a / auditing? monitoring? categoryValueRef:QName* / name:string
tFlowNode tFlowElement a / incoming:QName* outgoing:QName* /
tActivity tFlowNode a / ioSpecification? property* dataInputAssociation* dataOutputAssociation* resourceRole* \
 loopCharacteristics? / isForCompensation:boolean startQuantity:integer completionQuantity:integer default:IDREF
tTask tActivity . / /
tAdHocSubProcess tSubProcess . / completionCondition:tExpression? / cancelRemainingInstances:boolean \
 ordering:Parallel|Sequential
tArtifact tBaseElement a / /
tAssignment tBaseElement . / from:tExpression to:tExpression /
tAssociation tArtifact . / / sourceRef:QName! targetRef:QName! associationDirection:None|One|Both
tAuditing tBaseElement . / /
tEvent tFlowNode a / property* /
tCatchEvent tEvent a / dataOutput* dataOutputAssociation* outputSet? eventDefinition* eventDefinitionRef:QName* / \
 parallelMultiple:boolean
tThrowEvent tEvent a / dataInput* dataInputAssociation* inputSet? eventDefinition* eventDefinitionRef:QName* /
tBoundaryEvent tCatchEvent . / / cancelActivity:boolean attachedToRef:QName!
tBusinessRuleTask tTask . / / implementation:string
tCallableElement tRootElement . / supportedInterfaceRef:QName* ioSpecification? ioBinding* / name:string
tCallActivity tActivity . / / calledElement:string
tCallChoreography tChoreographyActivity . / participantAssociation* / calledChoreographyRef:QName
tCallConversation tConversationNode . / participantAssociation* / calledCollaborationRef:QName
tCancelEventDefinition tEventDefinition . / /
tCategory tRootElement . / categoryValue* / name:string
tCategoryValue tBaseElement . / / value:string
tChoreography tCollaboration . / flowElement* /
tChoreographyActivity tFlowNode a / participantRef:QName{2} correlationKey* / initiatingParticipantRef:QName! \
 loopType:None|Standard|MultiInstanceSequential|MultiInstanceParallel
tChoreographyTask tChoreographyActivity . / messageFlowRef:QName+ /
tCollaboration tRootElement . / participant* messageFlow* artifact* conversationNode* conversationAssociation* \
 participantAssociation* messageFlowAssociation* correlationKey* choreographyRef:QName* conversationLink* / \
 name:string isClosed:boolean
tCompensateEventDefinition tEventDefinition . / / waitForCompletion:boolean activityRef:QName
tComplexBehaviorDefinition tBaseElement . / condition:tFormalExpression event:tImplicitThrowEvent? /
tComplexGateway tGateway . / activationCondition:tExpression? / default:IDREF
tConditionalEventDefinition tEventDefinition . / condition:tExpression /
tConversation tConversationNode . / /
tConversationAssociation tBaseElement . / / innerConversationNodeRef:QName! outerConversationNodeRef:QName!
tConversationLink tBaseElement . / / name:string sourceRef:QName! targetRef:QName!
tConversationNode tBaseElement a / participantRef:QName* messageFlowRef:QName* correlationKey* / name:string
tCorrelationKey tBaseElement . / correlationPropertyRef:QName* / name:string
tCorrelationProperty tRootElement . / correlationPropertyRetrievalExpression+ / name:string type:QName
tCorrelationPropertyBinding tBaseElement . / dataPath:tFormalExpression / correlationPropertyRef:QName!
tCorrelationPropertyRetrievalExpression tBaseElement . / messagePath:tFormalExpression / messageRef:QName!
tCorrelationSubscription tBaseElement . / correlationPropertyBinding* / correlationKeyRef:QName!
tDataAssociation tBaseElement . / sourceRef:IDREF* targetRef:IDREF transformation:tFormalExpression? assignment* /
tDataInput tBaseElement . / dataState? / name:string itemSubjectRef:QName isCollection:boolean
tDataInputAssociation tDataAssociation . / /
tDataObject tFlowElement . / dataState? / itemSubjectRef:QName isCollection:boolean
tDataObjectReference tFlowElement . / dataState? / itemSubjectRef:QName dataObjectRef:IDREF
tDataOutput tBaseElement . / dataState? / name:string itemSubjectRef:QName isCollection:boolean
tDataOutputAssociation tDataAssociation . / /
tDataState tBaseElement . / / name:string
tDataStore tRootElement . / dataState? / name:string capacity:integer isUnlimited:boolean itemSubjectRef:QName
tDataStoreReference tFlowElement . / dataState? / itemSubjectRef:QName dataStoreRef:QName
tEndEvent tThrowEvent . / /
tEndPoint tRootElement . / /
tError tRootElement . / / name:string errorCode:string structureRef:QName
tErrorEventDefinition tEventDefinition . / / errorRef:QName
tEscalation tRootElement . / / name:string escalationCode:string structureRef:QName
tEscalationEventDefinition tEventDefinition . / / escalationRef:QName
tEventBasedGateway tGateway . / / instantiate:boolean eventGatewayType:Exclusive|Parallel
tEventDefinition tRootElement a / /
tExclusiveGateway tGateway . / / default:IDREF
tExpression tBaseElementWithMixedContent . / /
tFormalExpression tExpression . / / language:string evaluatesToTypeRef:QName
tGateway tFlowNode . / / gatewayDirection:Unspecified|Converging|Diverging|Mixed
tGlobalBusinessRuleTask tGlobalTask . / / implementation:string
tGlobalChoreographyTask tChoreography . / / initiatingParticipantRef:QName
tGlobalConversation tCollaboration . / /
tGlobalManualTask tGlobalTask . / /
tGlobalScriptTask tGlobalTask . / script? / scriptLanguage:string
tGlobalTask tCallableElement . / resourceRole* /
tGlobalUserTask tGlobalTask . / rendering* / implementation:string
tGroup tArtifact . / / categoryValueRef:QName
tHumanPerformer tPerformer . / /
tImplicitThrowEvent tThrowEvent . / /
tInclusiveGateway tGateway . / / default:IDREF
tInputSet tBaseElement . / dataInputRefs:IDREF* optionalInputRefs:IDREF* whileExecutingInputRefs:IDREF* \
 outputSetRefs:IDREF* / name:string
tInterface tRootElement . / operation+ / name:string! implementationRef:QName
tIntermediateCatchEvent tCatchEvent . / /
tIntermediateThrowEvent tThrowEvent . / /
tInputOutputBinding tBaseElement . / / operationRef:QName! inputDataRef:IDREF! outputDataRef:IDREF!
tInputOutputSpecification tBaseElement . / dataInput* dataOutput* inputSet+ outputSet+ /
tItemDefinition tRootElement . / / structureRef:QName isCollection:boolean itemKind:Information|Physical
tLane tBaseElement . / partitionElement:tBaseElement? flowNodeRef:IDREF* childLaneSet:tLaneSet? / \
 name:string partitionElementRef:QName
tLaneSet tBaseElement . / lane* / name:string
tLinkEventDefinition tEventDefinition . / source:QName* target:QName? / name:string!
tLoopCharacteristics tBaseElement a / /
tManualTask tTask . / /
tMessage tRootElement . / / name:string itemRef:QName
tMessageEventDefinition tEventDefinition . / operationRef:QName? / messageRef:QName
tMessageFlow tBaseElement . / / name:string sourceRef:QName! targetRef:QName! messageRef:QName
tMessageFlowAssociation tBaseElement . / / innerMessageFlowRef:QName! outerMessageFlowRef:QName!
tMonitoring tBaseElement . / /
tMultiInstanceLoopCharacteristics tLoopCharacteristics . / loopCardinality:tExpression? loopDataInputRef:QName? \
 loopDataOutputRef:QName? inputDataItem:tDataInput? outputDataItem:tDataOutput? complexBehaviorDefinition* \
 completionCondition:tExpression? / isSequential:boolean behavior:None|One|All|Complex oneBehaviorEventRef:QName \
 noneBehaviorEventRef:QName
tOperation tBaseElement . / inMessageRef:QName outMessageRef:QName? errorRef:QName* / name:string! \
 implementationRef:QName
tOutputSet tBaseElement . / dataOutputRefs:IDREF* optionalOutputRefs:IDREF* whileExecutingOutputRefs:IDREF* \
 inputSetRefs:IDREF* / name:string
tParallelGateway tGateway . / /
tParticipant tBaseElement . / interfaceRef:QName* endPointRef:QName* participantMultiplicity? / \
 name:string processRef:QName
tParticipantAssociation tBaseElement . / innerParticipantRef:QName outerParticipantRef:QName /
tParticipantMultiplicity tBaseElement . / / minimum:integer maximum:integer
tPartnerEntity tRootElement . / participantRef:QName* / name:string
tPartnerRole tRootElement . / participantRef:QName* / name:string
tPerformer tResourceRole . / /
tPotentialOwner tHumanPerformer . / /
tProcess tCallableElement . / auditing? monitoring? property* laneSet* flowElement* artifact* resourceRole* \
 correlationSubscription* supports:QName* / processType:None|Public|Private isClosed:boolean isExecutable:boolean \
 definitionalCollaborationRef:QName
tProperty tBaseElement . / dataState? / name:string itemSubjectRef:QName
tReceiveTask tTask . / / implementation:string instantiate:boolean messageRef:QName operationRef:QName
tRelationship tBaseElement . / source:QName+ target:QName+ / type:string! direction:None|Forward|Backward|Both
tRendering tBaseElement . / /
tResource tRootElement . / resourceParameter* / name:string!
tResourceAssignmentExpression tBaseElement . / expression /
tResourceParameter tBaseElement . / / name:string type:QName isRequired:boolean
tResourceParameterBinding tBaseElement . / expression / parameterRef:QName!
tResourceRole tBaseElement . / resourceRef:QName|resourceAssignmentExpression? resourceParameterBinding* / name:string
tRootElement tBaseElement a / /
tScriptTask tTask . / script? / scriptFormat:string
tScript - m / ##any /
tSendTask tTask . / / implementation:string messageRef:QName operationRef:QName
tSequenceFlow tFlowElement . / conditionExpression:tExpression? / sourceRef:IDREF! targetRef:IDREF! isImmediate:boolean
tServiceTask tTask . / / implementation:string operationRef:QName
tSignal tRootElement . / / name:string structureRef:QName
tSignalEventDefinition tEventDefinition . / / signalRef:QName
tStandardLoopCharacteristics tLoopCharacteristics . / loopCondition:tExpression? / testBefore:boolean \
 loopMaximum:integer
tStartEvent tCatchEvent . / / isInterrupting:boolean
tSubChoreography tChoreographyActivity . / flowElement* artifact* /
tSubConversation tConversationNode . / conversationNode* /
tSubProcess tActivity . / laneSet* flowElement* artifact* / triggeredByEvent:boolean
tTerminateEventDefinition tEventDefinition . / /
tTextAnnotation tArtifact . / text? / textFormat:string
tText - m / ##any /
tTimerEventDefinition tEventDefinition . / timeDate:tExpression|timeDuration:tExpression|timeCycle:tExpression? /
tTransaction tSubProcess . / / method:string
tUserTask tTask . / rendering* / implementation:string
di:Diagram - a / / name:string documentation:string resolution:double id:ID
di:DiagramElement - ao / di:extension:di:Extension? / id:ID
di:Extension - . / ##strict /
di:Style - a / / id:ID
di:Label di:DiagramElement a / dc:Bounds? /
bpmndi:BPMNDiagram di:Diagram . / bpmndi:BPMNPlane bpmndi:BPMNLabelStyle* /
bpmndi:BPMNPlane di:DiagramElement . / di:DiagramElement* / bpmnElement:QName
bpmndi:BPMNEdge di:DiagramElement . / di:waypoint:dc:Point{2} bpmndi:BPMNLabel? / bpmnElement:QName \
 sourceElement:QName targetElement:QName messageVisibleKind:initiating|non_initiating
bpmndi:BPMNShape di:DiagramElement . / dc:Bounds bpmndi:BPMNLabel? / bpmnElement:QName isHorizontal:boolean \
 isExpanded:boolean isMarkerVisible:boolean isMessageVisible:boolean participantBandKind:top_initiating|\
middle_initiating|bottom_initiating|top_non_initiating|middle_non_initiating|bottom_non_initiating \
 choreographyActivityShape:QName
bpmndi:BPMNLabel di:Label . / / labelStyle:QName
bpmndi:BPMNLabelStyle di:Style . / dc:Font /
dc:Font - . / / name:string size:double isBold:boolean isItalic:boolean isUnderline:boolean isStrikeThrough:boolean
dc:Point - . / / x:double! y:double!
dc:Bounds - . / / x:double! y:double! width:double! height:double!
"""

_HEADS = {
    "flowElement": """adHocSubProcess boundaryEvent businessRuleTask callActivity callChoreography choreographyTask
        complexGateway dataObject dataObjectReference dataStoreReference endEvent event eventBasedGateway
        exclusiveGateway implicitThrowEvent inclusiveGateway intermediateCatchEvent intermediateThrowEvent manualTask
        parallelGateway receiveTask scriptTask sendTask sequenceFlow serviceTask startEvent subChoreography subProcess
        task transaction userTask""",
    "rootElement": """category choreography collaboration correlationProperty dataStore endPoint error escalation
        eventDefinition cancelEventDefinition compensateEventDefinition conditionalEventDefinition errorEventDefinition
        escalationEventDefinition linkEventDefinition messageEventDefinition signalEventDefinition
        terminateEventDefinition timerEventDefinition globalBusinessRuleTask globalChoreographyTask globalConversation
        globalManualTask globalScriptTask globalTask globalUserTask interface itemDefinition message partnerEntity
        partnerRole process resource signal""",
    "eventDefinition": """cancelEventDefinition compensateEventDefinition conditionalEventDefinition
        errorEventDefinition escalationEventDefinition linkEventDefinition messageEventDefinition
        signalEventDefinition terminateEventDefinition timerEventDefinition""",
    "artifact": "association group textAnnotation",
    "resourceRole": "performer humanPerformer potentialOwner",
    "loopCharacteristics": "multiInstanceLoopCharacteristics standardLoopCharacteristics",
    "expression": "formalExpression",
    "conversationNode": "callConversation conversation subConversation",
    "collaboration": "choreography globalChoreographyTask globalConversation",
    "di:DiagramElement": "bpmndi:BPMNShape bpmndi:BPMNEdge",
}
"""Substitution groups: what may stand in the place of an element."""

_ODD_NAMES = {"ioBinding": "tInputOutputBinding", "ioSpecification": "tInputOutputSpecification"}
"""Global elements whose type is not called after them."""


class _Particle(NamedTuple):
    names: dict[str, str]
    """Element key -> type, substitutions included."""
    least: int
    most: float
    shown: str


class _Type(NamedTuple):
    name: str
    base: str | None
    abstract: bool
    mixed: bool
    open: bool
    particles: tuple[_Particle, ...]
    wildcard: str
    attributes: dict[str, str]
    required: tuple[str, ...]
    simple: str = ""


_NCNAME = r"[^\W\d][\w.\-\u00b7\u0300-\u036f\u203f\u2040]*"
_CHECKS: dict[str, re.Pattern[str]] = {
    "boolean": re.compile(r"true|false|1|0"),
    "integer": re.compile(r"[+-]?\d+"),
    "double": re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|-?INF|NaN"),
    "QName": re.compile(rf"({_NCNAME}:)?{_NCNAME}"),
    "ID": re.compile(_NCNAME),
    "IDREF": re.compile(_NCNAME),
}
_NAMES = {"ID": "NCName", "IDREF": "NCName"}


@cache
def _types() -> dict[str, _Type]:
    """Reads the table above, once."""
    rows: dict[str, tuple[str, str, str, str]] = {}
    for line in _TYPES.replace("\\\n", "").strip().splitlines():
        head, content, attributes = (part.strip() for part in line.split("/"))
        name, base, flags = head.split()
        rows[name] = (base, flags, content, attributes)
    built: dict[str, _Type] = {}

    def build(name: str) -> _Type:
        if name in built:
            return built[name]
        base_name, flags, content, attributes = rows[name]
        base = build(base_name) if base_name != "-" else None
        particles = list(base.particles) if base else []
        wildcard = base.wildcard if base else ""
        for item in content.split():
            if item.startswith("##"):
                wildcard = item[2:]
            else:
                particles.append(_particle(item))
        known = dict(base.attributes) if base else {}
        required = list(base.required) if base else []
        for item in attributes.split():
            attribute, kind = item.split(":", 1)
            known[attribute] = kind.removesuffix("!")
            if kind.endswith("!"):
                required.append(attribute)
        built[name] = _Type(
            name,
            base_name if base else None,
            "a" in flags,
            "m" in flags or (base is not None and base.mixed),
            "o" in flags or (base is not None and base.open),
            tuple(particles),
            wildcard,
            known,
            tuple(required),
        )
        return built[name]

    for name in rows:
        build(name)
    for simple in ("QName", "IDREF"):
        built[simple] = _Type(simple, None, False, True, False, (), "", {}, (), simple)
    return built


_CHOICE = re.compile(r"((?:di|dc|bpmndi):)?(\w+)(?::(.+))?")


def _particle(item: str) -> _Particle:
    least, most = 1, 1.0
    if item[-1] in "?*+":
        least, most = {"?": (0, 1.0), "*": (0, float("inf")), "+": (1, float("inf"))}[item[-1]]
        item = item[:-1]
    elif item.endswith("}"):
        item, number = item[:-1].split("{")
        least, most = int(number), float("inf")
    names: dict[str, str] = {}
    shown = []
    for choice in item.split("|"):
        match = _CHOICE.fullmatch(choice)
        if match is None:
            raise ValueError(f"the table of BPMN types is wrong at '{choice}'")
        prefix, name, local_type = match.groups()
        key = (prefix or "") + name
        shown.append(key)
        names[key] = local_type or _global_type(key)
        for other in () if local_type else _HEADS.get(key, "").split():
            names[other] = _global_type(other)
    return _Particle(names, least, most, ", ".join(f'"{NAMESPACES[_prefix(key)]}":{_local(key)}' for key in shown))


def _prefix(key: str) -> str:
    return key[: key.index(":") + 1] if ":" in key else ""


def _local(key: str) -> str:
    return key.rpartition(":")[2]


def _global_type(key: str) -> str:
    return key if ":" in key else _ODD_NAMES.get(key, "t" + key[0].upper() + key[1:])


@cache
def _globals() -> dict[str, str]:
    """Global element -> type, for what stands where anything may stand."""
    types = _types()
    names = {key for kind in types.values() for particle in kind.particles for key, t in particle.names.items()}
    names |= {name[1].lower() + name[2:] for name in types if name[0] == "t"} | set(_ODD_NAMES)
    return {key: _global_type(key) for key in names if _global_type(key) in types}


def check_structure(document: Document, report: Report) -> None:
    """Reports everything in which `document` departs from the BPMN 2.0 schemas, as Camunda's validator words it."""
    root = document.root
    checker = _Checker(report)
    if root.key != "definitions":
        report(f"cvc-elt.1.a: Cannot find the declaration of element '{_qname(root)}'.", root)
        checker.lax(root)
    else:
        checker.element(root, "tDefinitions")
    checker.references(root)


def _qname(element: Element) -> str:
    prefix = PREFIXES.get(element.uri)
    shown = "bpmn:" if prefix == "" else prefix or ""
    return shown + element.name


class _Checker:
    def __init__(self, report: Report) -> None:
        self.report = report
        self.types = _types()
        self.ids: set[str] = set()
        self.idrefs: dict[str, Element] = {}

    def element(self, element: Element, type_name: str) -> None:
        kind = self.types[type_name]
        if element.qualified:
            kind = self.substituted(element, kind)
        if kind.abstract:
            self.report(
                f"cvc-type.2: The type definition cannot be abstract for element {_qname(element)}.",
                element,
            )
            return
        self.attributes(element, kind)
        if kind.simple:
            self.value(element, kind.simple, element.text.strip(), None)
            if element.children:
                self.report(
                    f"cvc-type.3.1.2: Element '{_qname(element)}' is a simple type, so it must have no element "
                    "information item [children].",
                    element,
                )
            return
        if not kind.mixed and element.text and not element.text.isspace():
            if kind.particles or kind.wildcard:
                self.report(
                    f"cvc-complex-type.2.3: Element '{_qname(element)}' cannot have character [children], because "
                    "the type's content type is element-only.",
                    element,
                )
            else:
                self.report(
                    f"cvc-complex-type.2.1: Element '{_qname(element)}' must have no character or element "
                    "information item [children], because the type's content type is empty.",
                    element,
                )
        if kind.wildcard:
            self.wild(element, kind.wildcard)
        elif kind.particles or element.children:
            self.content(element, kind)

    def substituted(self, element: Element, kind: _Type) -> _Type:
        """The type that `xsi:type` names, when it is one of ours and derived from the declared one."""
        value = element.qualified.get(f"{{{XSI_NS}}}type")
        if value is None:
            return kind
        prefix, _, name = value.strip().rpartition(":")
        short = PREFIXES.get(element.resolve(prefix or None) or "")
        found = self.types.get(short + name) if short is not None else None
        if found is None or found.simple:
            self.report(
                f"cvc-elt.4.2: Cannot resolve '{value}' to a type definition for element '{_qname(element)}'.", element
            )
            return kind
        above: str | None = found.name
        while above is not None and above != kind.name:
            above = self.types[above].base
        if above is None:
            self.report(
                f"cvc-elt.4.3: Type '{value}' is not validly derived from the type definition, '{kind.name}', of "
                f"element '{_qname(element)}'.",
                element,
            )
            return kind
        return found

    def attributes(self, element: Element, kind: _Type) -> None:
        known = kind.attributes
        for name, value in element.attributes.items():
            declared = known.get(name)
            if declared is None:
                self.refuse_attribute(element, name)
            elif declared != "string":
                self.value(element, declared, value.strip(), name)
        for name in element.qualified:
            if name.startswith(f"{{{XSI_NS}}}"):
                continue
            if not kind.open or name.startswith(f"{{{BPMN_NS}}}"):
                self.refuse_attribute(element, name.rpartition("}")[2])
        for name in kind.required:
            if name not in element.attributes:
                self.report(
                    f"cvc-complex-type.4: Attribute '{name}' must appear on element '{_qname(element)}'.", element
                )

    def refuse_attribute(self, element: Element, name: str) -> None:
        self.report(
            f"cvc-complex-type.3.2.2: Attribute '{name}' is not allowed to appear in element '{_qname(element)}'.",
            element,
        )

    def value(self, element: Element, declared: str, value: str, attribute: str | None) -> None:
        """Checks one value; `attribute` is None for an element's own text."""
        pattern = _CHECKS.get(declared)
        if pattern is None:
            if value in declared.split("|"):
                return
            choices = declared.replace("|", ", ")
            problem = (
                f"cvc-enumeration-valid: Value '{value}' is not facet-valid with respect to enumeration "
                f"'[{choices}]'. It must be a value from the enumeration."
            )
        elif pattern.fullmatch(value) is None or (
            declared == "QName" and ":" in value and element.resolve(value.partition(":")[0]) is None
        ):
            problem = (
                f"cvc-datatype-valid.1.2.1: '{value}' is not a valid value for '{_NAMES.get(declared, declared)}'."
            )
        elif declared == "ID" and value in self.ids:
            problem = f"cvc-id.2: There are multiple occurrences of ID value '{value}'."
        else:
            if declared == "ID":
                self.ids.add(value)
            elif declared == "IDREF":
                self.idrefs.setdefault(value, element)
            return
        self.report(problem, element)
        if attribute is None:
            self.report(
                f"cvc-type.3.1.3: The value '{value}' of element '{_qname(element)}' is not valid.",
                element,
            )
        else:
            self.report(
                f"cvc-attribute.3: The value '{value}' of attribute '{attribute}' on element '{_qname(element)}' is "
                f"not valid with respect to its type, '{_NAMES.get(declared, declared)}'.",
                element,
            )

    def content(self, element: Element, kind: _Type) -> None:
        particles = kind.particles
        position, count, broken = 0, 0, False
        for child in element.children:
            type_name: str | None = None
            if not broken:
                start, start_count = position, count
                while position < len(particles):
                    particle = particles[position]
                    type_name = particle.names.get(child.key)
                    if type_name is not None and count < particle.most:
                        count += 1
                        break
                    type_name = None
                    if count < particle.least:
                        break
                    position += 1
                    count = 0
                if type_name is None:
                    broken = True
                    self.misplaced(child, particles[start:], start_count)
            if broken:
                type_name = next((p.names[child.key] for p in particles if child.key in p.names), None)
                type_name = type_name or _globals().get(child.key)
            if type_name is None:
                self.lax(child)
            else:
                self.element(child, type_name)
        if not broken:
            self.incomplete(element, particles[position:], count)

    def misplaced(self, child: Element, rest: tuple[_Particle, ...], count: int) -> None:
        expected = list(_expected(rest, count))
        if expected:
            self.report(
                f"cvc-complex-type.2.4.a: Invalid content was found starting with element '{_shown(child)}'. "
                f"One of '{{{', '.join(expected)}}}' is expected.",
                child,
            )
        else:
            self.report(
                f"cvc-complex-type.2.4.d: Invalid content was found starting with element '{_shown(child)}'. "
                "No child element is expected at this point.",
                child,
            )

    def incomplete(self, element: Element, rest: tuple[_Particle, ...], count: int) -> None:
        if not any((count if n == 0 else 0) < p.least for n, p in enumerate(rest)):
            return
        self.report(
            f"cvc-complex-type.2.4.b: The content of element '{_qname(element)}' is not complete. "
            f"One of '{{{', '.join(_expected(rest, count))}}}' is expected.",
            element,
        )

    def wild(self, element: Element, wildcard: str) -> None:
        """Content where other elements may stand: `any` (one, of any namespace), `other`, `strict` (must be known)."""
        for number, child in enumerate(element.children):
            if wildcard == "any":
                if number == 1:
                    self.misplaced(child, (), 0)
            elif child.uri in ("", BPMN_NS):
                self.report(
                    f"cvc-complex-type.2.4.a: Invalid content was found starting with element '{_shown(child)}'. "
                    f"One of '{{WC[##other:\"{BPMN_NS}\"]}}' is expected.",
                    child,
                )
            elif wildcard == "strict" and child.key not in _globals():
                self.report(
                    f"cvc-complex-type.2.4.c: The matching wildcard is strict, but no declaration can be found for "
                    f"element '{_qname(child)}'.",
                    child,
                )
            self.lax(child)

    def lax(self, element: Element) -> None:
        """What the standard knows is checked, wherever it stands; the rest is free."""
        type_name = _globals().get(element.key)
        if type_name is not None:
            self.element(element, type_name)
            return
        for child in element.children:
            self.lax(child)

    def references(self, root: Element) -> None:
        for reference in self.idrefs:
            if reference not in self.ids:
                self.report(f"cvc-id.1: There is no ID/IDREF binding for IDREF '{reference}'.", root.end())


def _expected(rest: tuple[_Particle, ...], count: int) -> Iterator[str]:
    for number, particle in enumerate(rest):
        seen = count if number == 0 else 0
        if seen < particle.most:
            yield particle.shown
        if seen < particle.least:
            return


def _shown(element: Element) -> str:
    return f'{{"{element.uri}":{element.name}}}' if element.uri else element.name
