"""The command ``hub``, as a newcomer types it: real processes, a real terminal, a real Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hubprocess import Up, free_port, hub, place

pytestmark = pytest.mark.timeout(180)
ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def school() -> Iterator[Path]:
    """A folder in which ``hub up`` has run once, so that later starts are quick."""
    with place() as school:
        with Up(school) as up:
            up.ready()
        yield school


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder."""
    with place() as folder:
        yield folder


def get(url: str, token: str | None = None) -> tuple[int, bytes]:
    request = urllib.request.Request(url)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status, answer.read()


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def mentions(cmdline: Path, folder: Path) -> bool:
    try:
        return bytes(folder) in cmdline.read_bytes()
    except OSError:
        return False


def one_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of a refusal."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_from_nothing_to_a_school_and_back(folder: Path) -> None:
    with Up(folder) as up:
        up.ready()
        postgres = up.postgres
        # What runs, where to look, who to be, what to try.
        assert up.url in up.said
        dsn = hub(folder, "dsn").stdout.strip()
        assert dsn in up.said
        emails = hub(folder, "psql", "-XtAc", "SELECT email, role FROM users").stdout.split()
        assert len(emails) >= 12
        for email, role in (line.split("|") for line in emails):
            assert re.search(rf"^ +{re.escape(email)} +{role} ", up.said, re.MULTILINE)
        assert "simulate" in up.said

        assert get(f"{up.url}/")[0] == 200
        assert json.loads(get(f"{up.url}/readyz")[1])["status"] == "ready"
        admin = next(line.split("|")[0] for line in emails if line.endswith("|ADMIN"))
        token = hub(folder, "token", admin)
        assert token.stderr == ""
        status, me = get(f"{up.url}/api/v1/me", token.stdout.strip())
        assert (status, json.loads(me)["email"]) == (200, admin)

        found = folder / ".hub" / "hub.json"
        assert stat.S_IMODE(found.stat().st_mode) == 0o600
        assert json.loads(found.read_text()) == {
            "dsn": dsn,
            "url": up.url,
            "pid": up.process.pid,
            "env": "dev",
        }

        up.press(b"\x03")
        assert up.ended() == 0
        assert "Traceback" not in up.said
        assert not lives(postgres)
        assert not found.exists()
        with socket.create_server(("127.0.0.1", up.port)):
            pass
    assert "no hub is up" in one_line(hub(folder, "dsn"))


def test_the_commands_it_suggests_work_as_they_stand(school: Path) -> None:
    with Up(school) as up:
        up.ready()
        at_risk = "SELECT count(*) FROM bookings WHERE status = 'AT_RISK'"
        before = int(hub(school, "psql", "-XtAc", at_risk).stdout)
        tried = [line.strip() for line in up.said.splitlines() if " -m hub " in line]
        update = next(line for line in tried if " psql -c " in line)
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        done = subprocess.run(
            update, shell=True, cwd=school, env=environment, capture_output=True, text=True
        )
        assert done.stdout.startswith("UPDATE "), done
        assert int(hub(school, "psql", "-XtAc", at_risk).stdout) > before
        played = hub(school, "simulate", "--seconds", "1", "--pace", "20", "--seed", "1")
        assert (played.returncode, played.stderr) == (0, "")
        assert len(played.stdout.splitlines()) > 3


def test_a_second_start_finds_what_was_written(school: Path) -> None:
    write = "UPDATE users SET phone_number = '+1 555 0199' WHERE role = 'ADMIN'"
    read = "SELECT phone_number FROM users WHERE role = 'ADMIN'"
    with Up(school) as up:
        up.ready()
        hub(school, "psql", "-c", write)
        up.process.send_signal(signal.SIGTERM)
        assert up.ended() == 0
    with Up(school) as up:
        up.ready()
        assert hub(school, "psql", "-XtAc", read).stdout.strip() == "+1 555 0199"


