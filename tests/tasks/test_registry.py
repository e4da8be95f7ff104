"""Strategies found by file: the good ones work, a bad one is refused alone with its reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from domain.errors import InputError
from tasks import registry

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '''
from dataclasses import dataclass
from typing import Annotated
import numpy as np
from domain.strategy import Bars, Search, Series, Strategy

@dataclass(frozen=True)
class {name}(Strategy):
    """Hold the asset above a price. More is said below."""

    level: Annotated[float, Search(1, 100)] = 10

    def target(self, bars: Bars) -> Series:
        return np.where(bars.close > self.level, 1.0, 0.0)
'''

BAD = {
    "syntax_error": ("def broken(:\n", r"SyntaxError: .* \(line 1\)"),
    "null_byte": ("x = 1\0", "SyntaxError: "),
    "import_error": ("import no_such_module_anywhere\n", "ModuleNotFoundError: No module named 'no_such_module_anywhere'"),
    "raises": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "leaves": ("import sys; sys.exit(3)\n", "SystemExit: 3"),
    "no_class": ("x = 1\n", "one class derived from Strategy is needed, found none"),
    "imported_class": ("from domain.strategy import Strategy\n", "one class derived from Strategy is needed, found none"),
    "two_classes": (GOOD.format(name="One") + GOOD.format(name="Two"), "is needed, found One, Two"),
    "not_frozen": (GOOD.format(name="Loose").replace("(frozen=True)", ""), "cannot inherit non-frozen dataclass from a frozen one"),
    "not_decorated": (GOOD.format(name="Plain").replace("@dataclass(frozen=True)", ""), "decorated with @dataclass"),
    "no_target": (GOOD.format(name="Aimless").replace("def target", "def goal"), "must define target"),
    "target_and_orders": (
        GOOD.format(name="Torn") + "\n    def on_bars(self, view):\n        return []\n",
        "class Torn defines target and on_bars: nobody would ask for its targets, remove one",
    ),
    "no_default": (GOOD.format(name="Bare").replace(" = 10", ""), "parameter level needs a default"),
    "bad_default": (GOOD.format(name="Text").replace(" = 10", " = 'ten'"), "parameter level must be a number, got 'ten'"),
    "bad_type": (GOOD.format(name="Listed").replace("[float,", "[list,"), "parameter level must be annotated as"),
    "bad_exits": (GOOD.format(name="Guarded") + "\n    exits = 0.05\n", "exits must be Exits"),
    "bad_lookback": (GOOD.format(name="Blind") + "\n    lookback = 0\n", "lookback must be a number of bars from 1, got 0"),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one good strategy."""
    (tmp_path / "above_a_price.py").write_text(GOOD.format(name="AboveAPrice"))
    (tmp_path / "__init__.py").write_text("raise RuntimeError('the package is not what is loaded')\n")
    (tmp_path / "notes.txt").write_text("no strategy")
    (tmp_path / "__pycache__").mkdir()
    return tmp_path


def test_new_file_is_found_with_its_parameters(folder: Path) -> None:
    """One file is all a strategy needs."""
    assert list(registry.found(folder)) == ["above_a_price"]
    entry = registry.found(folder)["above_a_price"]
    assert entry.error is None
    assert entry.description == "Hold the asset above a price. More is said below"
    assert [(one.name, one.default) for one in entry.parameters] == [("level", 10)]
    assert registry.create("above_a_price", {"level": 20}, folder).parameters == {"level": 20.0}
    assert registry.parse("above_a_price", {"level": "7.5"}, folder) == {"level": 7.5}


@pytest.mark.parametrize("name", BAD)
def test_bad_file_is_refused_alone(folder: Path, name: str) -> None:
    """It names its reason within two seconds, cannot be created, and the good one beside it works."""
    source, reason = BAD[name]
    (folder / f"{name}.py").write_text(source)
    started = time.perf_counter()
    entries = registry.found(folder)
    assert time.perf_counter() - started < 2.0
    assert entries[name].cls is None
    with pytest.raises(InputError, match=f"strategy {name} cannot be used: .*{reason}"):
        registry.create(name, {}, folder)
    assert registry.create("above_a_price", {}, folder)


def test_all_bad_files_together_leave_the_good_one(folder: Path) -> None:
    """Any number of refusals do not add up."""
    for name, (source, _) in BAD.items():
        (folder / f"{name}.py").write_text(source)
    assert [name for name, entry in registry.found(folder).items() if entry.cls] == ["above_a_price"]


def test_mended_file_is_loaded_again(folder: Path) -> None:
    """A refusal leaves nothing behind that hides the mended file."""
    path = folder / "mended.py"
    path.write_text("def broken(:\n")
    assert registry.found(folder)["mended"].error
    path.write_text(GOOD.format(name="Mended"))
    assert registry.create("mended", {}, folder)


def test_class_name_taken_twice_is_a_clash_for_the_copy(folder: Path) -> None:
    """A copy that kept the class name is refused, whichever file comes first; the namesake works."""
    (folder / "a_copy.py").write_text(GOOD.format(name="AboveAPrice"))
    entries = registry.found(folder)
    assert entries["above_a_price"].cls
    assert "name clash: class AboveAPrice is strategy above_a_price already" in str(entries["a_copy"].error)


def test_file_and_folder_of_one_name_are_a_clash(folder: Path) -> None:
    """Python would silently take one of them; here both are named."""
    (folder / "twice").mkdir()
    (folder / "twice" / "__init__.py").write_text(GOOD.format(name="Twice"))
    assert registry.create("twice", {}, folder)
    (folder / "twice.py").write_text(GOOD.format(name="Twice"))
    assert registry.found(folder)["twice"].error == "name clash: twice and twice.py both claim it; rename one"


def test_file_that_is_no_module_name_is_refused(folder: Path) -> None:
    """A hyphen cannot be imported; the reason shows what can."""
    (folder / "my-idea.py").write_text(GOOD.format(name="MyIdea"))
    assert "letters, digits and _ only, such as my_idea.py" in str(registry.found(folder)["my-idea"].error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("buy_and_holt", "did you mean 'buy_and_hold'"),
        ("", "there are buy_and_hold, "),
        ("../buy_and_hold", "is unknown"),
        ("x" * 300, "is unknown"),
    ],
)
def test_unknown_strategy_is_refused_with_the_nearest_name(name: str, message: str) -> None:
    """The message says what was meant or what there is, and stays short."""
    with pytest.raises(InputError) as error:
        registry.create(name, {})
    error.match(message)
    assert len(str(error.value)) < 300
