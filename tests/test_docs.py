"""What README.md and demo/README.md print is what the commands print: `just docs` makes it anew."""

import difflib

import docs
import pytest

every_page = pytest.mark.parametrize(
    "page", docs.PAGES, ids=lambda page: str(page.relative_to(docs.ROOT))
)


@every_page
def test_outputs_are_what_the_commands_print(page, study):
    printed = page.read_text()
    now = docs.regenerated(printed, study.parent)
    unlike = difflib.unified_diff(printed.splitlines(), now.splitlines(), "stands", "prints", n=0)
    assert "\n".join(unlike) == "", "stale: run `just docs`"


@every_page
def test_pages_are_narrow(page):
    assert [line for line in page.read_text().splitlines() if len(line) > docs.WIDTH] == []


def test_the_readme_says_what_it_is_for_and_one_command_at_once():
    lines = (docs.ROOT / "README.md").read_text().splitlines()
    assert len(lines) <= 120
    assert any('pip install ".[demo]" && qwh demo' in line for line in lines[:20])


def test_ci_runs_the_command_that_the_readme_gives():
    command = 'pip install ".[dev]" && pytest'
    for page in ("README.md", ".ci/run"):
        assert command in (docs.ROOT / page).read_text().splitlines(), page