def test_a_taken_folder_and_a_taken_port_say_so_in_one_line(school: Path, folder: Path) -> None:
    with Up(school) as up:
        up.ready()
        second = one_line(hub(school, "up", "--port", str(free_port())))
        assert f"another `hub up` (pid {up.process.pid}) runs in {school}/.hub" in second
        third = one_line(hub(folder, "up", "--port", str(up.port)))
        assert f"port {up.port} on 127.0.0.1 is taken" in third
        assert not (folder / ".hub" / "postgres").exists()
        assert get(f"{up.url}/healthz")[0] == 200


def test_after_a_sigkill_the_next_start_works(school: Path) -> None:
    with Up(school) as up:
        up.ready()
        orphan = up.postgres
        up.process.kill()
        up.ended()
        assert "is gone: start one" in one_line(hub(school, "dsn"))
        with Up(school) as again:
            again.ready()
            assert not lives(orphan)
            assert get(f"{again.url}/healthz")[0] == 200


def test_ctrl_c_while_it_starts_leaves_nothing_running(folder: Path) -> None:
    state = folder / ".hub"
    moments: dict[str, Callable[[Up], bool]] = {
        "initdb runs": lambda up: (state / "postgres.new").exists(),
        "PostgreSQL starts": lambda up: (state / "postgres" / "postmaster.pid").exists(),
        "migrations run": lambda up: "applied 00" in up.said,
    }
    for moment, reached in moments.items():
        with Up(folder) as up:
            up.until(lambda reached=reached, up=up: reached(up))  # type: ignore[misc]
            up.press(b"\x03")
            assert up.ended() == 0, moment
            assert "Traceback" not in up.said
        running = [path for path in Path("/proc").glob("[0-9]*/cmdline") if mentions(path, folder)]
        assert not running, moment
    with Up(folder) as up:
        up.ready()


def test_if_postgresql_dies_the_hub_says_so_and_ends(school: Path) -> None:
    with Up(school) as up:
        up.ready()
        os.kill(up.postgres, signal.SIGKILL)
        assert up.ended() == 1
        assert up.said.splitlines()[-1].startswith("Error: PostgreSQL stopped by itself")


def test_a_named_database_is_used_and_nothing_embedded(
    folder: Path, database: Callable[..., str]
) -> None:
    dsn = database()
    with Up(folder, DATABASE_URL=dsn, HUB_ENV="dev") as up:
        up.ready()
        assert hub(folder, "dsn").stdout.strip() == dsn
        assert hub(folder, "token", "admin@example.com").returncode == 0
        up.press(b"\x03")
        assert up.ended() == 0
    assert not (folder / ".hub" / "postgres").exists()


def test_a_named_database_is_production_unless_said_otherwise(
    folder: Path, database: Callable[..., str]
) -> None:
    dsn = database()
    host = {"DATABASE_HOST": dsn.partition("?host=")[2], "DATABASE_USER": "postgres"}
    host["DATABASE_NAME"] = dsn.partition("?")[0].rpartition("/")[2]
    assert "applied 001_create_users.sql" in hub(folder, "migrate", **host).stdout
    assert hub(folder, "migrate", **host).stdout == "nothing to do\n"
    status = hub(folder, "migrate", "--status", **host).stdout.splitlines()
    assert status[0].endswith("UTC  001_create_users.sql")
    assert "development only" in one_line(hub(folder, "seed", **host))
    assert "development" in one_line(hub(folder, "token", "admin@example.com", **host))
    assert "development only" in one_line(hub(folder, "simulate", **host))
    count = hub(folder, "psql", "-XtAc", "SELECT count(*) FROM users", **host)
    assert count.stdout.strip() == "0"
    with Up(folder, HUB_ISSUER="https://issuer.example", HUB_CLIENT_IDS="a", **host) as up:
        up.ready()
        assert "UPDATE" not in up.said  # these are somebody's real rows
        assert "seeded" not in up.said


