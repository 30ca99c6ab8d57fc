"""Each module of `penstock.bpmn.elements` has a folder here, with a model and a test."""

import pkgutil
from pathlib import Path

from penstock.bpmn import elements

HERE = Path(__file__).parent


def test_each_module_has_a_folder_and_each_folder_a_module() -> None:
    modules = {info.name for info in pkgutil.iter_modules(elements.__path__)}
    folders = {path.name for path in HERE.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders == modules
    for name in modules:
        assert (HERE / name / f"test_{name}.py").is_file()
        assert list((HERE / name).glob("*.bpmn"))


def test_every_model_is_used() -> None:
    for path in HERE.glob("*/*.bpmn"):
        text = (path.parent / f"test_{path.parent.name}.py").read_text(encoding="utf-8")
        assert f'"{path.stem}"' in text, f"nobody uses {path.relative_to(HERE)}"
