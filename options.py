"""Options that several commands share."""

from pathlib import Path
from typing import Annotated, Optional

import typer

WarehouseOption = Annotated[Path, typer.Option("--warehouse", envvar="QWH_WAREHOUSE", help="The warehouse's folder.")]
CohortOption = Annotated[Optional[str], typer.Option(help="Only this cohort's rows.")]
DEFAULT = Path("warehouse")
