"""The modules that declare statistics; `@statistic` of port.py does the rest."""

MODULES: tuple[str, ...] = (
    "direction_agreement",
    "families",
    "letters",
    "prompt_failure",
    "prompt_failure_overall",
    "published",
    "rho",
    "rho_differences",
    "routers",
    "two_level",
)
