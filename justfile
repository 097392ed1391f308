# What is done with this code, each by one word. `pip install ".[dev]"` brings `just`.

# all of it: what CI asks
default: lint types sql test house

# rewrite the Python in the house's form
fmt:
    ruff format .
    ruff check --fix-only --quiet .

# is the Python in that form, and does the linter find nothing
lint:
    ruff format --check .
    ruff check .

# does the type checker find nothing
types:
    mypy

# does the SQL linter find nothing
sql:
    sqlfluff lint --disable-progress-bar analyses macros models tests

# the tests, which also compare the outputs that the docs print; `just test -k shell` runs some
test *options:
    pytest {{ options }}

# make the outputs that the docs print anew
docs:
    python tests/docs.py

# the house in figures: widths, sizes, type errors, what an addition touches
house:
    python tests/house.py

# the study in miniature: `just demo --study` needs no model
demo *options:
    qwh demo {{ options }}
