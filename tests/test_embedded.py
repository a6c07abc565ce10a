"""The embedded PostgreSQL: where it may live, who may reach it, and that nothing outlives it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from hubprocess import environment, place

from hub.db import embedded
from hub.db.embedded import Embedded, start
from hub.db.programs import Aborted, program
from hub.db.system_user import account_for
from hub.errors import Misconfigured, Unavailable

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(not ROOT, reason="only root lends PostgreSQL a user")


@pytest.fixture(scope="module")
def state() -> Iterator[Path]:
    """A folder with data in it, made once; no server runs on it."""
    with place() as folder:
        start(folder / ".hub").stop()
        yield folder / ".hub"


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder."""
    with place() as folder:
        yield folder


@pytest.fixture
def server(state: Path) -> Iterator[Embedded]:
    server = start(state)
    yield server
    server.stop()


def ask(server: Embedded, sql: str, database: str = embedded.DATABASE) -> str:
    """One value, by psql on the DSN as a user would paste it."""
    done = subprocess.run(
        [program("psql"), server.dsn_of(database), "-XtAc", sql],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # A zombie whose parent is not us is gone all the same.
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def test_the_dsn_serves_asyncpg_and_psql_alike(server: Embedded) -> None:
    conn = await asyncpg.connect(server.dsn)
    try:
        assert await conn.fetchval("SELECT current_database()") == "flight_schedule_pro"
        assert await conn.fetchval("SHOW timezone") == "UTC"
        assert await conn.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await conn.close()
    assert ask(server, "SELECT current_database()") == "flight_schedule_pro"


def test_nobody_else_can_reach_it(server: Embedded, state: Path) -> None:
    assert ask(server, "SHOW listen_addresses") == ""
    assert stat.S_IMODE((state / "postgres").stat().st_mode) == 0o700
    assert not state.stat().st_mode & stat.S_IRWXO


def test_what_was_written_is_there_at_the_next_start(state: Path) -> None:
    server = start(state)
    ask(server, "CREATE TABLE kept AS SELECT 7 AS n", "postgres")
    server.stop()
    server.stop()  # again is nothing
    assert not server.running
    server = start(state)
    try:
        assert ask(server, "SELECT n FROM kept", "postgres") == "7"
    finally:
        server.stop()


def test_settings_are_postgresqls_own(state: Path) -> None:
    server = start(state, settings={"max_prepared_transactions": "7", "search_path": '"a b", c'})
    try:
        assert ask(server, "SHOW max_prepared_transactions") == "7"
        assert ask(server, "SHOW search_path") == '"a b", c'
    finally:
        server.stop()


def test_a_folder_in_use_is_refused_in_one_line(server: Embedded, state: Path) -> None:
    with pytest.raises(Misconfigured, match=rf"in use \(by process {os.getpid()}\)") as refused:
        start(state)
    assert "\n" not in refused.value.detail
    assert server.running


def test_after_a_crash_it_starts_again(state: Path) -> None:
    server = start(state)
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    assert (state / "postgres" / "postmaster.pid").exists()
    server = start(state)
    try:
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.stop()


def test_a_lock_file_whose_pid_is_now_anothers_does_not_stop_it(state: Path) -> None:
    server = start(state)
    os.kill(server.pid, signal.SIGKILL)
    server.stop()
    lock = state / "postgres" / "postmaster.pid"
    account = account_for(state / "postgres", program("postgres"), lambda line: None)
    other = subprocess.Popen(["sleep", "60"], cwd="/", **account.spawn)
    try:
        lines = lock.read_text().splitlines()
        lock.write_text("\n".join([str(other.pid), *lines[1:], ""]))
        again = start(state)
        assert ask(again, "SELECT 1") == "1"
        again.stop()
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_a_server_that_outlived_its_hub_is_stopped_first(state: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from hub.db.embedded import start;"
        "print(start(Path(sys.argv[1])).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run(
        [sys.executable, "-c", script, state], capture_output=True, text=True, env=environment()
    )
    orphan = int(killed.stdout)
    assert killed.returncode == -signal.SIGKILL
    assert not gone(orphan)
    said: list[str] = []
    server = start(state, log=said.append)
    try:
        assert gone(orphan)
        assert "was left running" in said[0]
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.stop()


@pytest.mark.parametrize("when", ["at once", "while it is made"])
def test_giving_up_leaves_nothing(folder: Path, when: str) -> None:
    state, abort = folder / ".hub", threading.Event()
    if when == "at once":
        abort.set()
    else:

        def give_up() -> None:
            until = time.monotonic() + 30
            while not (state / "postgres.new" / "base").exists() and time.monotonic() < until:
                time.sleep(0.002)
            abort.set()

        threading.Thread(target=give_up).start()
    with pytest.raises(Aborted):
        start(state, abort=abort)
    assert not list(state.glob("postgres*/"))


def test_half_made_data_is_made_anew(folder: Path) -> None:
    new = folder / "postgres.new"
    new.mkdir()
    (new / "PG_VERSION").write_text("18\n")
    server = start(folder)
    try:
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.stop()
    assert not new.exists()


@pytest.mark.parametrize("name", ["a 'b' \"c\" %d & é", "x," * 20, "deep/" * 25])
def test_any_folder_will_do(folder: Path, name: str) -> None:
    state = folder / name / ".hub"
    state.parent.mkdir(parents=True)
    server = start(state)
    try:
        assert ask(server, "SELECT current_database()") == "flight_schedule_pro"
        sockets = Path(ask(server, "SHOW unix_socket_directories").strip('"').replace('""', '"'))
        assert not sockets.stat().st_mode & (stat.S_IRWXO | stat.S_IRWXG)
    finally:
        server.stop()
    assert sockets == state / "postgres" or not sockets.exists()


def test_what_cannot_work_says_why(state: Path, folder: Path) -> None:
    with pytest.raises(Unavailable, match=r"did not start: FATAL:.*shared_buffers"):
        start(state, settings={"shared_buffers": "much"})
    with pytest.raises(Misconfigured, match=r"cannot make the folder .*: No such file"):
        start(folder / "no" / "such")
    (folder / "file").touch()
    with pytest.raises(Misconfigured, match="is not a folder"):
        start(folder / "file")
    (folder / "postgres").mkdir()
    with pytest.raises(Misconfigured, match="is no PostgreSQL data folder"):
        start(folder)
    (folder / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(Misconfigured, match=r"made by PostgreSQL 9\.6, and 18.* is installed"):
        start(folder)


@pytest.mark.skipif(ROOT, reason="root may write anywhere")
def test_a_folder_one_may_not_write_is_refused(folder: Path) -> None:
    folder.chmod(0o500)
    with pytest.raises(Misconfigured, match=r"cannot make the folder .*: Permission denied"):
        start(folder / ".hub")
    with pytest.raises(Misconfigured, match="may not write in it"):
        start(folder)
    folder.chmod(0o700)


@as_root
def test_a_closed_home_stays_closed_to_everybody_else(folder: Path) -> None:
    home = folder / "home"
    (home / "clone").mkdir(parents=True)
    home.chmod(0o700)
    said: list[str] = []
    server = start(home / "clone" / ".hub", log=said.append)
    try:
        assert ask(server, "SELECT 1") == "1"
        assert any(str(home) in line for line in said)
        entered = subprocess.run(["/bin/ls", home / "clone"], user=65534, group=65534, cwd="/")
        assert entered.returncode != 0
    finally:
        server.stop()


@as_root
def test_root_runs_other_peoples_data_as_them(folder: Path) -> None:
    state = folder / ".hub"
    start(state).stop()
    for path in (state, *state.rglob("*")):
        os.chown(path, 65534, 65534)
    server = start(state)
    try:
        assert Path(f"/proc/{server.pid}").stat().st_uid == 65534
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.stop()
    assert {path.stat().st_uid for path in (state / "postgres").rglob("*")} == {65534}
