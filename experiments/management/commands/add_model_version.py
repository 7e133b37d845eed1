"""`manage.py add_model_version NAME --endpoint ENDPOINT --model MODEL`: the next version of a model."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import orjson
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from experiments.models import Endpoint
from experiments.services import model_versions
from experiments.services.model_versions import BadVersion, VersionDraft


class Command(BaseCommand):
    help = (
        "Make a version of a model on an endpoint. The same content again is the version that stands. Parameters are "
        'JSON as the request carries it: --params \'{"temperature": 0, "max_tokens": 500, "logprobs": true}\''
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--endpoint", required=True, help="its name")
        parser.add_argument("--model", required=True, help="as the endpoint calls it")
        parser.add_argument("--system-prompt", type=Path, metavar="FILE")
        parser.add_argument("--prompt-template", type=Path, metavar="FILE", help="with {prompt} in it")
        parser.add_argument("--params", default="{}", metavar="JSON", help="temperature, tools, response_format, …")

    def handle(self, *, name: str, endpoint: str, model: str, params: str, **files: Any) -> None:
        found = Endpoint.objects.filter(name=endpoint).first()
        if found is None:
            raise CommandError(f"There is no endpoint called {endpoint}. Enter it with: manage.py set_endpoint")
        draft = VersionDraft(
            name=name,
            endpoint=found,
            model=model,
            system_prompt=text_of(files["system_prompt"]),
            prompt_template=text_of(files["prompt_template"]),
            params=read_params(params),
        )
        try:
            made, is_new = model_versions.make(draft=draft, created_by=None, now=timezone.now())
        except BadVersion as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{made} {'is made' if is_new else 'is the same already'}.")


def text_of(path: Path | None) -> str:
    try:
        return path.read_text(encoding="utf-8") if path else ""
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from None


def read_params(text: str) -> dict[str, Any]:
    try:
        params = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise CommandError(f"--params is not valid JSON: {error}") from None
    if not isinstance(params, dict):
        raise CommandError("--params must be a JSON object.")
    return params
