"""How the site's processes are started, the same way everywhere: up, tests, benchmarks."""

import http.client
import socket
import sys
from collections.abc import Sequence

PORTS_TO_TRY = 100


def web_command(*, host: str, port: int, workers: int = 2, threads: int = 4) -> Sequence[str]:
    return [
        *(sys.executable, "-m", "granian", "evalsite.wsgi:application"),
        *("--interface", "wsgi", "--no-ws", "--http", "1"),
        *("--host", host, "--port", str(port)),
        *("--workers", str(workers), "--blocking-threads", str(threads)),
        *("--respawn-failed-workers", "--workers-kill-timeout", "10"),
        *("--log-level", "warning"),
    ]


# Celery warns root of pickled messages; ours are JSON only.
WORKER_ENVIRONMENT = {"PYTHONWARNINGS": "ignore:You're running the worker"}


def worker_command(
    *, concurrency: int = 2, beat: bool = True, name: str = "worker", queue: str = "", pool: str = "prefork"
) -> Sequence[str]:
    """Without a queue it works on all of them."""
    command = [
        *(sys.executable, "-m", "celery", "--quiet", "--app", "evalsite", "worker"),
        *("--concurrency", str(concurrency), "--pool", pool, "--hostname", f"{name}@%h", "--loglevel", "WARNING"),
        # Rows are the truth: workers need not hear about each other.
        *("--without-gossip", "--without-mingle", "--without-heartbeat"),
    ]
    if queue:
        command += ["--queues", queue]
    return [*command, "--beat"] if beat else command


def worker_commands(*, concurrency: int) -> dict[str, Sequence[str]]:
    """Of a whole site: `concurrency` long jobs at once; beside them what must not wait, in threads to save memory."""
    return {
        "quick": worker_command(concurrency=2, name="quick", queue="quick", pool="threads"),
        "long": worker_command(concurrency=concurrency, beat=False, name="long", queue="long"),
    }


def free_port(host: str, wanted: int) -> int:
    """The wanted port, else the next free one, else any."""
    for port in [*range(wanted, min(wanted + PORTS_TO_TRY, 65536)), 0]:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise OSError(f"No port can be opened on {host}: is that an address of this machine?")


def answers(host: str, port: int) -> bool:
    try:
        link = http.client.HTTPConnection(host, port, timeout=5)
        link.request("GET", "/healthz", headers={"Host": "localhost"})
        return link.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()
