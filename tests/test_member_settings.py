"""A member is a file and its settings: names, facts, refusals, and llama.cpp's own figures."""

import json
import subprocess
from pathlib import Path

import gguf_files
import numpy as np
import peer
import pytest
from conftest import LENGTH, MODEL, REFERENCE, ingest, qwh
from gguf_runs import refused
from test_second_readings import published, rows

from qwh.errors import ExitCode, QwhError
from qwh.ingest.cohort import Settings
from qwh.ingest.cohort_file.carry_out import carry_out
from qwh.ingest.cohort_file.hashes import Hashes
from qwh.ingest.cohort_file.keys import read_cohort_file
from qwh.ingest.cohort_file.todo import todo
from qwh.ingest.engines import registry, settings
from qwh.ingest.engines.llama_settings import SETTINGS, parameters
from qwh.ingest.engines.port import PLAIN
from qwh.raw.store import Store

KNOWN = settings.COMMON | SETTINGS
CUT = ("--chunks", 3, "--threads", 1)


def label(**given: str) -> str:
    return settings.under(PLAIN, given.items(), KNOWN).label


def test_a_label_has_what_is_not_usual_and_one_word_for_both():
    assert label() == label(kv_type="f16", flash_attention="auto", k_type="f16") == ""
    assert label(k_type="q8_0", v_type="q8_0") == label(kv_type="q8_0") == "kv_type=q8_0"
    assert label(kv_type="q8_0", v_type="q4_0") == "k_type=q8_0,v_type=q4_0"
    assert label(kv_type="q8_0", v_type="f16") == "k_type=q8_0"
    assert label(rows="16", kv_type="q8_0") == "kv_type=q8_0,rows=16"
    assert label(lora="/some/where/a.gguf") == "lora=a.gguf"


def test_settings_on_top_of_others_replace_them():
    first = settings.under(PLAIN, [("kv_type", "q8_0")], KNOWN)
    assert settings.under(first, [("k_type", "f16")], KNOWN).label == "v_type=q8_0"
    assert settings.under(first, [("kv_type", "f16")], KNOWN) == PLAIN
    again = settings.under(first, [("rows", "512")], KNOWN)
    assert settings.is_same(first, again) and again.label != first.label


def test_a_name_has_the_settings_short_words():
    for given, word in (
        ({"kv_type": "q8_0"}, "+kv-q8_0"),
        ({"k_type": "q8_0", "v_type": "q4_0"}, "+k-q8_0+v-q4_0"),
        ({"flash_attention": "off"}, "+fa-off"),
        ({"lora": "/some/where/style.gguf=0.5"}, "+lora-style-0.5"),
        ({"rope_scaling": "yarn", "rope_freq_base": "500000"}, "+rope-base-500000+rope-yarn"),
    ):
        assert settings.suffix(settings.under(PLAIN, given.items(), KNOWN), KNOWN) == word


def test_settings_become_llama_cpps_parameters():
    given = {"kv_type": "q8_0", "flash_attention": "on", "rope_freq_scale": "0.5"}
    found = parameters(settings.under(PLAIN, given.items(), KNOWN))
    assert found == {"type_k": 8, "type_v": 8, "flash_attn_type": 1, "rope_freq_scale": 0.5}
    assert parameters(PLAIN) == {}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"kw_type": "q8_0"}, "there is no setting kw_type where llama.cpp runs"),
        ({"kv_type": "q9_0"}, "kv_type=q9_0 is none: did you mean q8_0"),
        ({"rows": "0"}, "rows=0 is none: write a whole number from 1 on"),
        ({"rope_freq_base": "much"}, "write a number above 0"),
        ({"lora": "nowhere.gguf"}, "there is no such file"),
        ({"v_type": "q4_0", "flash_attention": "off"}, "values kept as q4_0 need flash attention"),
    ],
)
def test_what_an_engine_does_not_take_is_said_in_one_line(given, words):
    with pytest.raises(QwhError, match=words.replace("(", ".")):
        registry.reading_under("gguf", PLAIN, given.items())


def test_two_values_of_one_setting_are_refused(tmp_path, quants):
    given = ("--kv-type", "q8_0", "--reading", "kv_type=q4_0")
    refused(
        ingest(tmp_path, [quants["Q8_0"]], *CUT, *given),
        "kv_type is given as q8_0 and as q4_0",
        code=ExitCode.USAGE,
    )


def test_a_stored_source_has_no_settings():
    with pytest.raises(QwhError, match="kv_type=q8_0 is a setting of a model that is run"):
        registry.reading_under("logits-file", PLAIN, [("kv_type", "q8_0")])


