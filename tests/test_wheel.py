"""The wheel: it carries the SQL, the seeds and the page, and finds them wherever it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
#: Where a wheel has what a checkout has at the top.
MOVED = {"sql": "hub/_files/sql", "seeds": "hub/_files/seeds", "hub": "hub"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel of this checkout, built by the backend that pyproject.toml names."""
    folder = tmp_path_factory.mktemp("wheel")
    build = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", build, folder], cwd=TOP, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    [path] = folder.glob("*.whl")
    return zipfile.Path(path)


def test_it_carries_everything_that_runs(wheel: zipfile.Path) -> None:
    carried = set(wheel.root.namelist())
    for top, moved in MOVED.items():
        for file in (TOP / top).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                assert f"{moved}/{file.relative_to(TOP / top)}" in carried
    assert not [name for name in carried if name.startswith(("tests/", "sql/", "seeds/", "bench/"))]


def test_it_works_where_it_is_installed(wheel: zipfile.Path, tmp_path: Path) -> None:
    installed = tmp_path / "site"
    # Not by the Path's own: Python 3.11.2, Debian's, stumbles over the folders that are only implied.
    with zipfile.ZipFile(str(wheel.root.filename)) as archive:
        archive.extractall(installed)
    script = (
        "import hub; from hub.db import files, migrations, queries; queries.load();"
        "print(hub.__file__, files.migrations_dir(), files.queries_dir(), files.seeds_dir());"
        "print(*(path.name for path in sorted(files.migrations_dir().iterdir())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    places, migrations = done.stdout.splitlines()
    assert all(Path(place).is_relative_to(installed) for place in places.split())
    assert migrations.split() == sorted(path.name for path in (TOP / "sql/migrations").iterdir())


def test_its_script_is_hub(wheel: zipfile.Path) -> None:
    [points] = [name for name in wheel.root.namelist() if name.endswith("/entry_points.txt")]
    assert "hub = hub.cli:main" in wheel.root.read(points).decode()
