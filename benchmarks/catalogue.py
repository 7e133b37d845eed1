"""Finds the measurements of a folder, by the names of its modules."""

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType


def names(package: ModuleType) -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_"))


def chosen(package: ModuleType, wanted: Sequence[str]) -> list[str]:
    known = names(package)
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        sys.exit(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [name for name in known if not wanted or name in wanted]


def load(package: ModuleType, name: str) -> ModuleType:
    return importlib.import_module(f"{package.__name__}.{name}")
