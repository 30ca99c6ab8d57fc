"""What `[[service]]` may say."""

import tomllib
from pathlib import Path

import pytest

from penstock.runtime.services.config import BadServices, Ownership, read, read_services


def _read(text: str) -> object:
    return read_services(tomllib.loads(text), "penstock.toml")


def test_a_key_belongs_to_whom_it_names_before_whose_pattern_fits() -> None:
    text = """
        [[service]]
        name = "refunds"
        definitions = ["refund-*", "*.daily"]
        [[service]]
        name = "payments"
        definitions = ["payment", "refund-card"]
    """
    ownership = Ownership(read_services(tomllib.loads(text), "f"))
    owners = {
        key: owner.name if (owner := ownership.of(key)) is not None else None
        for key in ("payment", "payments", "refund-card", "refund-cash", "refund-", "refund", "x.daily", "xadaily", "")
    }
    assert owners == {
        "payment": "payments",
        "payments": None,
        "refund-card": "payments",
        "refund-cash": "refunds",
        "refund-": "refunds",
        "refund": None,
        "x.daily": "refunds",
        "xadaily": None,
        "": None,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[service]\nname = "a"', "two brackets"),
        ('[[service]]\nname = "a"', "definitions"),
        ('[[service]]\nname = "a"\ndefinitions = []', "definitions is empty"),
        ('[[service]]\nname = "a b"\ndefinitions = ["p"]', "names have letters"),
        ('[[service]]\nname = "a"\ndefinitions = ["p?"]', "'p?'"),
        ('[[service]]\nname = "a"\ndefinitions = ["p"]\nstarts_per_minute = 3', "starts_per_second"),
        ('[[service]]\nname = "a"\ndefinitions = ["p"]\nstarts_per_second = 0', "starts_per_second is 0"),
        ('[[service]]\nname = "a"\ndefinitions = ["p"]\nmax_running_instances = -1', "max_running_instances is -1"),
        ('[[service]]\nname = "a"\ndefinitions = ["p"]\nmax_running_instances = "many"', "number 1"),
        ('[[service]]\nname = "a"\ndefinitions = ["p"]\nmax_open_tasks = 5', "topics"),
        (
            '[[service]]\nname = "a"\ndefinitions = ["p"]\n[[service]]\nname = "a"\ndefinitions = ["q"]',
            "second service",
        ),
        (
            '[[service]]\nname = "a"\ndefinitions = ["p"]\n[[service]]\nname = "b"\ndefinitions = ["p"]',
            "of 'a' and of 'b'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(BadServices) as refused:
        _read(text)
    assert says in refused.value.message
    assert "penstock.toml" in refused.value.message


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadServices, match="there is no"):
        read(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("[[service")
    with pytest.raises(BadServices, match="no TOML"):
        read(tmp_path / "bad.toml")
