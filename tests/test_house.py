"""What is written about the hub is true of it: README.md, the Procfile, what CI runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from hub.live.closing import Code
from hub.settings import Settings

TOP = Path(__file__).parents[1]
README = (TOP / "README.md").read_text()


def commands() -> list[str]:
    """The lines of README.md's shell blocks."""
    blocks = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_ci_runs_the_readmes_own_test_line() -> None:
    [line] = [line for line in commands() if line.endswith("/pytest")]
    assert (TOP / ".ci" / "run").read_text().splitlines()[-1] == line


def test_one_line_starts_it() -> None:
    assert commands()[0].endswith("&& .venv/bin/hub up")


def test_every_setting_is_told_with_its_default() -> None:
    table = README.partition("### Settings")[2].partition("###")[0]
    told: dict[str, str] = {}
    for row in re.findall(r"^\| `.*", table, re.MULTILINE):
        _, variables, defaults, _, _ = row.split("|")
        names, values = (re.findall(r"`([^`]+)`", cell) for cell in (variables, defaults))
        told |= zip(names, values or [""] * len(names), strict=True)
    defaults = {
        name.upper() if name.startswith("database_") else f"HUB_{name.upper()}": field.default
        for name, field in Settings.model_fields.items()
    }
    assert set(told) == set(defaults)
    for name, default in defaults.items():
        if isinstance(default, float):
            assert float(told[name]) == default, name
        elif isinstance(default, str | int | Path):
            assert told[name] == str(default), name


def test_every_close_code_of_the_hub_is_told() -> None:
    told = README.partition("### Close codes")[2].partition("###")[0]
    assert {int(code) for code in re.findall(r"`(4\d{3})`", told)} == {
        int(code) for code in Code if code >= 4000
    }


def test_ci_is_a_script_that_can_be_run() -> None:
    script = TOP / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", script], check=True)
