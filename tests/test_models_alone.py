"""Every dbt unit test, once: `qwh build` of a whole warehouse asks only what tells of its rows."""

import os
import subprocess
import sys

from qwh.database.warehouse import PROJECT

DBT = (sys.executable, "-c", "from dbt.cli.main import cli; cli()")


def test_every_model_keeps_its_unit_tests(copy, tmp_path):
    arguments = ["test", "--select", "test_type:unit", "--target-path", tmp_path / "target"]
    arguments += ["--log-path", tmp_path / "logs"]
    done = subprocess.run(
        [*DBT, *arguments, "--project-dir", PROJECT, "--profiles-dir", PROJECT],
        env=os.environ | {"QWH_WAREHOUSE": str(copy.folder), "QWH_DATABASE": str(copy.database)},
        capture_output=True,
        text=True,
        timeout=1_800,
    )
    assert done.returncode == 0, done.stdout[-3_000:]
    texts = [path.read_text(encoding="utf-8") for path in (PROJECT / "models").rglob("*.yml")]
    asked = sum(text.count("\n  model: ") for text in texts)
    assert f" {asked} unit tests in " in done.stdout and asked > 80
    assert " WARN=0 ERROR=0 SKIP=0 " in done.stdout