@pytest.fixture(scope="module")
def cached(tmp_path_factory) -> Path:
    """The reference's own file with keys and values of other types, one command each."""
    folder = tmp_path_factory.mktemp("cached")
    span = ("--context-length", 256, "--chunks", 8, "--threads", 1, "--batch-size", 256)
    for more in (("--kv-type", "q8_0"), ("--kv-type", "q4_0"), ("--flash-attention", "off")):
        done = ingest(folder, [REFERENCE], *span, *more)
        assert done.exit_code == 0, done.stderr
    return folder


def member(warehouse: Path, name: str) -> object:
    return next(run for run in Store(warehouse).runs() if run.quant_id == name)


def test_the_references_own_file_is_a_member_under_other_settings(cached):
    found = published(cached)
    assert set(found) == {
        ("reference", "tiny-f16", ""),
        ("quant", "tiny-f16+kv-q8_0", "kv_type=q8_0"),
        ("quant", "tiny-f16+kv-q4_0", "kv_type=q4_0"),
        ("quant", "tiny-f16+fa-off", "flash_attention=off"),
    }
    assert len({run.file_sha256 for run in found.values()}) == 1
    means = [
        rows(cached, "tokens", member(cached, f"tiny-f16+{word}").run_id).mean()
        for word in ("fa-off", "kv-q8_0", "kv-q4_0")
    ]
    assert 0 < means[0] < means[1] < means[2]


@pytest.mark.parametrize(
    ("word", "ppl", "mean", "largest"),
    [("kv-q8_0", 1.192745, 0.0, 0.000051), ("kv-q4_0", 1.192392, 0.000059, 0.010467)],
)
def test_llama_perplexity_says_the_same_of_a_quantized_cache(cached, word, ppl, mean, largest):
    """What it printed for these chunks, with -ctk and -ctv, of a base that holds 16-bit codes.

    Of SmolLM2-135M (F16, q8_0, 3 x 256 tokens of demo/prose.txt) it printed a mean of 0.000201 and
    at most 0.001585 nats where this finds 0.000198 and 0.001579.
    """
    run = member(cached, f"tiny-f16+{word}")
    nll, kld = rows(cached, "tokens", run.run_id, "nll, kld").T
    assert abs(np.exp(nll.mean()) - ppl) < 2e-5
    assert abs(kld.mean() - mean) < 2e-6 + 0.02 * mean
    assert abs(kld.max() - largest) < 4e-5 + 0.02 * largest


def test_quants_of_a_stored_reference_have_settings_too(tmp_path):
    base = Path(__file__).parent / "golden" / "base.dat"
    for more in ((), ("--kv-type", "q4_0", "--repeat")):
        quant = ("--quant", REFERENCE, "--quant-id", f"own{len(more)}", "--threads", 1)
        done = qwh(
            *("ingest", "logits-file", base, *quant, "--cohort", "c", *more),
            *("--warehouse", tmp_path),
        )
        assert done.exit_code == 0, done.stderr
    found = published(tmp_path)
    plain, cached = (
        found["quant", name, label] for name, label in (("own0", ""), ("own3", "kv_type=q4_0"))
    )
    assert found["repeat", "own3", "kv_type=q4_0,rows=16"].first_run_id == cached.run_id
    means = [rows(tmp_path, "tokens", run.run_id).mean() for run in (plain, cached)]
    assert means[0] < 1e-5 < means[1]


PROGRAM = peer.cache() / "build" / "bin" / "llama-perplexity"


@pytest.mark.skipif(not PROGRAM.exists(), reason="benchmarks/peer.py builds llama-perplexity")
def test_llama_perplexity_itself_says_so(tmp_path, cached):
    """Where it is built: 0.000059 against 0.0000588 nats for q4_0."""
    text = MODEL / "corpus.txt"
    command = [PROGRAM, "-m", REFERENCE, "-f", text, "-c", 256, "-b", 256, "--chunks", 8, "-t", 1]
    command += ["--kl-divergence-base", tmp_path / "base.dat"]
    cache = ["--kl-divergence", "-ctk", "q4_0", "-ctv", "q4_0"]
    for more in ([], cache):
        done = subprocess.run(
            [str(part) for part in command + more], capture_output=True, text=True
        )
        assert done.returncode == 0
    line = next(line for line in (done.stdout + done.stderr).splitlines() if "Mean    KLD" in line)
    theirs = float(line.split(":")[1].split("±")[0])
    ours = rows(cached, "tokens", member(cached, "tiny-f16+kv-q4_0").run_id).mean()
    assert abs(ours - theirs) < 2e-6 + 0.02 * theirs


