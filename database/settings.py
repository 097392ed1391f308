"""The project's settings: the vars of dbt_project.yml, for those who cannot ask dbt."""

from functools import lru_cache
from typing import Any

from .warehouse import PROJECT


@lru_cache
def variables() -> dict[str, Any]:
    """name -> value: margin, seed, numbers of draws, as every table is built with them."""
    import yaml

    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
