"""The modules that declare statistics; `@statistic` of port.py does the rest."""

MODULES: tuple[str, ...] = (
    "families",
    "letters",
)
