"""Runs a piece of JavaScript on the client module: in Node where there is one, else in Chromium."""

import json
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.clients.receiving import Receiver
from tests.clients.vectors import CLIENTS
from tests.running.browser import running_chromium

MODULE = CLIENTS / "javascript" / "evalsite-client.js"
SECONDS = 60
IN_NODE = """
const client = await import({module});
const result = await ({body})(client, {argument});
process.stdout.write(JSON.stringify(result ?? null), () => process.exit(0));
"""
IN_CHROMIUM = 'async argument => await ({body})(await import("/evalsite-client.js"), argument)'


def run(body: str, argument: Any = None) -> Any:
    """`body` is a function of the module and the argument; what it resolves to, as JSON."""
    node = shutil.which("node")
    if node:
        return in_node(node, body, argument)
    # In a thread of its own: the browser of other tests holds the event loop of this one.
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(in_chromium, body, argument).result()


def in_node(node: str, body: str, argument: Any) -> Any:
    script = IN_NODE.format(module=json.dumps(MODULE.as_uri()), body=body, argument=json.dumps(argument))
    done = subprocess.run(
        [node, "--input-type=module", "--eval", script], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_chromium(body: str, argument: Any) -> Any:
    """On a page of the receiver's own origin, or of the one that the argument names."""
    with Receiver() as host, running_chromium() as browser:
        page = browser.new_page()
        own = argument.get("url") if isinstance(argument, dict) else None
        page.goto(own or host.url)
        return page.evaluate(IN_CHROMIUM.format(body=body), argument)
