"""ModelVersions that call an endpoint: what is asked for, checked, hashed and never changed again."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from django.db import IntegrityError, transaction

from evalsite.platform import audit
from evalsite.platform.models import User
from experiments.endpoints import prompting
from experiments.models import Endpoint, ModelVersion

# Set by each call itself, or changing what an answer looks like beyond what is read.
RESERVED = {"model", "messages", "stream", "stream_options", "n", "top_logprobs"}
NUL = "\0"


class BadVersion(ValueError):
    """Why no version can be made of this, for a reader, and the field it is about."""

    def __init__(self, field_name: str, reason: str) -> None:
        super().__init__(reason)
        self.field_name = field_name


@dataclass(frozen=True)
class VersionDraft:
    """`params` is what the request carries beside model and messages: sampling, tools, response_format, logprobs."""

    name: str
    endpoint: Endpoint
    model: str
    system_prompt: str = ""
    prompt_template: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


def content_hash(draft: VersionDraft) -> str:
    """Of all that decides what is answered: the endpoint, its address, the model, the prompts and the parameters.

    Two endpoints may share an address, with a key, limits and prices of their own.
    """
    called = [draft.endpoint.pk, draft.endpoint.base_url, draft.model]
    content = [*called, draft.system_prompt, draft.prompt_template, canonical(dict(draft.params))]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def canonical(value: Any) -> Any:
    """0 and 0.0 ask for the same."""
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case dict():
            return {name: canonical(part) for name, part in value.items()}
        case list():
            return [canonical(part) for part in value]
    return value


def check(draft: VersionDraft) -> None:
    """Raises BadVersion."""
    for name, text in (("name", draft.name), ("model", draft.model)):
        if not text.strip() or not text.isprintable():
            raise BadVersion(name, "Give it a name, in printable letters.")
    for name, template in (("system_prompt", draft.system_prompt), ("prompt_template", draft.prompt_template)):
        try:
            prompting.check(template)
        except prompting.BadTemplate as error:
            raise BadVersion(name, str(error)) from None
        if NUL in template:
            raise BadVersion(name, "A text with a NUL character cannot be stored.")
    if "prompt" in prompting.places(draft.system_prompt):
        raise BadVersion("system_prompt", "The prompt of a case goes into the prompt template, not in here.")
    if reserved := sorted(RESERVED & set(draft.params)):
        raise BadVersion("extra", f"{', '.join(reserved)} cannot be set here: each call sets it itself.")
    check_tools(draft.params.get("tools"))
    check_response_format(draft.params.get("response_format"))


def check_tools(tools: Any) -> None:
    if tools is None:
        return
    if not isinstance(tools, list) or not tools:
        raise BadVersion("tools", "Tools are a JSON list of objects with type and function.")
    for number, tool in enumerate(tools, 1):
        function = tool.get("function") if isinstance(tool, dict) else None
        if (
            not isinstance(function, dict)
            or tool.get("type") != "function"
            or not isinstance(function.get("name"), str)
        ):
            raise BadVersion(
                "tools", f'Tool {number} is not of the form {{"type": "function", "function": {{"name": …}}}}.'
            )
    names = [tool["function"]["name"] for tool in tools]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadVersion("tools", f"The tool {twice[0]} is defined twice.")


def check_response_format(response_format: Any) -> None:
    if response_format is not None and (
        not isinstance(response_format, dict) or not isinstance(response_format.get("type"), str)
    ):
        raise BadVersion(
            "response_format", 'The response format is a JSON object with a type, like {"type": "json_object"}.'
        )


@transaction.atomic
def make(*, draft: VersionDraft, created_by: User | None, now: datetime) -> tuple[ModelVersion, bool]:
    """The version, and whether it is new: the same content under the same name is the version that stands already."""
    check(draft)
    if draft.endpoint.archived_at:
        raise BadVersion("endpoint", f"The endpoint {draft.endpoint.name} is archived. Restore it first.")
    digest = content_hash(draft)
    same = ModelVersion.objects.filter(name=draft.name, endpoint=draft.endpoint, content_hash=digest)
    if (found := same.first()) is not None:
        return found, False
    try:
        with transaction.atomic():
            made = ModelVersion.objects.create(
                name=draft.name,
                version=next_version(draft.name),
                source=ModelVersion.Source.ENDPOINT,
                endpoint=draft.endpoint,
                model=draft.model,
                system_prompt=draft.system_prompt,
                prompt_template=draft.prompt_template,
                params=dict(draft.params),
                content_hash=digest,
                created_at=now,
            )
    except IntegrityError:
        # Somebody made a version of this name at the same moment; theirs is this one, or this one comes after it.
        return make(draft=draft, created_by=created_by, now=now)
    details = {"version": made.version, "model": made.model, "endpoint": draft.endpoint.name, "hash": digest}
    audit.record(actor=created_by, action="model_version.made", subject=made.name, details=details, now=now)
    return made, True


def next_version(name: str) -> str:
    taken = ModelVersion.objects.filter(name=name).values_list("version", flat=True)
    return str(max((int(version) for version in taken if version.isdecimal()), default=0) + 1)
