"""The description of the API: as OpenAPI for programs, as a page for people."""

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest as DjangoRequest
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from evalsite.platform.http import HttpRequest, render, role_required
from experiments.api.site import DESCRIPTION, description

KEY = "Idempotency-Key"
METHODS = ("get", "post", "put", "patch", "delete")


@require_safe
@login_not_required
def openapi(request: DjangoRequest) -> JsonResponse:
    return JsonResponse(description())


@require_safe
@role_required("lead", "admin")
def api_docs(request: HttpRequest) -> HttpResponse:
    described = description()
    sections: dict[str, list[dict[str, Any]]] = {}
    for path, operations in described["paths"].items():
        for method in METHODS:
            if method in operations:
                told = operation(path, method, operations[method], described, request.build_absolute_uri("/")[:-1])
                sections.setdefault(operations[method]["tags"][0], []).append(told)
    schemas = {name: properties(schema) for name, schema in sorted(described["components"]["schemas"].items())}
    context = {"sections": sections, "schemas": schemas, "description": DESCRIPTION}
    return render(request, "experiments/api_docs.html", context)


def operation(path: str, method: str, told: dict[str, Any], whole: dict[str, Any], site: str) -> dict[str, Any]:
    parameters = [
        {**one, "type": type_of(one.get("schema", {})), "description": one.get("description", "")}
        for one in told.get("parameters", [])
    ]
    bodies = told.get("requestBody", {}).get("content", {})
    return {
        "id": told["operationId"],
        "path": path,
        "method": method.upper(),
        "summary": told.get("summary", ""),
        "description": told.get("description", ""),
        "parameters": parameters,
        "bodies": {kind: type_of(body.get("schema", {})) for kind, body in bodies.items()},
        "answers": [
            (status, answer["description"], next((type_of(one["schema"]) for one in content(answer)), ""))
            for status, answer in told["responses"].items()
        ],
        "curl": curl(path, method.upper(), parameters, bodies, site),
    }


def content(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return list(answer.get("content", {}).values())


def type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(type_of(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {})) or 'anything'}"
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    return str(schema.get("format") or schema.get("type") or "anything")


def properties(schema: dict[str, Any]) -> list[dict[str, Any]]:
    if "enum" in schema:
        return [{"name": "one of", "type": type_of(schema), "description": ""}]
    return [
        {"name": name, "type": type_of(told), "description": told.get("description", "")}
        for name, told in schema.get("properties", {}).items()
    ]


def curl(path: str, method: str, parameters: list[dict[str, Any]], bodies: dict[str, Any], site: str) -> str:
    needed = [one for one in parameters if one["in"] == "query" and one.get("required")]
    query = "&".join(f"{one['name']}=…" for one in needed)
    lines = [f"curl {'-X POST ' if method == 'POST' else ''}'{site}{path}{'?' + query if query else ''}'"]
    lines.append("-H 'Authorization: Bearer evs_…'")
    headers = [one["name"] for one in parameters if one["in"] == "header" and one.get("required")]
    lines += ['-H "Idempotency-Key: $(uuidgen)"' if name == KEY else f"-H '{name}: …'" for name in headers]
    if "multipart/form-data" in bodies:
        lines.append("-F file=@cases.jsonl")
    elif bodies:
        lines.append("-H 'Content-Type: application/json' -d '{…}'")
    return " \\\n  ".join(lines)
