"""Writes the pages of `docs/` that say what exists, from what exists; `--check` only compares.

    python docs/generate.py            writes
    python docs/generate.py --check    names the pages that are not up to date; exit status 1 if there are any

`tests/docs` runs the check. Every page is a function of the code without arguments, in `PAGES`.
"""

import ast
import importlib
import inspect
import pkgutil
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import bpmn_svg
import msgspec
import typer

import penstock
from penstock.bpmn import elements, triggers
from penstock.cli.application import app
from penstock.cli.settings import NODE_SETTINGS
from penstock.engine import events, state
from penstock.runtime.protocol import Settings
from penstock.runtime.telemetry.catalogue import METRICS, Metric

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
NOTICE = "<!-- Written by docs/generate.py: change the code, then `make docs`. -->"


def main() -> None:
    """Writes, or with `--check` compares."""
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        sys.exit(f"{__doc__}")
    stale = outdated()
    if check and stale:
        sys.exit(f"Not up to date: {', '.join(stale)}. Run `make docs`.")
    if not check:
        for name in stale:
            page = DOCS / name
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote docs/{name}")


def outdated() -> list[str]:
    """Names of the pages, below `docs/`, that are missing or are not what the code gives."""
    return [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).is_file() or (DOCS / name).read_text(encoding="utf-8") != page()
    ]


# --- the pages -------------------------------------------------------------------------------------------------------


def settings() -> str:
    """Everything that can be set, where, and what it is otherwise."""
    up = next(command for path, command in _commands() if path == "penstock up")
    options = [
        (f"`{_longest(option)}`", f"`{option.name}`", _code(option.envvar), _code(_default(option)), option.help or "")
        for option in up.params
        if option.name not in ("help", "config")
    ]
    documented = _attribute_docs(Settings)
    defaults = {field.name: field.default for field in msgspec.structs.fields(Settings)}
    node = [
        (f"`{name}`", f"`PENSTOCK_{name.upper()}`", _code(defaults[name]), documented.get(name, ""))
        for name in NODE_SETTINGS
    ]
    return _page(
        "Settings",
        "The command line wins over the environment, the environment over the file, the file over the default.\n\n"
        "The file is `penstock.toml` in the working folder, or what `--config` (`PENSTOCK_CONFIG`) names. Its section "
        "`[server]` takes the names below; its section `[delegates]` maps a name that models use "
        "(`camunda:class`, `camunda:delegateExpression`, `bean.method`) to a Python callable, `module:callable`. Its "
        "sections `[connections.*]`, `[[bridge]]` and `[topic.*]` are described in "
        "[Join a broker](../howto/bridges.md).",
        _section("Server", _table(("option", "in `[server]`", "environment", "default", "meaning"), options)),
        _section(
            "Bounds and times of a node",
            "A name says its unit. Exceeding a bound is a clear error, never a crash.\n\n"
            + _table(("in `[server]`", "environment", "default", "meaning"), node),
        ),
    )


def cli() -> str:
    """Every command with its arguments and options."""
    sections = []
    for path, command in _commands():
        usage = " ".join([path, *(_argument(param) for param in command.params if _is_argument(param)), "[options]"])
        rows = [
            (_code(", ".join(param.opts)) if not _is_argument(param) else f"`{_argument(param)}`", *_explained(param))
            for param in command.params
            if param.name != "help"
        ]
        body = f"```text\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}"
        sections.append(_section(f"`{path}`", body, _table(("", "meaning", "environment", "default"), rows)))
    return _page(
        "Command line",
        "`penstock --help` and `penstock COMMAND --help` say the same. Exit status: 0 done, 1 refused or failed, 2 wrong usage.",
        *sections,
    )


