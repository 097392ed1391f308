"""What a run says of itself: the keys of its manifest, their meaning, and the name they give it.

Every key of a manifest is a field of RunFacts and is spelt here alone. The manifest's JSON, the
columns of stg_runs, the facts that must agree and the run_id all come from these fields.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from .schema import METRICS_VERSION, SCHEMA_VERSION

SAME_TEXT = ("task", "corpus_id", "context_length")  # two runs that agree here read the same thing


def fact(sentence: str, *, group: str, identity: bool = False, comparable: bool = False) -> Any:
    """A field of RunFacts, None where it is not known.

    identity: it is part of the run's name. comparable: two runs of one cohort on the same text are
    only compared where it is equal.
    """
    about = {"sentence": sentence, "group": group, "identity": identity, "comparable": comparable}
    return field(default=None, metadata=about)


@dataclass(frozen=True)
class RunFacts:
    """One member on one text or benchmark, with everything that decides what its numbers mean."""

    # which run
    run_id: str | None = fact("16 hex characters: see named()", group="run")
    task: str | None = fact("corpus, benchmark or summary", group="run", identity=True)
    role: str | None = fact("reference or quant", group="run", identity=True)
    cohort_id: str | None = fact("files compared with one another", group="run", identity=True)
    quant_id: str | None = fact("the member's name", group="run", identity=True)
    reference_run_id: str | None = fact("the rows it was scored against", group="run")

    # the model file
    model_name: str | None = fact("what the file calls itself", group="model file")
    architecture: str | None = fact("the model's family", group="model file")
    file_name: str | None = fact("without its folder", group="model file")
    file_sha256: str | None = fact("of the file's bytes", group="model file", identity=True)
    file_bytes: int | None = fact("its size", group="model file")
    parameters: int | None = fact("weights in its tensors", group="model file")
    bits_per_weight: float | None = fact("8 x tensor bytes / weights", group="model file")
    file_type: str | None = fact("the type that the file claims", group="model file")
    tensor_types: str | None = fact("JSON: type -> tensors, weights, bytes", group="model file")
    made_from: str | None = fact("what a reference made of a quant came from", group="model file")
    block_levels: int | None = fact("levels in a block; few: once quantized", group="model file")
    uploader: str | None = fact("who published the file", group="model file")
    imatrix: str | None = fact("the importance matrix it names", group="model file")
    tokenizer_sha256: str | None = fact(
        "all that decides how text becomes ids", group="model file", identity=True, comparable=True
    )
    vocabulary_sha256: str | None = fact("of the ids' texts, in order", group="model file")
    vocab_size: int | None = fact("number of token ids", group="model file")

    # the text, or the benchmark
    corpus_id: str | None = fact("the text's or benchmark's name", group="text", identity=True)
    corpus_sha256: str | None = fact("of the text's bytes", group="text", identity=True)
    token_stream_sha256: str | None = fact(
        "of the token ids that are read", group="text", identity=True, comparable=True
    )
    corpus_rank: int | None = fact("place among the cohort's texts, 0 first", group="text")
    corpus_tokens: int | None = fact("tokens of the whole text", group="text")
    add_bos: bool | None = fact("each chunk is read behind a BOS", group="text", identity=True)
    context_length: int | None = fact(
        "tokens per chunk", group="text", identity=True, comparable=True
    )
    chunks: int | None = fact("chunks scored", group="text", identity=True, comparable=True)
    score_from: int | None = fact(
        "first scored position of a chunk", group="text", identity=True, comparable=True
    )
    scored_span: str | None = fact(
        "corpus, ref_answer or prompt", group="text", identity=True, comparable=True
    )
    benchmark_id: str | None = fact("the benchmark's name", group="text", identity=True)
    harness: str | None = fact(
        "JSON: what must agree before answers are compared",
        group="text",
        identity=True,
        comparable=True,
    )

    # the engine that gave the logits, and the scorer that read them
    engine: str | None = fact("its name", group="engine", identity=True, comparable=True)
    engine_version: str | None = fact("its version", group="engine", identity=True, comparable=True)
    device: str | None = fact("cpu or gpu", group="engine", comparable=True)
    threads: int | None = fact("CPU threads", group="engine")
    estimator: str | None = fact("the scorer and its precision", group="engine", identity=True)
    logits_dtype: str | None = fact(
        "f32, or the codes of a file", group="engine", identity=True, comparable=True
    )
    top_k: int | None = fact("log-probs kept per position", group="engine", identity=True)
    metrics_version: int | None = fact(
        "meaning of the numbers", group="engine", identity=True, comparable=True
    )
    schema_version: int | None = fact("layout of the tables", group="engine")
    qwh_version: str | None = fact("the program that wrote the run", group="engine")

    # how the file was run
    batch_size: int | None = fact(
        "positions per forward pass", group="reading", identity=True, comparable=True
    )
    ubatch_size: int | None = fact(
        "positions per pass inside the engine", group="reading", identity=True, comparable=True
    )
    reading: str | None = fact(
        "settings that are not the engine's own, as rows=16", group="reading", identity=True
    )

    # the file that an import was read from
    source_format: str | None = fact("the reader's kind", group="source")
    source_name: str | None = fact("the file's or folder's name", group="source")
    source_sha256: str | None = fact("of its bytes", group="source", identity=True)
    facts: str | None = fact("JSON: what the reader found besides", group="source")

    # what came out
    rows: int | None = fact("token rows", group="result")
    nonfinite: int | None = fact("rows without finite numbers", group="result")
    status: str | None = fact("complete or partial", group="result", identity=True)
    started_at: str | None = fact("UTC", group="result")
    finished_at: str | None = fact("UTC", group="result")
    seconds: float | None = fact("wall time", group="result")
    parts: str | None = fact("JSON: table -> rows, bytes, sha256", group="result")

    def named(self, **more: object) -> "RunFacts":
        """These facts under their run_id: a hash of all that is identity, and of `more`.

        A fact that is not known is left out, so that a key which comes later renames no run.
        """
        known = {key: value for key in IDENTITY if (value := getattr(self, key)) is not None}
        text = json.dumps(known | more, sort_keys=True, default=str)
        return replace(self, run_id=hashlib.sha256(text.encode()).hexdigest()[:16])

    def clashes(self, held: "RunFacts") -> list[str]:
        """The comparable facts that are known here and differ in a held run of the same text."""
        if any(getattr(self, key) != getattr(held, key) for key in SAME_TEXT):
            return []
        known = [key for key in COMPARABLE if getattr(self, key) is not None]
        return [key for key in known if getattr(self, key) != getattr(held, key)]

    def to_json(self) -> str:
        """The manifest's text."""
        return json.dumps(asdict(self), indent=1) + "\n"


NAMES = tuple(each.name for each in fields(RunFacts))
IDENTITY = tuple(each.name for each in fields(RunFacts) if each.metadata["identity"])
COMPARABLE = tuple(each.name for each in fields(RunFacts) if each.metadata["comparable"])


def from_json(text: str) -> RunFacts:
    """A manifest's facts; keys of other versions are left out. Raises ValueError: no such text."""
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return RunFacts(**{key: found.get(key) for key in NAMES})


def begun(**facts: Any) -> RunFacts:
    """Facts of a run that begins now, written by this version of qwh."""
    ours: dict[str, Any] = {
        "metrics_version": METRICS_VERSION,
        "schema_version": SCHEMA_VERSION,
        "qwh_version": version("qwh"),
        "started_at": now(),
        "status": "complete",
        "nonfinite": 0,
    }
    return RunFacts(**(ours | facts))


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
