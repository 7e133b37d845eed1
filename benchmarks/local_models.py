"""The model server of the tests in a process of its own, which benchmarks and proofs call."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson

# Our own addresses are not called unless the operator says so.
ALLOWED = {"ENDPOINT_ALLOWED_HOSTS": "127.0.0.1"}


@dataclass(frozen=True)
class LocalModels:
    base_url: str

    @property
    def origin(self) -> str:
        return self.base_url.removesuffix("/v1")

    def seen(self) -> Any:
        """Its record: `calls` by case, `total`, `kinds`."""
        return orjson.loads(self.get("/calls"))

    def reset(self) -> None:
        self.get("/reset")

    def get(self, path: str) -> bytes:
        with urlopen(f"{self.origin}{path}", timeout=30) as response:
            return bytes(response.read())


@contextmanager
def local_models(*, script: Path | None = None, wait_ms: int = 0) -> Iterator[LocalModels]:
    """script: what each model says to each prompt, as `tests.running.model_answers` reads it."""
    command = [sys.executable, "-m", "tests.running.model_server", "--port", "0", "--wait-ms", str(wait_ms)]
    command += ["--script", str(script)] if script else []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            yield LocalModels(base_url=line.split()[-1])
        finally:
            process.kill()