def element_tables() -> str:
    """Elements and event kinds that the engine knows, from its tables."""
    found = [(f"`{name}`", _first(type(kind).__doc__), _source(kind)) for name, kind in sorted(elements.TABLE.items())]
    positions = ("start", "catch", "boundary", "throw_name", "end")
    kinds = [
        (
            f"{kind.value}",
            *("yes" if getattr(what, position) else "" for position in positions),
            _first(type(what).__doc__),
        )
        for kind, what in sorted(triggers.TABLE.items(), key=lambda item: item[0].value)
    ]
    notes = [f"- {note}" for package in (elements, triggers) for note in _deviation_notes(package)]
    return _page(
        "Elements",
        "What a model may contain. Whatever Camunda 7 refuses to deploy is refused with its message; what is deployed but "
        "cannot run as it stands is named in a warning of the deployment.",
        _section("Flow nodes", _table(("element", "what it does", "where it is specified"), found)),
        _section(
            "Events",
            "Positions know nothing of kinds, so a kind works the same in each position that the standard gives it.\n\n"
            + _table(("kind", "start", "catch", "boundary", "throw", "end", "note"), kinds),
        ),
        _section("Where Camunda 7 differs from the standard, and we follow Camunda", "\n".join(notes)),
    )


def lifecycle() -> str:
    """States and events of an instance."""
    happened = [
        (f"`{event.__name__}`", str(event.__struct_config__.tag), _joined(event.__doc__))
        for event in sorted(_event_classes(), key=lambda event: event.__struct_config__.tag)
    ]
    return _page(
        "Lifecycle of an instance",
        "A process instance is a tree of executions. Events alone change it (`engine/apply.py`), so replaying them gives "
        "the same state again; the history that clients read is projected from the same events.",
        _section("What a node of the tree is", _enum(events.ExecutionKind)),
        _section("Where an execution stands", _enum(state.Phase)),
        _section("How an instance ends up", ", ".join(f"`{member.value}`" for member in events.InstanceState) + "."),
        _section("Events", _table(("event", "tag", "what has happened"), happened)),
    )


def refused() -> str:
    """Calls of the REST API that answer 501, from the code that says so."""
    rows = [(f"`{place}`", text) for place, text in sorted(_unsupported())]
    return _page(
        "Not supported",
        "These parts of Camunda 7's REST API answer 501 with the error type `NotImplemented`; the rest of Camunda's paths "
        "that are not served answer 404. Deliberate differences are in [deviations](deviations.md).",
        _table(("resource", "what is refused"), rows),
    )


def metrics() -> str:
    """What `/metrics` shows, from the table that it is made of."""
    rows = [
        (f"`{metric.name}`", metric.kind.value, _labels(metric), "store" if metric.shared else "node", metric.help)
        for metric in METRICS
    ]
    return _page(
        "Metrics",
        "`GET /metrics` on every node, in Prometheus' text format, or OpenMetrics for those who accept it. What a *node* "
        "counts begins at 0 when it starts: add the nodes up. What comes from the *store* is the same on every node (take "
        "the maximum) and at most a few seconds old; counting a large backlog takes a node at most 5 % of its time. "
        "Histograms have `_bucket`, `_sum` and `_count`. On Linux Prometheus' usual `process_` metrics of memory, CPU time "
        "and open files are there too. [How to watch a server](../howto/observe.md) says which of them to begin with.",
        _table(("metric", "type", "labels", "of", "meaning"), rows),
    )


def _labels(metric: Metric) -> str:
    return ", ".join(f"`{name}`" for name in metric.labels)


def picture(model: str) -> Callable[[], str]:
    """What draws a model, given by its path below the top folder, from the diagram in it."""
    return lambda: bpmn_svg.draw((ROOT / model).read_bytes())


PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings,
    "reference/cli.md": cli,
    "reference/elements.md": element_tables,
    "reference/lifecycle.md": lifecycle,
    "reference/refused.md": refused,
    "reference/metrics.md": metrics,
    "images/order.svg": picture("examples/order/order.bpmn"),
    "images/kyc.svg": picture("examples/kyc/kyc.bpmn"),
    "images/provisioning.svg": picture("examples/telecom/provisioning.bpmn"),
    "images/line-test.svg": picture("examples/telecom/line-test.bpmn"),
    "images/expense.svg": picture("docs/tutorial/expense.bpmn"),
}


# --- reading the code ------------------------------------------------------------------------------------------------


