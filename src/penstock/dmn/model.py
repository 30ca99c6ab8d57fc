"""A DMN file as records: what is written in it, and nothing more (DMN 1.5 chapters 6 to 8 and 10.2)."""

import enum
from collections.abc import Mapping

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Any part of a model. `id` is empty where none is written; `line` starts at 1."""

    id: str = ""
    line: int = 0


class Variable(Record, frozen=True, kw_only=True):
    """A typed name: an input, a result, a parameter, a context entry."""

    name: str
    type_ref: str = ""


class Boxed(Record, frozen=True, kw_only=True):
    """A boxed expression."""

    type_ref: str = ""


class Literal(Boxed, frozen=True, kw_only=True):
    """A text in an expression language. `language` is empty where the file's default holds."""

    text: str = ""
    language: str = ""


class Entry(Record, frozen=True, kw_only=True):
    """An entry of a context; the result, when it has no variable."""

    variable: Variable | None
    value: Boxed | None


class Context(Boxed, frozen=True, kw_only=True):
    entries: tuple[Entry, ...]


class Items(Boxed, frozen=True, kw_only=True):
    """A boxed list."""

    items: tuple[Boxed, ...]


class Relation(Boxed, frozen=True, kw_only=True):
    columns: tuple[Variable, ...]
    rows: tuple[tuple[Boxed | None, ...], ...]


class FunctionKind(enum.Enum):
    """What a function is written in."""

    FEEL = "FEEL"
    JAVA = "Java"
    PMML = "PMML"


class FunctionBox(Boxed, frozen=True, kw_only=True):
    kind: FunctionKind = FunctionKind.FEEL
    parameters: tuple[Variable, ...] = ()
    body: Boxed | None = None


class Binding(Record, frozen=True, kw_only=True):
    parameter: Variable
    value: Boxed | None


class Invocation(Boxed, frozen=True, kw_only=True):
    function: Boxed | None
    bindings: tuple[Binding, ...]


class Conditional(Boxed, frozen=True, kw_only=True):
    condition: Boxed | None
    yes: Boxed | None
    no: Boxed | None


class Loop(enum.Enum):
    """What a boxed iteration makes of its rounds."""

    FOR = "for"
    SOME = "some"
    EVERY = "every"


class Iteration(Boxed, frozen=True, kw_only=True):
    loop: Loop
    name: str
    domain: Boxed | None
    body: Boxed | None


class FilterBox(Boxed, frozen=True, kw_only=True):
    base: Boxed | None
    match: Boxed | None


class HitPolicy(enum.Enum):
    """Which rules of a decision table count (§8.2.8)."""

    UNIQUE = "UNIQUE"
    FIRST = "FIRST"
    PRIORITY = "PRIORITY"
    ANY = "ANY"
    COLLECT = "COLLECT"
    RULE_ORDER = "RULE ORDER"
    OUTPUT_ORDER = "OUTPUT ORDER"


class Aggregation(enum.Enum):
    """What COLLECT makes of the results."""

    SUM = "SUM"
    COUNT = "COUNT"
    MIN = "MIN"
    MAX = "MAX"


class InputClause(Record, frozen=True, kw_only=True):
    """`variable` is Camunda's `camunda:inputVariable`, the name of the value in its cells."""

    expression: Literal
    label: str = ""
    allowed: str = ""
    variable: str = ""


class OutputClause(Record, frozen=True, kw_only=True):
    name: str = ""
    label: str = ""
    type_ref: str = ""
    allowed: str = ""
    default: Literal | None = None


class Rule(Record, frozen=True, kw_only=True):
    tests: tuple[Literal, ...]
    outputs: tuple[Literal, ...]


class Table(Boxed, frozen=True, kw_only=True):
    hit_policy: HitPolicy
    aggregation: Aggregation | None
    inputs: tuple[InputClause, ...]
    outputs: tuple[OutputClause, ...]
    rules: tuple[Rule, ...]


class ItemDefinition(Record, frozen=True, kw_only=True):
    """A type: another one with constraints, a context of components, or a function."""

    name: str
    type_ref: str = ""
    is_collection: bool = False
    allowed: str = ""
    constraint: str = ""
    components: tuple["ItemDefinition", ...] = ()
    function: "FunctionItem | None" = None


class FunctionItem(Record, frozen=True, kw_only=True):
    parameters: tuple[Variable, ...]
    result_ref: str = ""


class Node(Record, frozen=True, kw_only=True):
    """An element of the decision requirements graph. `variable` is what others call it."""

    name: str
    variable: Variable


class InputData(Node, frozen=True, kw_only=True):
    pass


class Decision(Node, frozen=True, kw_only=True):
    """`requires`: references to inputs and decisions; `knowledge`: to BKMs and decision services. The last two fields
    are Camunda's."""

    requires: tuple[str, ...] = ()
    knowledge: tuple[str, ...] = ()
    logic: Boxed | None = None
    version_tag: str | None = None
    history_ttl: str | None = None


class Knowledge(Node, frozen=True, kw_only=True):
    """A business knowledge model."""

    function: FunctionBox | None
    knowledge: tuple[str, ...] = ()


class Service(Node, frozen=True, kw_only=True):
    """A decision service, by references."""

    outputs: tuple[str, ...] = ()
    encapsulated: tuple[str, ...] = ()
    input_decisions: tuple[str, ...] = ()
    input_data: tuple[str, ...] = ()


class Import(Record, frozen=True, kw_only=True):
    name: str
    namespace: str


class Definitions(Record, frozen=True, kw_only=True):
    """A whole file. `nodes` are by id, in the order of the file; `language` is its default expression language."""

    name: str
    namespace: str
    language: str = ""
    imports: tuple[Import, ...] = ()
    items: tuple[ItemDefinition, ...] = ()
    nodes: Mapping[str, Node] = {}
    prefixes: Mapping[str, str] = {}
