import os
import socket
import subprocess
import sys
import time

import pytest

from penstock.bench import machine

pytestmark = pytest.mark.skipif(not machine.has_proc(), reason="this machine has no /proc")


def test_work_of_children_counts_while_they_live_and_after() -> None:
    burn = "import sys, time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint('done')\n"
    before = machine.cpu_s(os.getpid())
    with subprocess.Popen([sys.executable, "-c", burn + "input()"], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in machine.tree(os.getpid())
        assert machine.cpu_s(os.getpid()) - before >= 0.15
        child.communicate("\n")
    assert machine.cpu_s(os.getpid()) - before >= 0.15


def test_the_machine_is_at_least_as_busy_as_we_are() -> None:
    before, own = machine.busy_s(), time.process_time()
    while time.process_time() - own < 0.2:
        pass
    assert machine.busy_s() - before >= 0.1


def test_who_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert machine.listener(port) == os.getpid()
    assert machine.listener(port) is None