def test_a_held_file_keeps_its_name_under_its_settings(tmp_path, cached, quants):
    """Of a file, each setting has its own name, whatever it was called; another is refused."""
    span = (*CUT, "--kv-type", "q8_0")
    done = ingest(tmp_path, [quants["Q8_0"]], *span, "--quant-id", "small-cache")
    assert done.exit_code == 0, done.stderr
    assert "nothing to do" in ingest(tmp_path, [quants["Q8_0"]], *span).stderr
    assert ingest(tmp_path, [quants["Q8_0"]], *CUT).exit_code == 0
    assert {run.quant_id for run in Store(tmp_path).runs()} == {"tiny-f16", "small-cache", "Q8_0"}
    refused(
        ingest(tmp_path, [quants["Q8_0"]], *CUT, "--quant-id", "small-cache"),
        "knows small-cache run with kv_type=q8_0",
        code=ExitCode.MISMATCH,
    )
    refused(
        ingest(tmp_path, [REFERENCE], *CUT),
        "the reference and a quant are both called",
        code=ExitCode.USAGE,
    )


def adapter(path: Path, size: float) -> Path:
    """A LoRA adapter of rank 1 over the first layer's queries; its matrix B has this size."""
    width = gguf_files.read(REFERENCE).tensors["blk.0.attn_norm.weight"].shape[0]
    made = gguf_files.Model().set(
        general__architecture="llama",
        general__type="adapter",
        adapter__type="lora",
        adapter__lora__alpha=1.0,
    )
    rng = np.random.default_rng(3)
    made.tensors = {
        "blk.0.attn_q.weight.lora_a": rng.normal(size=(1, width)).astype(np.float32),
        "blk.0.attn_q.weight.lora_b": (size * np.ones((width, 1))).astype(np.float32),
    }
    return made.write(path)


def test_an_adapter_is_a_setting_whose_file_is_a_fact(tmp_path):
    """Half the scale is half the matrix."""
    whole, half = adapter(tmp_path / "style.gguf", 0.5), adapter(tmp_path / "half.gguf", 0.25)
    for given in (whole, f"{whole}=0.5", half):
        done = ingest(tmp_path / "w", [REFERENCE], *CUT, "--lora", given)
        assert done.exit_code == 0, done.stderr
    names = ("style", "style-0.5", "half")
    runs = [member(tmp_path / "w", f"tiny-f16+lora-{name}") for name in names]
    held = [json.loads(run.lora)[0] for run in runs]
    assert [(each["file"], each["scale"]) for each in held] == [
        ("style.gguf", 1.0),
        ("style.gguf", 0.5),
        ("half.gguf", 1.0),
    ]
    assert held[0]["sha256"] == held[1]["sha256"] != held[2]["sha256"]
    full, scaled, other = (rows(tmp_path / "w", "tokens", run.run_id)[:, 0] for run in runs)
    assert full.mean() > scaled.mean() > 1e-6
    np.testing.assert_allclose(scaled, other, rtol=1e-2, atol=1e-7)
    assert member(tmp_path / "w", "tiny-f16").lora is None
    (tmp_path / "other").mkdir()
    namesake = adapter(tmp_path / "other" / "style.gguf", 0.125)
    done = ingest(tmp_path / "w", [REFERENCE], *CUT, "--lora", namesake)
    assert done.exit_code == ExitCode.MISMATCH and "with another adapter" in done.stderr


def test_stretched_positions_are_a_setting(tmp_path):
    done = ingest(tmp_path, [REFERENCE], *CUT, "--reading", "rope_freq_scale=0.5")
    assert done.exit_code == 0, done.stderr
    name = "tiny-f16+rope-scale-0.5"
    assert rows(tmp_path, "tokens", member(tmp_path, name).run_id).mean() > 1e-4


TOML = f"""
reference = "{REFERENCE}"
control = true
repeat = true
reading = {{ rows = 32 }}
quants = [{{ path = "Q8_0.gguf" }}, {{ path = "{REFERENCE}", settings = {{ kv_type = "q4_0" }} }}]
[[texts]]
path = "{MODEL / "corpus.txt"}"
context_length = {LENGTH}
chunks = 3
"""


def asked(folder: Path, text: str, quants) -> Path:
    link = folder / "Q8_0.gguf"
    if not link.exists():
        link.symlink_to(quants["Q8_0"])
    (folder / "qwh.toml").write_text(text)
    return folder / "qwh.toml"


def carried_out(file: Path) -> list[tuple]:
    """What is missing of a cohort file, done: (role, name, reading) of each new run."""
    store = Store(file.parent / "w").create()
    hashes, cohort = Hashes(store.raw.parent), read_cohort_file(file)
    wanted = todo(cohort, "c", store, hashes)
    new = [each.run for each in carry_out(cohort, wanted, store, hashes, Settings(1))]
    hashes.save()
    return [(run.role, run.quant_id, run.reading) for run in new]


