"""CPU time of processes and of the machine, from `/proc` (Linux)."""

import os
from pathlib import Path

_PROC = Path("/proc")


def has_proc() -> bool:
    """Whether this machine tells."""
    return (_PROC / "stat").exists()


def _ticks_s() -> float:
    return 1 / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str] | None:
    """Fields of `/proc/<pid>/stat` from the state on (field 3 of proc(5)); None when the process is gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2 :].split()


def tree(root: int) -> list[int]:
    """The process and all that descend from it, as far as they live."""
    parents: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            stat = _stat(int(entry.name))
            if stat is not None:
                parents[int(entry.name)] = int(stat[1])
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def cpu_s(root: int) -> float:
    """User and system time of a process tree, children that have ended included."""
    total = 0
    for pid in tree(root):
        stat = _stat(pid)
        if stat is not None:
            total += sum(map(int, stat[11:15]))
    return total * _ticks_s()


def busy_s() -> float:
    """Time that all processors of the machine have worked (not idle, not waiting for disks)."""
    fields = [int(field) for field in (_PROC / "stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) * _ticks_s()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def listener(port: int) -> int | None:
    """The process that listens on a TCP port of this machine; None when there is none, or it may not be known."""
    inodes = set()
    for name in ("tcp", "tcp6"):
        try:
            lines = (_PROC / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    pids = []
    for entry in _PROC.iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if any(_link(file) in inodes for file in (entry / "fd").iterdir()):
                pids.append(int(entry.name))
        except OSError:
            continue
    # Children inherit the socket; the oldest is their parent.
    return min(pids, default=None)


def _link(file: Path) -> str | None:
    try:
        return str(file.readlink())
    except OSError:
        return None
