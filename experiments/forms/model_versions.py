"""What makes a ModelVersion of an endpoint: a model, its prompts and its parameters."""

from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError

from experiments.models import Endpoint, ModelVersion
from experiments.services.model_versions import BadVersion, VersionDraft, check

LENGTH_LIMITS = [
    ("max_tokens", "max_tokens, as nearly all servers know it"),
    ("max_completion_tokens", "max_completion_tokens, which reasoning models of OpenAI ask for"),
]
PLAIN = ("temperature", "top_p", "seed")
OWN_FIELDS = {*PLAIN, "max_tokens", "max_completion_tokens", "stop", "tools", "response_format", "logprobs"}
MOST_STOPS = 16


class JsonField(forms.CharField):
    """JSON typed by hand, with the place of a mistake."""

    def __init__(self, *, kind: type, rows: int = 3, **options: Any) -> None:
        self.kind = kind
        widget = forms.Textarea(attrs={"rows": rows, "spellcheck": "false"})
        super().__init__(required=False, max_length=200_000, widget=widget, **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            read = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ValidationError(
                f"Not valid JSON in line {error.lineno}, column {error.colno}: {error.msg}."
            ) from None
        if not isinstance(read, self.kind):
            raise ValidationError(f"This must be a JSON {'list' if self.kind is list else 'object'}.")
        if b"\\u0000" in orjson.dumps(read):
            raise ValidationError("A NUL character cannot be stored.")
        return read or None


class VersionForm(forms.Form):
    name = forms.CharField(
        max_length=200,
        help_text="Of the model as you compare it. A known name makes the next version of it.",
        widget=forms.TextInput(attrs={"list": "known-names"}),
    )
    endpoint = forms.ModelChoiceField(Endpoint.objects.none(), empty_label="Choose one")
    model = forms.CharField(
        max_length=200,
        help_text="As the endpoint calls it.",
        widget=forms.TextInput(attrs={"list": "known-models", "autocapitalize": "none", "spellcheck": "false"}),
    )
    system_prompt = forms.CharField(
        required=False,
        strip=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text="Comes first. A case’s own system message follows it, or stands where you write {system}.",
    )
    prompt_template = forms.CharField(
        required=False,
        strip=False,
        max_length=200_000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="The case’s prompt stands where you write {prompt}. Empty: the prompt as it is.",
    )
    temperature = forms.FloatField(required=False, min_value=0, max_value=2, initial=0)
    top_p = forms.FloatField(required=False, min_value=0, max_value=1, label="Top p")
    max_tokens = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=1_000_000,
        label="Longest answer in tokens",
        help_text="An answer that is cut off there counts as an error, so leave room.",
    )
    length_limit = forms.ChoiceField(choices=LENGTH_LIMITS, required=False, label="Told to the server as")
    seed = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    stop = forms.CharField(
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Stop at",
        help_text="One text per line. In double quotes it may hold \\n for a line break.",
    )
    logprobs = forms.BooleanField(required=False, label="Ask for log probabilities, which perplexity needs")
    tools = JsonField(kind=list, rows=6, help_text="A list of tools. A case’s own tools come before these.")
    response_format = JsonField(kind=dict, help_text='For example {"type": "json_object"}.')
    extra = JsonField(
        kind=dict, label="Further parameters", help_text='Whatever else your server knows, like {"top_k": 40}.'
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        endpoint = self.fields["endpoint"]
        assert isinstance(endpoint, forms.ModelChoiceField)  # noqa: S101 - declared above
        endpoint.queryset = Endpoint.objects.filter(archived_at=None).order_by("name")

    def clean_system_prompt(self) -> str:
        return one_kind_of_line_break(self.cleaned_data["system_prompt"])

    def clean_prompt_template(self) -> str:
        return one_kind_of_line_break(self.cleaned_data["prompt_template"])

    def clean_stop(self) -> list[str]:
        lines = [line for line in one_kind_of_line_break(self.cleaned_data["stop"]).split("\n") if line.strip()]
        if len(lines) > MOST_STOPS:
            raise ValidationError(f"At most {MOST_STOPS} texts.")
        return [unquoted(line) for line in lines]

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        doubled = sorted(OWN_FIELDS & set(said.get("extra") or {}))
        if doubled:
            self.add_error("extra", f"{', '.join(doubled)} has a field of its own above.")
        if not self.errors:
            try:
                check(self.draft())
            except BadVersion as error:
                self.add_error(error.field_name if error.field_name in self.fields else None, str(error))
        return said

    def draft(self) -> VersionDraft:
        said = self.cleaned_data
        return VersionDraft(
            name=said["name"],
            endpoint=said["endpoint"],
            model=said["model"],
            system_prompt=said["system_prompt"],
            prompt_template=said["prompt_template"],
            params=self.params(),
        )

    def params(self) -> dict[str, Any]:
        said = self.cleaned_data
        params = {name: said[name] for name in (*PLAIN, "tools", "response_format") if said[name] is not None}
        if said["max_tokens"]:
            params[said["length_limit"] or "max_tokens"] = said["max_tokens"]
        if said["stop"]:
            params["stop"] = said["stop"]
        if said["logprobs"]:
            params["logprobs"] = True
        return {**params, **(said["extra"] or {})}


def one_kind_of_line_break(text: str) -> str:
    """Browsers send CRLF, files have LF: the same prompt must have the same hash."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def unquoted(line: str) -> str:
    if not line.startswith('"'):
        return line
    try:
        text = orjson.loads(line)
    except orjson.JSONDecodeError:
        raise ValidationError("A text that begins with a double quote must be one JSON string.") from None
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValidationError("A text that begins with a double quote must be one JSON string.")
    return text


def initial_from(version: ModelVersion) -> dict[str, Any]:
    """The form as it would have made this version, for the next one."""
    params = version.params
    limit = next((name for name, _ in LENGTH_LIMITS if name in params), "max_tokens")
    extra = {name: value for name, value in params.items() if name not in OWN_FIELDS}
    return {
        "name": version.name,
        "endpoint": version.endpoint_id,
        "model": version.model,
        "system_prompt": version.system_prompt,
        "prompt_template": version.prompt_template,
        **{name: params.get(name) for name in PLAIN},
        "max_tokens": params.get(limit),
        "length_limit": limit,
        "stop": "\n".join(shown_stop(text) for text in listed(params.get("stop"))),
        "logprobs": bool(params.get("logprobs")),
        **{name: pretty(params.get(name)) for name in ("tools", "response_format")},
        "extra": pretty(extra),
    }


def listed(stop: Any) -> list[str]:
    return [stop] if isinstance(stop, str) else list(stop or [])


def shown_stop(text: str) -> str:
    plain = text == text.strip() and text.isprintable() and not text.startswith('"')
    return text if plain else orjson.dumps(text).decode()


def pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() if value else ""
