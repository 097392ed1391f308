"""`qwh bundle`: the whole warehouse as one file."""

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT, WarehouseOption


def bundle(
    output: Annotated[Path, typer.Option("-o", "--output", help="The .duckdb file to write.")],
    warehouse: WarehouseOption = DEFAULT,
) -> None:
    """Write one DuckDB file with everything in it, tokens too, that any DuckDB opens anywhere.

    Example: qwh bundle -o m.duckdb
    """
    from ..database.bundle import bundle
    from ..database.warehouse import Warehouse

    size = bundle(Warehouse(warehouse), output)
    print(f"{output}: {size / 1e6:,.1f} MB: open it with duckdb {output}")
