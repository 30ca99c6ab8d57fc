"""The machine: Python, versions, files, the disk, the port."""

import os
import platform
import shutil
import socket
import statistics
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from time import perf_counter

from penstock import __version__
from penstock.cli.checks.finding import Found, failed, ok, warning

PYTHON_MIN = (3, 11)
OPEN_FILES_MIN = 4_096
"""A connection is a file: thousands of workers may wait at once."""

FREE_BYTES_MIN = 1024**3
FREE_BYTES_LEAST = 100 * 1024**2
SYNCS = 20
SYNC_SLOW_MS = 20.0
SYNC_IMPOSSIBLE_MS = 0.02
"""No disk is as quick as that: it says that it has written and has not."""

PACKAGES = ("msgspec", "apsw", "asyncpg", "uvicorn", "uvloop", "httptools", "lxml", "quickjs-ng", "google-re2")


def machine() -> Iterator[Found]:
    """Python, packages, open files."""
    yield _python()
    yield ok("versions", f"penstock {__version__}; " + ", ".join(f"{name} {_version(name)}" for name in PACKAGES))
    yield _open_files()


def _python() -> Found:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} CPUs"
    if sys.version_info < PYTHON_MIN:
        return failed("python", text, "install Python 3.11 or newer")
    flags = f"{sysconfig.get_config_var('CONFIG_ARGS')} {sysconfig.get_config_var('PY_CFLAGS')}"
    if "--enable-optimizations" not in flags and " -O2" not in flags and " -O3" not in flags:
        return warning(
            "python", f"{text}, compiled without optimisation", "use your distribution's Python: it is twice as fast"
        )
    return ok("python", text)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(missing)"


def _open_files() -> Found:
    try:
        import resource
    except ImportError:
        return ok("open files", "this system states no limit")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES_MIN:
        return warning(
            "open files",
            f"at most {soft} files and connections per process (hard limit {hard})",
            f"raise it where the server is started: ulimit -n 65536, or LimitNOFILE=65536 (at least {OPEN_FILES_MIN})",
        )
    return ok("open files", f"at most {soft} files and connections per process")


def port(host: str, number: int, servers: int) -> Found:
    """Whether a server can listen. `servers`: how many use the store."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, number))
        except OSError as error:
            if servers:
                return ok("port", f"{host}:{number} is in use, and a server runs")
            return failed("port", f"{host}:{number}: {error.strerror}", "choose another port: penstock up --port …")
    return ok("port", f"{host}:{number} is free")


def disk(folder: Path) -> Iterator[Found]:
    """Space, and what a commit has to wait for."""
    free = shutil.disk_usage(folder).free
    text = f"{free / 1024**3:.1f} GB free in {folder}"
    if free < FREE_BYTES_LEAST:
        yield failed("disk space", text, "make room: a server that cannot write stops taking work")
    elif free < FREE_BYTES_MIN:
        yield warning("disk space", text, "make room, or shorten the history's time to live")
    else:
        yield ok("disk space", text)
    try:
        yield _synced(sync_ms(folder))
    except OSError as error:
        yield failed("disk", f"{folder} cannot be written to: {error.strerror}", "check its owner and mount options")


def sync_ms(folder: Path) -> list[float]:
    """How long it takes until 4 kB are on the disk, several times."""
    sync = getattr(os, "fdatasync", os.fsync)
    found = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".penstock-doctor-", buffering=0) as file:
        for _ in range(SYNCS):
            began_s = perf_counter()
            file.write(b"\0" * 4_096)
            sync(file.fileno())
            found.append((perf_counter() - began_s) * 1_000)
    return found


def _synced(times_ms: list[float]) -> Found:
    middle, worst = statistics.median(times_ms), max(times_ms)
    text = f"4 kB are on the disk after {middle:.2f} ms (median of {len(times_ms)}; worst {worst:.1f} ms)"
    if middle > SYNC_SLOW_MS:
        return warning("disk", text, "every commit waits that long: use a local disk, no network share")
    if middle < SYNC_IMPOSSIBLE_MS:
        return warning("disk", text, "that is memory, or a disk that ignores fsync: a power cut loses data")
    return ok("disk", text)
