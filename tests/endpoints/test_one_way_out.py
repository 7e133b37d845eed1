"""Only `experiments/endpoints` opens connections to other hosts: no other module has the means to."""

import re

from tests.test_conventions import CODE, found, name

MODULES = "socket ssl http.client urllib.request urllib3 requests httpx httpx2 aiohttp openai ftplib smtplib xmlrpc"
MEANS = rf"^\s*(import|from) ({'|'.join(map(re.escape, MODULES.split()))})\b"
# The bundled servers and the web server's own port, on this machine.
OWN_MACHINE = re.compile(r"evalsite/platform/(embedded|supervision)/|benchmarks/")


def test_nothing_else_can_call_another_host() -> None:
    elsewhere = [
        path for path in CODE if not OWN_MACHINE.search(name(path)) and "experiments/endpoints/" not in name(path)
    ]
    assert len(elsewhere) > 100
    assert found(MEANS, elsewhere) == []


def test_the_rule_would_find_what_it_forbids() -> None:
    inside = [path for path in CODE if "experiments/endpoints/" in name(path)]
    assert len(found(MEANS, inside)) >= 3
