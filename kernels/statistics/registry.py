"""The modules that declare statistics; `@statistic` of port.py does the rest."""

MODULES: tuple[str, ...] = (
    "direction_agreement",
    "families",
    "letters",
    "losses",
    "prompt_failure",
    "prompt_failure_overall",
    "published",
    "relatives",
    "rho",
    "rho_differences",
    "routers",
    "these",
    "two_level",
    "zone_choice",
    "zone_null",
    "zone_ranking",
)
