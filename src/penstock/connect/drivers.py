"""Packages that only some connectors need: installed with an extra of Penstock, imported when they are first used."""

from penstock.base.errors import ConnectorRefused


def missing(what: str, error: ModuleNotFoundError, driver: str | None, extra: str | None) -> Exception:
    """What to say when a module cannot be imported: which extra brings it."""
    if driver is None or (error.name or "").split(".")[0] != driver:
        return error
    return ConnectorRefused(f"{what} needs the package {driver}: pip install 'penstock[{extra}]'")
