from pathlib import Path

import pytest

from penstock.cli.settings import BadSettings, File, ServerSettings, load_delegates, node_settings, read_file
from penstock.runtime.protocol import Settings


def _file(folder: Path, text: str) -> Path:
    path = folder / "penstock.toml"
    path.write_text(text)
    return path


def test_options_and_settings_of_the_node(tmp_path: Path) -> None:
    path = _file(tmp_path, '[server]\nport = 1234\nno_jobs = true\ndefault_retries = 5\n[delegates]\n"a.B" = "m:f"\n')
    file = read_file(path)
    assert file.options == {"port": 1234, "no_jobs": True}
    assert file.delegates == {"a.B": "m:f"}
    assert node_settings(file, {}, execute_jobs=True, profile=None).default_retries == 5


def test_no_file_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read_file(None) == File()
    assert node_settings(File(), {}, execute_jobs=True, profile=None) == Settings()


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = read_file(_file(tmp_path, "[server]\ndefault_retries = 5\n"))
    environment = {"PENSTOCK_DEFAULT_RETRIES": "7", "PENSTOCK_HISTORY_TIME_TO_LIVE_DAYS": "none"}
    found = node_settings(file, environment, execute_jobs=True, profile=None)
    assert (found.default_retries, found.history_time_to_live_days) == (7, None)


def test_conformance_executes_no_jobs() -> None:
    found = node_settings(File(), {}, execute_jobs=True, profile="conformance")
    assert (found.execute_jobs, found.profile) == (False, "conformance")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[server]\nprot = 1\n", r"unknown setting server\.prot"),
        ("[serve]\n", "unknown setting serve"),
        ("server = 1\n", r"server must be a section"),
        ("[server\n", "is no TOML"),
        ("[delegates]\nx = 1\n", r'delegates\."x" must be a text'),
    ],
)
def test_a_bad_file_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(BadSettings, match=why):
        read_file(_file(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="No such file"):
        read_file(tmp_path / "nothing.toml")


@pytest.mark.parametrize("value", ['"many"', "1.5", "-1", "true"])
def test_a_bad_value_names_its_setting(tmp_path: Path, value: str) -> None:
    file = read_file(_file(tmp_path, f"[server]\ndefault_retries = {value}\n"))
    with pytest.raises(BadSettings, match=r"server\.default_retries"):
        node_settings(file, {}, execute_jobs=True, profile=None)


def test_an_unknown_profile_is_refused() -> None:
    with pytest.raises(BadSettings, match="conformance"):
        node_settings(File(), {}, execute_jobs=True, profile="fast")


def _with(delegates: dict[str, str], folder: Path) -> ServerSettings:
    return ServerSettings(
        host="", port=0, store="memory://", processes=1, log_format="human", log_level="info", node=Settings(),
        delegates=delegates, delegates_folder=str(folder),
    )  # fmt: skip


def test_delegates_are_imported_from_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    (tmp_path / "my_delegates_1.py").write_text("def ship(scope):\n    return 'shipped'\n")
    found = load_delegates(_with({"com.example.Ship": "my_delegates_1:ship"}, tmp_path))
    assert found["com.example.Ship"](None) == "shipped"


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("nothing_there:f", "No module named"),
        ("json:nothing", "nothing"),
        ("json", "write"),
        ("json:__doc__", "callable"),
    ],
)
def test_bad_delegates_are_named(tmp_path: Path, target: str, why: str) -> None:
    with pytest.raises(BadSettings, match=rf'delegates\."x".*{why}'):
        load_delegates(_with({"x": target}, tmp_path))
