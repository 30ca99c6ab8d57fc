"""Addresses of stores."""

from pathlib import Path

import pytest

from penstock.base.clock import SystemClock
from penstock.base.errors import StoreFailed
from penstock.store import open_store


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("sqlite:///a%20b.db", "sqlite"),
        ("sqlite:////tmp/a.db", "sqlite"),
        ("postgresql://u:p@h:1/d", "postgresql"),
        ("postgres:///d", "postgresql"),
        ("memory://", "memory"),
    ],
)
def test_schemes(url: str, name: str) -> None:
    assert open_store(url, SystemClock()).name == name


async def test_a_relative_path_is_relative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///a%20b.db", SystemClock())
    await store.open()
    await store.close()
    assert (tmp_path / "a b.db").exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://x/y", "there is no store for 'mysql://x/y'"),
        ("penstock.db", "use sqlite:///"),
        ("", "use sqlite:///"),
        ("sqlite://penstock.db", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///a.db?mode=ro", "names no file"),
        ("sqlite:///:memory:", "write memory://"),
    ],
)
def test_other_addresses_are_refused(url: str, says: str) -> None:
    with pytest.raises(StoreFailed, match=says):
        open_store(url, SystemClock())
