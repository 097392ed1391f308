"""qwh.toml: what it may say, what is wrong in one line, and which files its paths stand for."""

import os
import re
from pathlib import Path

import pytest
from conftest import REFERENCE, qwh

from qwh.commands.init import TEMPLATE
from qwh.errors import ExitCode, QwhError
from qwh.ingest import files
from qwh.ingest.cohort_file.hashes import Hashes
from qwh.ingest.cohort_file.keys import read_cohort_file
from qwh.ingest.quant_names import HeldNames, short_name
from qwh.raw.manifest import RunFacts

MODELS = 'reference = "m-f16.gguf"\nquants = ["models/*.gguf"]\n'
WHOLE = MODELS + '[[texts]]\npath = "wiki.txt"\n'
ASKED = WHOLE + "[[benchmarks]]\npath = 'q'\n"

GENERIC = "[[imports]]\npath = 'a'\nkind = 'generic'\n"
LM_EVAL = "[[imports]]\npath = 'a'\nkind = 'lm-eval'\n"
WRONG = {
    "": "it asks for nothing: add a [[texts]]",
    "cohrt = 'm'": "there is no key cohrt: did you mean cohort?",
    "cohort = 1": "cohort is 1: write text in quotes",
    "cohort = ''": 'cohort is "": write text in quotes',
    "xyz = 1": "there is no key xyz: there are cohort, warehouse,",
    MODELS: "it asks for nothing",
    MODELS + "[[texts]]": "texts[1] has no path: write path",
    MODELS + "[[texts]]\npth = 'a'": "there is no key texts[1].pth: did you mean path?",
    MODELS + "[texts]\npath = 'a'": "texts is a table: write a list of tables, each under",
    WHOLE + "context_length = '512'": 'texts[1].context_length is "512": write a whole number',
    WHOLE + "context_length = 4": "texts[1].context_length is 4: write a whole number from 8 on",
    WHOLE + "chunks = true": "texts[1].chunks is true: write a whole number from 2 on",
    WHOLE + "primary = 1": "texts[1].primary is 1: write true or false",
    WHOLE + "[[texts]]\npath = 'wiki.txt'": "two texts are called wiki: give each a name",
    WHOLE + "primary = true\n[[texts]]\npath = 'b'\nprimary = true": "two texts are primary",
    "margin = 2\n" + WHOLE: "margin is 2: write a number between 0 and 1",
    "until = '2%'\n" + WHOLE: 'until is "2%": write a number between 0 and 1',
    WHOLE + "[zone]\nrule = 'kld_max'": "zone has no threshold",
    WHOLE + "[zone]\nrules = 'kld_max'": "there is no key zone.rules: did you mean rule?",
    WHOLE + "[[benchmarks]]\npath = 'q'\nmax_new_tokens = 0": "benchmarks[1].max_new_tokens is 0",
    ASKED + "stop = 'Q:'": 'benchmarks[1].stop is "Q:": write a list of texts',
    ASKED + "stop = ['']": "benchmarks[1].stop is a list: write a list of texts",
    ASKED + "extract = 1": "benchmarks[1].extract is 1: write text in quotes",
    ASKED + "extract = '(?=a)'": "benchmarks[1]: cannot look for the pattern '(?=a)'",
    ASKED + "chat_template = true": "benchmarks[1].chat_template is true: write text in quotes",
    ASKED + "attempts = 0": "benchmarks[1].attempts is 0: write a whole number from 1 on",
    ASKED + "attempts = 2": "benchmarks[1]: 2 greedy attempts would be one answer",
    ASKED + "sampling_temperature = -1": "benchmarks[1].sampling_temperature is -1: write a number",
    ASKED + "sampling_temperature = inf": "benchmarks[1].sampling_temperature is inf: write a",
    ASKED + "seed = 1.5": "benchmarks[1].seed is 1.5: write a whole number from 0 on",
    ASKED + "seed = 1": "benchmarks[1]: a seed moves no greedy answer",
    ASKED + "parallel = 0": "benchmarks[1].parallel is 0: write a whole number from 1 on",
    "calibration = 1\n" + WHOLE: "calibration is 1: write text in quotes",
    ASKED + "temperature = 1": "there is no key benchmarks[1].temperature",
    "reference = 'a'\n[[texts]]\npath = 'b'": "there is no quants",
    "[[texts]]\npath = 'b'": "there is no reference",
    "quants = [1]": "quants is a list: write files",
    "quants = [{ pth = 'a' }]": "there is no key quants[1].pth: did you mean path?",
    "quants = [{ path = 'a', facts = { a = [1] } }]": "quants[1].facts is a table: write a table",
    "[[imports]]\npath = 'a'\nkind = 'lama-log'": "kind is lama-log: did you mean llama-log?",
    "[[imports]]\npath = 'a'\nkind = 'generic'": "imports[1] has no map, which says what its",
    GENERIC + "map = { scor = 'x' }": "there is no imports[1].map.scor: did you mean score?",
    GENERIC + "picks = { metric = 'x' }": "imports[1].picks is not for the kind generic: write map",
    GENERIC + "map = { score = ['x'] }": "imports[1].map is a table: write a table of texts",
    LM_EVAL + "picks = { metrc = 'x' }": "there is no imports[1].picks.metrc: did you mean metric?",
    LM_EVAL + "map = { item = 'x' }": "imports[1].map is not for the kind lm-eval: write picks",
    "[[imports]]\npath = 'a'\npicks = { metric = 'acc' }": "has picks and no kind, whose they are",
    "[[imports]]\npath = 'a.log'\nreference = 'f16'": "write {quant} where the name stands",
    "quants = ['a'": "Unclosed array (at end of document): mend that line",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_said_in_one_line(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("qwh.toml").write_text(text)
    done = qwh("run")
    assert done.exit_code == ExitCode.BAD_INPUT and done.stdout == ""
    assert done.stderr.startswith(("qwh: qwh.toml: ", "qwh: cannot read qwh.toml: "))
    assert WRONG[text] in done.stderr and done.stderr.count("\n") == 1
    assert not Path("warehouse").exists()


def test_paths_that_are_not_there_are_said_in_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("m-f16.gguf", "m-Q8_0.gguf"):
        Path(name).write_bytes(b"no model")
    Path("wiki.txt").write_text("words")
    wrong = {
        MODELS.replace("m-f16", "m-f32") + '[[texts]]\npath = "wiki.txt"': "reference is",
        WHOLE: "no model file fits",
        WHOLE.replace('["models/*.gguf"]', '["models"]'): "quants has",
        WHOLE.replace("models/*", "m-Q*").replace("wiki.txt", "wikis.txt"): "wikis.txt: there is",
        "[[imports]]\npath = 'logs/{quant}.log'": "no file fits it",
    }
    for text, said in wrong.items():
        Path("qwh.toml").write_text(text)
        done = qwh("run")
        assert done.exit_code == ExitCode.NOT_FOUND, done.stderr
        assert said in done.stderr and done.stderr.count("\n") == 1, done.stderr
    done = qwh("run", "other.toml")
    assert done.exit_code == ExitCode.NOT_FOUND and "qwh init writes one" in done.stderr
    Path("qwh.toml").write_text(WHOLE + "[zone]\nrule = 'kld'\nthreshold = 1\n")
    done = qwh("run")
    assert done.exit_code == ExitCode.BAD_INPUT and "zone.rule is kld: write one of" in done.stderr


def test_paths_are_those_of_the_files_folder(tmp_path, monkeypatch):
    folder = tmp_path / "[a] b*"
    folder.mkdir()
    (folder / "qwh.toml").write_text(WHOLE + "[[imports]]\npath = '../logs/{quant}.log'\n")
    monkeypatch.chdir(tmp_path)
    asked = read_cohort_file(folder / "qwh.toml")
    assert asked.reference == folder / "m-f16.gguf" and asked.texts[0].path == folder / "wiki.txt"
    (folder / "models").mkdir()
    (folder / "models" / "m-Q4.gguf").write_bytes(REFERENCE.read_bytes()[:64])
    assert files.models([asked.quants[0].path], asked.reference) == [
        folder / "models" / "m-Q4.gguf"
    ]


def test_what_init_writes_is_read_and_every_key_of_it_is_one(tmp_path, monkeypatch):
    """With each comment that is a setting made one."""
    monkeypatch.chdir(tmp_path)
    assert qwh("init", "my warehouse").exit_code == 0
    written = Path("qwh.toml").read_text()
    asked = read_cohort_file(Path("qwh.toml"))
    assert asked.cohort == tmp_path.name and asked.warehouse == tmp_path / "my warehouse"
    assert [text.name for text in asked.texts] == ["wiki"]
    assert asked.margin is None and asked.until is None
    settings = re.sub(r"^# (?=\[|\w+ = )", "", written, flags=re.MULTILINE)
    tables, quants, zone = re.split(r"(?=^\[\[quants]]|^\[zone])", settings, flags=re.MULTILINE)
    Path("qwh.toml").write_text(tables + zone)
    asked = read_cohort_file(Path("qwh.toml"))
    assert asked.margin == 0.02 and asked.until == 0.03 and asked.zone == ("kld_max", 0.05)
    assert asked.texts[0].primary and asked.texts[0].chunks == 100
    assert asked.imports[0].reference == "f16" and asked.benchmarks[0].manner.max_new_tokens == 8
    without = re.sub("^quants = .*", "", tables, flags=re.MULTILINE)
    Path("qwh.toml").write_text(without + quants)
    [other] = read_cohort_file(Path("qwh.toml")).quants
    assert other.name == "Q4-other" and other.facts == {"imatrix": "their own"}


def test_init_leaves_a_file_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("qwh.toml").write_text("mine")
    done = qwh("init")
    assert done.stdout == f"{tmp_path / 'warehouse'}\n" and "stays as it is" in done.stderr
    assert Path("qwh.toml").read_text() == "mine"
    Path("qwh.toml").unlink()
    assert "put your files into it" in qwh("init").stderr
    assert "warehouse =" not in Path("qwh.toml").read_text()
    assert max(map(len, TEMPLATE.splitlines())) <= 100


@pytest.mark.parametrize(
    ("stem", "reference", "name"),
    [
        ("m-Q4_K_M", "m-f16", "Q4_K_M"),
        ("SmolLM2-135M-Instruct-Q4_K_M", "SmolLM2-135M-Instruct-BF16", "Q4_K_M"),
        ("Qwen2.5-7B.Q4_K_M", "Qwen2.5-7B.f16", "Q4_K_M"),
        ("my model Q8_0", "my model f16", "Q8_0"),
        ("m-f16-Q4", "m-f16", "Q4"),
        ("m-f16+embd-Q8_0", "m-f16", "f16+embd-Q8_0"),
        ("m_Q4", "m_f16", "m_Q4"),
        ("m", "m-f16", "m"),
        ("m-Q8_0", "m-Q8_0-original", "Q8_0"),
        ("other-Q4", "m-f16", "other-Q4"),
        ("M-Q4", "m-f16", "M-Q4"),
    ],
)
def test_a_name_is_what_the_reference_does_not_share(stem, reference, name):
    assert short_name(stem, reference) == name


def test_what_is_stored_keeps_its_name():
    held = [
        RunFacts(role="quant", quant_id="mine", file_sha256="a"),
        RunFacts(role="quant", quant_id="m-Q6_K"),
        RunFacts(role="reference", quant_id="base", file_sha256="r"),
    ]
    names = HeldNames(held, "m-f16")
    assert names.of_quant(Path("m-Q8_0.gguf"), "a") == "mine"
    assert names.of_quant(Path("m-Q8_0.gguf"), "b") == "Q8_0"
    assert names.of_quant(Path("m-Q8_0.gguf"), "b", "said") == "said"
    assert names.of_quant(Path("m-Q6_K.gguf"), "c") == "m-Q6_K", "an import's, in full"
    assert names.of_reference("r") == "base" and names.of_reference("s") == "m-f16"


def test_folders_and_patterns_stand_for_their_models(tmp_path):
    model = REFERENCE.read_bytes()[:64]
    for name in (
        "m-f16",
        "m-Q10",
        "m-Q2",
        "mmproj-f16",
        "big-00001-of-00002",
        "big-00002-of-00002",
    ):
        (tmp_path / f"{name}.gguf").write_bytes(model)
    (tmp_path / "README.md").write_text("no model")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "m-Q3.gguf").write_bytes(model)
    os.symlink(tmp_path / "m-f16.gguf", tmp_path / "again.gguf")
    reference = tmp_path / "m-f16.gguf"

    def found(*given: str) -> list[str]:
        paths = files.models([tmp_path / each for each in given], reference)
        return [path.relative_to(tmp_path).as_posix() for path in paths]

    beside = ["big-00001-of-00002.gguf", "m-Q2.gguf", "m-Q10.gguf"]
    assert found("*.gguf") == beside
    assert found("*") == ["below/m-Q3.gguf", *beside]
    assert found("**/*.gguf") == found(".") == ["below/m-Q3.gguf", *beside]
    assert found("m-Q10.gguf", "*.gguf") == ["m-Q10.gguf", *beside[:2]]
    assert found("m-f16.gguf") == ["m-f16.gguf"], "a file that is named is that file"
    assert found("nothing.gguf") == ["nothing.gguf"], "who opens it says that it is not there"
    with pytest.raises(QwhError, match=r"no model file fits .*: check the pattern"):
        found("*.bin")
    (tmp_path / "[1].gguf").write_bytes(model)
    assert found("[1].gguf") == ["[1].gguf"]
    (tmp_path / "m-Q1²2.gguf").write_bytes(model)
    assert found("m-Q1*") == ["m-Q1²2.gguf", "m-Q10.gguf"], "a raised 2 is no number to count by"


def test_a_hash_is_made_once_and_again_where_the_file_is_another(tmp_path):
    path, made = tmp_path / "m.gguf", []
    path.write_text("one")

    def make(at: Path) -> str:
        made.append(at)
        return at.read_text()

    hashes = Hashes(tmp_path)
    assert hashes.of(path, make) == "one" and hashes.of(path, make) == "one"
    hashes.save()
    assert Hashes(tmp_path).of(path, make) == "one" and len(made) == 1
    path.write_text("two")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert Hashes(tmp_path).of(path, make) == "two"
    for damage in ("", "[]", "{", '{"x": 1}', '{"x": {"sha256": 1}}'):
        (tmp_path / ".cache" / "hashes.json").write_text(damage)
        assert Hashes(tmp_path).of(path, make) == "two"
