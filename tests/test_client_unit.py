"""``hub.js`` under Node's own test runner, with its clock, network and other tabs played for it.

Also what it is made of: one small set of modules under one version, and types that hold.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
CLIENT = TOP / "hub" / "web" / "static" / "client"
UNITS = sorted((TOP / "tests" / "client").glob("*.test.js"))


def _node() -> str:
    """Node. Only a developer's machine may lack it."""
    path = shutil.which("node")
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no node")
        pytest.skip("no node on this machine")
    return path


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name.removesuffix(".test.js"))
def test_units(unit: Path) -> None:
    ran = subprocess.run(
        [_node(), "--test", unit], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"^# pass [1-9]|^ℹ pass [1-9]", ran.stdout, re.MULTILINE)


def test_the_version_is_one() -> None:
    told = json.loads((CLIENT / "package.json").read_text())
    [version] = re.findall(r'VERSION = "(.*)"', (CLIENT / "hub.js").read_text())
    assert told["version"] == version
    for path in (told["types"], told["exports"]["."]["default"], told["exports"]["."]["types"]):
        assert (CLIENT / path).is_file()


def test_it_depends_on_nothing_and_is_light() -> None:
    weight = 0
    for path in CLIENT.glob("*.js"):
        text = path.read_text()
        weight += len(text)
        imported = re.findall(r'from "([^"]+)"|import\("([^"]+)"\)', text)
        for static, dynamic in imported:
            assert not dynamic
            assert (CLIENT / static).is_file()
            assert static.startswith("./")
    assert weight < 60 * 1024


def test_every_value_of_the_contract_is_there_and_none_besides() -> None:
    contract = (CLIENT / "hub.d.ts").read_text()
    values = set(re.findall(r"^export (?:const|class|function) (\w+)", contract, re.MULTILINE))
    told = subprocess.run(
        [
            _node(),
            "--input-type=module",
            "-e",
            f"const hub = await import({json.dumps((CLIENT / 'hub.js').as_uri())});"
            "const client = new hub.HubClient({url: 'http://localhost', getToken: () => ''});"
            "const own = [...Object.getOwnPropertyNames(hub.HubClient.prototype), ...Object.keys(client)];"
            "const watch = client.watch('bookings');"
            "const kind = Object.getPrototypeOf(watch);"
            "const its = [...Object.getOwnPropertyNames(kind), ...Object.keys(watch)];"
            "console.log(JSON.stringify([Object.keys(hub), own, its]));",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    exported, client, watch = json.loads(told.stdout)
    assert set(exported) == values

    def members(name: str) -> set[str]:
        body = re.search(
            rf"^export (?:class|interface) {name}\b.*?^}}", contract, re.MULTILINE | re.DOTALL
        )
        assert body is not None
        return set(re.findall(r"^  (?:readonly )?(\w+)[(<:?]", body[0], re.MULTILINE))

    assert members("HubClient") == set(client)
    assert members("Watch") | {"changed", "became", "constructor"} == set(watch)


def test_the_types_hold() -> None:
    """What compiles and what must not: ``tests/client/types.ts``, judged by TypeScript."""
    tsc = shutil.which("tsc")
    if tsc is None:
        if os.environ.get("CI"):
            pytest.fail("CI has no tsc")
        pytest.skip("no tsc on this machine: npm install --global typescript")
    options = [
        "--strict",
        "--noEmit",
        "--target",
        "es2022",
        "--module",
        "nodenext",
        "--lib",
        "es2022,dom",
    ]
    ran = subprocess.run(
        [tsc, *options, TOP / "tests" / "client" / "types.ts"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
