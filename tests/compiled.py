"""The project as dbt compiles it, for tests of its SQL."""

import json
import shutil
from pathlib import Path

import pytest

from qwh.database.dbt_build import close_the_database
from qwh.database.warehouse import DATABASE, PROJECT, Warehouse


@pytest.fixture(scope="session")
def manifest(toy: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """dbt's manifest with the SQL of every model, compiled beside the toy warehouse."""
    from dbt.cli.main import dbtRunner

    folder: Path = tmp_path_factory.mktemp("compiled")
    shutil.copy(toy.database, folder / DATABASE)
    options = {
        "--project-dir": PROJECT,
        "--profiles-dir": PROJECT,
        "--target-path": folder,
        "--log-path": folder,
        "--select": "resource_type:model",
    }
    given = [part for option in options.items() for part in map(str, option)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QWH_WAREHOUSE", str(toy.folder))
        patch.setenv("QWH_DATABASE", str(folder / DATABASE))
        done = dbtRunner().invoke(["compile", "--quiet", *given])
        close_the_database()
    assert done.success, done.exception
    return json.loads((folder / "manifest.json").read_text())
