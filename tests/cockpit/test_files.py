"""How the cockpit is served: headers, caching, redirects, and what is said when it has not been built."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest

from penstock.api.cockpit import files
from penstock.api.http import Request
from support.processes import Server


@pytest.fixture(scope="module")
def client(empty: Server) -> Iterator[httpx.Client]:
    """Asks outside `/engine-rest` and follows nothing."""
    with httpx.Client(base_url=empty.url, timeout=60) as outside:
        yield outside


def _assets() -> list[str]:
    return sorted(f"/assets/{path.name}" for path in (files.STATIC / "assets").iterdir())


def test_the_page_may_load_only_from_here_and_be_embedded_nowhere(client: httpx.Client) -> None:
    answer = client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "*" not in policy and "data:" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "same-origin"
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_assets_are_kept_for_ever(client: httpx.Client) -> None:
    for path in _assets():
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"].split(";")[0] in ("text/javascript", "text/css")


def test_head_has_no_body_and_other_methods_are_refused(client: httpx.Client) -> None:
    answer = client.head(_assets()[0])
    assert answer.status_code == 200 and answer.content == b"" and int(answer.headers["content-length"]) > 1_000
    assert client.post("/").status_code == 405


@pytest.mark.parametrize(
    "path",
    [
        "/assets/",
        "/assets",
        "/assets/none.js",
        "/files.py",
        "/.built-from",
        "/..%2ffiles.py",
        "/assets/..%2findex.html",
    ],
)
def test_nothing_else_is_served(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/cockpit/default/", "/"),
        ("/app/cockpit/default/", "/"),
        ("/camunda/app/cockpit/default/", "/"),
        ("/cockpit", "/"),
        ("/app/tasklist/default/?x=1", "/#/tasks"),
        ("/camunda/app/welcome/default", "/"),
        ("/admin/default/", "/"),
    ],
)
def test_addresses_of_camundas_web_applications_lead_here(client: httpx.Client, path: str, to: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert client.base_url.join(path).join(answer.headers["location"]) == client.base_url.join(to)


def test_without_built_files_the_page_says_how_to_build_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "STATIC", tmp_path)
    answer = files.start(cast(Request, None))
    assert answer.status == 200 and b"make cockpit" in answer.body
    assert files.find("assets/index.js") is None


def test_licences_of_what_is_built_in_are_served(client: httpx.Client) -> None:
    text = client.get("/licenses.md").text
    for name in ("preact", "bpmn-js", "diagram-js"):
        assert name in text


def test_the_lock_file_names_no_registry() -> None:
    root = Path(__file__).resolve().parents[2]
    assert "resolved" not in (root / "cockpit" / "package-lock.json").read_text(encoding="utf-8")
