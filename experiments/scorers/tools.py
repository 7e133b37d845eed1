"""What the tools of a case look like: names and parameters, from OpenAI's form or a flat one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Tool:
    """`properties` are the schemas of its parameters by name; `open` tells that it takes others too."""

    name: str
    properties: Mapping[str, Any] = field(default_factory=dict)
    required: Sequence[str] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def schema_of(self, argument: str) -> Mapping[str, Any]:
        schema = self.properties.get(argument)
        return schema if isinstance(schema, Mapping) else {}


def same_name(one: str, other: str) -> bool:
    """The protocol allows no dots in names, so that `maps.route` is offered, and called, as `maps_route`."""
    return one.replace(".", "_") == other.replace(".", "_")


def tools_of(listed: object) -> list[Tool]:
    """The tools that can be understood; what cannot is left out."""
    if not isinstance(listed, Sequence) or isinstance(listed, str):
        return []
    return [tool for item in listed if (tool := _tool(item)) is not None]


def find(tools: Sequence[Tool], name: str) -> Tool | None:
    return next((tool for tool in tools if same_name(tool.name, name)), None)


def _tool(item: object) -> Tool | None:
    if isinstance(item, Mapping) and isinstance(item.get("function"), Mapping):
        item = item["function"]
    if not isinstance(item, Mapping) or not isinstance(item.get("name"), str):
        return None
    parameters = item.get("parameters")
    parameters = parameters if isinstance(parameters, Mapping) else {}
    properties, required = parameters.get("properties"), parameters.get("required")
    return Tool(
        item["name"],
        properties if isinstance(properties, Mapping) else {},
        [name for name in required if isinstance(name, str)] if isinstance(required, list) else [],
        parameters,
    )