def test_a_cohort_file_names_settings_and_second_readings(tmp_path, quants):
    file = asked(tmp_path, TOML, quants)
    found = carried_out(file)
    assert sorted(found) == [
        ("control", "tiny-f16", "rows=32"),
        ("quant", "Q8_0", ""),
        ("quant", "tiny-f16+kv-q4_0", "kv_type=q4_0"),
        ("reference", "tiny-f16", ""),
        ("repeat", "Q8_0", "rows=32"),
        ("repeat", "tiny-f16+kv-q4_0", "kv_type=q4_0,rows=32"),
    ]
    assert carried_out(file) == []


def test_what_is_asked_for_later_is_all_that_is_done(tmp_path, quants):
    """First without control and repeat, then with the control alone, then with both."""
    plain = TOML.replace("true", "false").replace("reading", "#")
    assert len(carried_out(asked(tmp_path, plain, quants))) == 3
    control = TOML.replace("repeat = true", "")
    assert carried_out(asked(tmp_path, control, quants)) == [("control", "tiny-f16", "rows=32")]
    assert {role for role, *_ in carried_out(asked(tmp_path, TOML, quants))} == {"repeat"}


PROMPTS = """
[[benchmarks]]
path = "prompts.jsonl"
max_new_tokens = 2
parallel = 8
"""


def dry(file: Path):
    return qwh("run", file, "--cohort", "c", "--warehouse", file.parent / "w", "--dry-run")


def test_prompts_side_by_side_are_read_a_second_time_one_by_one(tmp_path, quants):
    usual = TOML.replace("reading = { rows = 32 }", "") + PROMPTS
    lines = (MODEL / "prompts.jsonl").read_text().splitlines()[:9]
    (tmp_path / "prompts.jsonl").write_text("\n".join(lines))
    file = asked(tmp_path, usual, quants)
    said = dry(file).stdout.splitlines()
    assert "read corpus at context length 128 again with Q8_0 (rows=16)" in said
    assert "ask prompts.jsonl of Q8_0 again (sequences=1)" in said
    assert "ask prompts.jsonl of tiny-f16 again (sequences=1)" in said
    found = carried_out(file)
    assert len(found) == 6 + 6 + 3  # on the text, answers, accepted answers
    own = "tiny-f16+kv-q4_0"
    for each in (("control", "tiny-f16"), ("repeat", "Q8_0")):
        assert {(*each, "rows=16"), (*each, "sequences=1")} <= set(found)
    assert ("repeat", own, "kv_type=q4_0,sequences=1") in found
    assert carried_out(file) == [] and "nothing is missing" in dry(file).stdout


def test_a_second_reading_like_the_first_is_seen_before_anything_is_read(tmp_path, quants):
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "a", "answers": ["b"]}')
    file = asked(tmp_path, TOML + PROMPTS, quants)
    done = dry(file)
    assert done.exit_code == ExitCode.USAGE and done.stderr.count("\n") == 1, done.stderr
    assert "as before (rows=32): give another reading, as rows=16 with sequences=1" in done.stderr
    advised = (TOML + PROMPTS).replace("rows = 32", "rows = 16, sequences = 1")
    said = dry(asked(tmp_path, advised, quants)).stdout
    assert "again with Q8_0 (rows=16)" in said
    assert "ask prompts.jsonl of Q8_0 again (rows=16,sequences=1)" in said
    alike = TOML.replace("rows = 32", "rows = 512")
    done = dry(asked(tmp_path, alike, quants))
    assert "repeat = true would read Q8_0.gguf as before (rows=512)" in done.stderr
    done = dry(asked(tmp_path, alike.replace("repeat = true", ""), quants))
    assert "control = true would read tiny-f16.gguf as before (rows=512)" in done.stderr


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            'kv_type = "q4_0"',
            'kw_type = "q4_0"',
            "no setting kw_type where llama.cpp runs a GGUF file: did you mean",
        ),
        ('kv_type = "q4_0"', "rows = 16", "rows=16 is no setting of a quant"),
        ('kv_type = "q4_0"', "kv_type = []", "settings is a table: write a table of settings"),
        ("reading = {", "readings = {", "there is no key readings: did you mean reading?"),
        ("= true", "= false", "reading says how control and repeat read, and neither is true"),
    ],
)
def test_a_cohort_files_wrong_setting_is_one_line(tmp_path, quants, old, new, words):
    file = asked(tmp_path, TOML.replace(old, new), quants)
    done = dry(file)
    assert done.exit_code in (ExitCode.USAGE, ExitCode.BAD_INPUT)
    assert done.stderr.count("\n") == 1 and f"{file}: " in done.stderr and words in done.stderr
