"""The sections; a file here is one, by the name that `--only` takes."""

from importlib import import_module
from pkgutil import iter_modules

from benchmarks.section import Section


def sections() -> dict[str, Section]:
    """Every section by its name."""
    names = sorted(module.name for module in iter_modules(__path__))
    return {name: import_module(f"{__name__}.{name}").SECTION for name in names}