def _commands() -> Iterator[tuple[str, Any]]:
    def below(path: str, command: Any) -> Iterator[tuple[str, Any]]:
        if not hasattr(command, "commands"):
            yield path, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(f"{path} {name}", inner)

    return below("penstock", typer.main.get_command(app))


def _is_argument(param: Any) -> bool:
    return bool(param.param_type_name == "argument")


def _argument(param: Any) -> str:
    name = f"{(param.metavar or param.name).upper().strip('[]')}{' …' if param.nargs == -1 else ''}"
    return name if param.required else f"[{name}]"


def _longest(option: Any) -> str:
    return max(option.opts, key=len)


def _default(option: Any) -> Any:
    value = option.default() if callable(option.default) else option.default
    return None if value in ([], ()) else value


def _explained(param: Any) -> tuple[str, str, str]:
    return (getattr(param, "help", None) or "", _code(getattr(param, "envvar", None)), _code(_default(param)))


def _attribute_docs(kind: type) -> dict[str, str]:
    """The text below each attribute of a class, in one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for before, node in zip(tree.body, tree.body[1:], strict=False):
        target = before.target if isinstance(before, ast.AnnAssign) else _only_target(before)
        text = node.value if isinstance(node, ast.Expr) else None
        if isinstance(target, ast.Name) and isinstance(text, ast.Constant) and isinstance(text.value, str):
            found[target.id] = _joined(text.value)
    return found


def _only_target(node: ast.stmt) -> ast.expr | None:
    return node.targets[0] if isinstance(node, ast.Assign) else None


def _enum(kind: Any) -> str:
    documented = _attribute_docs(kind)
    return _table(("state", "meaning"), [(member.name, documented.get(member.name, "")) for member in kind])


def _event_classes() -> Iterator[Any]:
    for value in vars(events).values():
        if inspect.isclass(value) and issubclass(value, events.Event) and value is not events.Event:
            yield value


def _source(kind: Any) -> str:
    """What the module's docstring says in brackets first: the standard's section."""
    text = _joined(sys.modules[type(kind).__module__].__doc__)
    opening = text.find("(")
    return text[opening + 1 : text.find(")", opening)] if opening >= 0 else ""


def _deviation_notes(package: ModuleType) -> Iterator[str]:
    for info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        for paragraph in (module.__doc__ or "").split("\n\n"):
            if paragraph.startswith("Deviation"):
                yield f"`{info.name}`: {_joined(paragraph)}"


def _unsupported() -> Iterator[tuple[str, str]]:
    """Package of `penstock.api` and what it refuses with `problems.unsupported`."""
    folder = Path(penstock.__path__[0]) / "api"
    for path in sorted(folder.rglob("*.py")):
        module = ".".join(("penstock", *path.relative_to(folder.parent).with_suffix("").parts))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "unsupported":
                yield path.relative_to(folder).parts[0].removesuffix(".py"), _text_of(node.args[0], module)


def _text_of(argument: ast.expr, module: str) -> str:
    if isinstance(argument, ast.Constant):
        return str(argument.value)
    if isinstance(argument, ast.Name):
        return str(getattr(importlib.import_module(module), argument.id))
    raise ValueError(f"{module}:{argument.lineno}: say what is unsupported as a text or by a name of the module")


# --- Markdown --------------------------------------------------------------------------------------------------------


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((NOTICE, f"# {title}", *parts)) + "\n"


def _section(title: str, *parts: str) -> str:
    return "\n\n".join((f"## {title}", *filter(None, parts)))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [_row(head), _row(["---"] * len(head)), *(_row([_cell(text) for text in row]) for row in rows)]
    return "\n".join(lines) if len(lines) > 2 else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return _joined(text).replace("|", "\\|")


def _code(value: Any) -> str:
    return "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _joined(text: str | None) -> str:
    return " ".join((text or "").split())


def _first(text: str | None) -> str:
    """The first paragraph, in one line."""
    return _joined((text or "").strip().split("\n\n")[0])


if __name__ == "__main__":
    main()
