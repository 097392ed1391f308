"""What commands take unless they are told otherwise."""

import os
from pathlib import Path

DEFAULT = Path("warehouse")
WAREHOUSE = "QWH_WAREHOUSE"  # the variable that names another


def usual_warehouse() -> Path:
    """The warehouse of a command that names none."""
    return Path(os.environ.get(WAREHOUSE) or DEFAULT)
