"""The modules that declare statistics; `@statistic` of port.py does the rest."""

MODULES: tuple[str, ...] = (
    "direction_agreement",
    "families",
    "letters",
    "published",
    "rho",
    "rho_differences",
    "two_level",
)
