"""The kiosk's rules under Node's own test runner: which flights hang where, and how a screen pairs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from test_client_unit import TOP, _node

UNITS = sorted((TOP / "tests" / "kiosk").glob("*.test.js"))


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name.removesuffix(".test.js"))
def test_units(unit: Path) -> None:
    ran = subprocess.run(
        [_node(), "--test", unit], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"^# pass [1-9]|^ℹ pass [1-9]", ran.stdout, re.MULTILINE)