@contextlib.contextmanager
def procfile(folder: Path, **settings: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """The Procfile's command as honcho runs it, in a shell, with PORT set: its URL, and what it says."""
    port = free_port()
    written = (Path(__file__).parents[1] / "Procfile").read_text()
    command = written.partition("web: ")[2].strip()
    assert command.startswith("exec hub serve")
    # The Procfile finds `hub` on the path; here it is this checkout's.
    (folder / "hub").write_text(f'#!/bin/sh\nexec {sys.executable} -m hub "$@"\n')
    (folder / "hub").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        "PORT": str(port),
        "HUB_LOG_FORMAT": "json",
        **settings,
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", command], cwd=folder, env=environment, stderr=log
        )
    url, said = f"http://127.0.0.1:{port}", (folder / "log").read_text
    try:
        until = time.monotonic() + 60
        while f"serving {url}" not in said():
            assert process.poll() is None, said()
            assert time.monotonic() < until
            time.sleep(0.02)
        yield url, said
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


#: Who chooses whom to be is told to whoever started it.
WARNED = "development sign-in is on: anybody may be anybody"


@pytest.mark.parametrize("env", ["dev", "prod"])
def test_the_procfiles_command_serves(env: str, folder: Path, database: Callable[..., str]) -> None:
    issuer = {"HUB_ISSUER": "https://issuer.example", "HUB_CLIENT_IDS": "a"}
    settings = {"HUB_ENV": env} | (issuer if env == "prod" else {})
    with procfile(folder, DATABASE_URL=database(), **settings) as (url, said):
        assert get(f"{url}/readyz")[0] == 200
    logged = [json.loads(line) for line in said().splitlines() if line.startswith("{")]
    assert logged
    warned = [line["level"] for line in logged if line["event"] == WARNED]
    assert warned == (["warning"] if env == "dev" else [])


def test_a_node_that_joins_hub_up_goes_by_its_clock(school: Path) -> None:
    """And signs in as it does: what is up here is in development, so is what joins it."""
    here = b'name="hub:zone" content="America/Los_Angeles"'
    with Up(school) as up:
        up.ready()
        assert here in get(f"{up.url}/")[1]
        with procfile(school) as (url, said):
            assert here in get(f"{url}/")[1]
            assert WARNED in said()


@pytest.mark.parametrize(
    ("command", "settings", "complaint"),
    [
        ("up", {"HUB_PORT": "many"}, "HUB_PORT: "),
        ("dsn", {"HUB_ENV": "staging"}, "HUB_ENV: "),
        ("dsn", {"DATABASE_PORT": "x"}, "DATABASE_PORT: "),
        ("migrate", {"DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:1/x"}, "127.0.0.1:1"),
        ("migrate", {"DATABASE_URL": "nonsense://u:s3cret@x"}, "URL"),
    ],
)
def test_wrong_settings_are_told_by_name_in_one_line(
    folder: Path, command: str, settings: dict[str, str], complaint: str
) -> None:
    said = one_line(hub(folder, command, **settings))
    assert complaint in said
    assert "s3cret" not in said


def test_folders_that_will_not_do_are_told_in_one_line(folder: Path) -> None:
    port = str(free_port())
    (folder / "file").touch()
    assert "not a folder" in one_line(hub(folder, "up", "--port", port, "--state", "file"))
    assert "cannot make the folder" in one_line(hub(folder, "up", "--port", port, "--state", "a/b"))


def test_help_reads_well(folder: Path) -> None:
    everything = hub(folder, "--help").stdout
    listed = re.findall(r"^  (\w+)  +\S", everything.partition("Commands:")[2], re.MULTILINE)
    assert listed == ["up", "serve", "migrate", "seed", "token", "dsn", "psql", "simulate"]
    up = hub(folder, "up", "--help").stdout
    for word in ("--port", "--host", "--state", "DATABASE_URL", ".hub", "Ctrl-C", "8080"):
        assert word in up
    assert max(map(len, up.splitlines())) <= 80
    assert hub(folder, "up", "--prot", "1").returncode == 2
    token = hub(folder, "token", "--help").stdout
    seeded = (Path(__file__).parents[1] / "seeds" / "dev_users.sql").read_text()
    [email] = re.findall(r"hub token (\S+@[\w.]+)", token)
    assert f"'{email}'" in seeded
    assert max(map(len, token.splitlines())) <= 80
