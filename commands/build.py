"""`qwh build`: the tables and their tests."""

from contextlib import suppress
from typing import Annotated, Any

import typer

from ..errors import ExitCode, QwhError
from .options import DEFAULT, WarehouseOption

PROJECTS = "project"  # --zone's word for no zone of one's own


def build(
    full_refresh: Annotated[
        bool, typer.Option(help="Rebuild every table, from nothing but raw.")
    ] = False,
    select: Annotated[str | None, typer.Option(help="dbt's own selection of models.")] = None,
    zone: Annotated[
        str | None,
        typer.Option(
            help="RULE=THRESHOLD: the silent zone that tables and the study tell of from here on,"
            f" kld_max=0.005; {PROJECTS}: the project's own."
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option(help="End with 8 where a cohort had to be set aside.")
    ] = False,
    wait: Annotated[bool, typer.Option(help="Build after one that is at work.")] = False,
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Refresh every table and run every data test (dbt build), if anything is new. A cohort whose
    rows do not pass is set aside in unbuilt_cohorts, and the others are built. Example: qwh build
    """
    from ..database import build
    from ..database.warehouse import Warehouse
    from ..progress import say

    settings = None if zone is None else {} if zone == PROJECTS else _zone(zone)
    built = build.build(Warehouse(warehouse), full_refresh, select, settings, wait)
    say(built.line())
    if strict and built.unbuilt:
        raise QwhError(
            f"{len(built.unbuilt)} cohorts were set aside ({', '.join(built.unbuilt)}): see qwh"
            " show unbuilt_cohorts",
            ExitCode.BUILD_FAILED,
        )


def _zone(text: str) -> dict[str, Any]:
    """The settings of a default zone. Raises QwhError."""
    from ..kernels.statistics.zone.zone_choice import RULES

    rule, _, threshold = text.partition("=")
    with suppress(ValueError):
        if rule in RULES and 0 < float(threshold) < float("inf"):
            return {"zone_rule": rule, "zone_threshold": float(threshold)}
    raise QwhError(
        f"--zone {text} is no zone: write a rule ({', '.join(RULES)}) and a threshold above 0, such"
        " as kld_max=0.005",
        ExitCode.USAGE,
    )
