"""Ways of asking in qwh.toml: what was asked so is not asked again, anything else is."""

import json
from collections import Counter

import duckdb
import pytest
from conftest import REFERENCE, qwh
from gguf_files import micro, read
from outside import Outside
from scipy.special import softmax
from scipy.stats import chisquare

from qwh.errors import QwhError
from qwh.ingest.cohort import Settings
from qwh.ingest.cohort_file.carry_out import carry_out
from qwh.ingest.cohort_file.hashes import Hashes
from qwh.ingest.cohort_file.keys import read_cohort_file
from qwh.ingest.cohort_file.todo import Todo, todo
from qwh.ingest.prompts.manner import Manner
from qwh.raw.store import Store

PROMPTS = [{"prompt": f"{n} + {n} =", "answers": [str(2 * n)]} for n in range(3)]
CHOICES = [{"prompt": "2 + 2 =", "choices": ["4", "5"], "right": 0}]
MODELS = 'cohort = "c"\nreference = "ref.gguf"\nquants = ["q.gguf"]\n'
TEMPLATE = "{{ messages[0].content }}>"


@pytest.fixture
def folder(tmp_path):
    model = micro().set(tokenizer__chat_template=TEMPLATE)
    model.write(tmp_path / "ref.gguf")
    model.shaken(1).write(tmp_path / "q.gguf")
    for name, lines in (("sums", PROMPTS), ("mc", CHOICES)):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (tmp_path / "mine.jinja").write_text(TEMPLATE)
    return tmp_path


def asked(folder, *entries: str) -> tuple[Todo, list[str]]:
    """What a file of these benchmarks lacks, and what was done about it."""
    tables = "".join(f"[[benchmarks]]\n{entry}\n" for entry in entries)
    (folder / "qwh.toml").write_text(MODELS + tables)
    file = read_cohort_file(folder / "qwh.toml")
    store = Store(folder / "warehouse").create()
    hashes = Hashes(folder / "warehouse")
    wanted = todo(file, "c", store, hashes)
    made = [] if wanted.is_empty else list(carry_out(file, wanted, store, hashes, Settings(1)))
    return wanted, [f"{each.run.role} {each.run.task} {each.run.corpus_id}" for each in made]


WAYS = {
    "": ["benchmark", "answers"],
    'chat_template = "auto"': ["benchmark", "answers"],
    'chat_template = "mine.jinja"\nmax_new_tokens = 3': ["benchmark", "answers"],
    'stop = ["1"]': ["benchmark"],
    "extract = '([0-9]+)'": ["benchmark"],
    "sampling_temperature = 0.5\nattempts = 2\nseed = 3": ["benchmark", "answers"],
    "parallel = 2": ["benchmark", "answers"],
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_asked_so_is_not_asked_again(folder, way):
    entry = f'path = "sums.jsonl"\n{way}'
    _, made = asked(folder, entry)
    tasks = WAYS[way]
    assert sorted(made) == sorted(
        f"{who} {task} sums" for who in ("reference", "quant") for task in tasks
    )
    again, made = asked(folder, entry)
    assert again.is_empty and made == []
    other = 'path = "sums.jsonl"\nmax_new_tokens = 5'
    with pytest.raises(QwhError, match="with other settings"):  # two ways are not mixed
        asked(folder, other)


def test_choices_are_asked_once(folder):
    for way in ("", 'chat_template = "auto"'):
        entry = f'path = "mc.jsonl"\n{way}'
        where = folder / (way and "chat")
        where.mkdir(exist_ok=True)
        for path in folder.glob("*.*"):
            if where != folder and path.is_file():
                (where / path.name).write_bytes(path.read_bytes())
        assert sorted(asked(where, entry)[1]) == ["quant benchmark mc", "reference benchmark mc"]
        assert asked(where, entry)[0].is_empty


def test_attempts_are_samples_and_differ_by_the_seed(folder):
    found = []
    for seed in (1, 1, 2):
        where = folder / str(len(found))
        where.mkdir()
        for name in ("ref.gguf", "q.gguf", "sums.jsonl"):
            (where / name).write_bytes((folder / name).read_bytes())
        warm = f"sampling_temperature = 1.0\nattempts = 3\nseed = {seed}"
        asked(where, f'path = "sums.jsonl"\n{warm}')
        store = Store(where / "warehouse")
        (run,) = (run for run in store.runs() if (run.role, run.task) == ("quant", "benchmark"))
        part = store.part("samples", run.run_id)
        rows = duckdb.sql(f"select prompt_id, attempt, answer from '{part}' order by all")
        found.append(rows.fetchall())
        assert [row[1] for row in found[-1]] == [0, 1, 2] * 3
    assert found[0] == found[1] != found[2]


def test_what_is_drawn_are_the_models_own_probabilities(tmp_path):
    """First tokens of 600 answers against the softmax of straight llama.cpp, chi-square."""
    prompt, attempts, warm = "Q: Where does Abel live?\nA: ", 600, 3.0
    (tmp_path / "b.jsonl").write_text(json.dumps({"prompt": prompt, "answers": "x"}))
    quant = read(REFERENCE).shaken(1).write(tmp_path / "q.gguf")
    models = ("--reference", REFERENCE, "--quant", quant, "--threads", 1)
    where = ("--cohort", "c", "--warehouse", tmp_path / "w", "--max-new-tokens", 1)
    drawn = ("--attempts", attempts, "--sampling-temperature", warm)
    done = qwh("ingest", "prompts", tmp_path / "b.jsonl", *models, *where, *drawn)
    assert done.exit_code == 0, done.stderr
    store, model = Store(tmp_path / "w"), Outside(REFERENCE)
    chances: Counter[str] = Counter()
    for token, chance in enumerate(softmax(model.logits(list(prompt.encode()))[-1] / warm)):
        text = bytes([token]).decode(errors="replace") if token < 256 else ""
        chances[text.strip()] += chance
    model.close()
    (run,) = (r for r in store.runs() if (r.role, r.task) == ("reference", "benchmark"))
    part = store.part("samples", run.run_id)
    found = Counter(answer for (answer,) in duckdb.sql(f"select answer from '{part}'").fetchall())
    assert found.total() == attempts and found.keys() <= chances.keys()
    often = [text for text, chance in chances.items() if attempts * chance >= 5]
    seen = [found[text] for text in often]
    share = [attempts * chances[text] for text in often]
    rest = (attempts - sum(seen), attempts - sum(share))
    assert len(often) > 3 and chisquare([*seen, rest[0]], [*share, rest[1]]).pvalue > 1e-3


def test_a_manner_is_checked():
    for wrong in (
        Manner(sampling_temperature=-1),
        Manner(sampling_temperature=float("nan")),
        Manner(sampling_temperature=float("inf")),
        Manner(stop=("",)),
    ):
        with pytest.raises(QwhError):
            wrong.checked()
    assert Manner().checked() == Manner()
