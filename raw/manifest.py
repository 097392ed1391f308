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

from ..errors import DISTRIBUTION
from .schema import METRICS_VERSION, SCHEMA_VERSION

SAME_TEXT = ("task", "corpus_id", "context_length")  # two runs that agree here read the same thing
# roles of a second reading -> the role of whose file is read again; none of them is ranked
SECOND = {"control": "reference", "repeat": "quant"}


def fact(
    sentence: str, identity: bool = False, comparable: bool = False, of_reading: bool = False
) -> Any:
    """A field of RunFacts, None where it is not known. sentence: also its column's in stg_runs.

    identity: it is part of the run's name. comparable: two runs of one cohort on the same text are
    only compared where it is equal; of_reading: unless one of them is a second reading.
    """
    about = {"sentence": sentence, "identity": identity, "comparable": comparable}
    return field(default=None, metadata=about | {"of_reading": of_reading})


@dataclass(frozen=True)
class RunFacts:
    """One member on one text or benchmark, with everything that decides what its numbers mean."""

    # which run
    run_id: str | None = fact("16 hex characters, hash of everything that makes the run what it is")
    task: str | None = fact(
        "corpus (a text was read), benchmark (prompts were answered), answers (accepted answers"
        " were read) or summary (another tool's figures)",
        identity=True,
    )
    role: str | None = fact(
        "reference, quant, control (the reference read in another way) or repeat (a quant, again)",
        identity=True,
    )
    cohort_id: str | None = fact("the set of quants compared with one another", identity=True)
    quant_id: str | None = fact("name of the model file within the cohort", identity=True)
    reference_run_id: str | None = fact(
        "the reference's run whose rows this run was scored against; null for a reference",
    )
    first_run_id: str | None = fact(
        "the quant's run that a repeat is the second reading of; null for all others",
    )

    # the model file
    model_name: str | None = fact("general.name in the file")
    architecture: str | None = fact("general.architecture in the file")
    file_name: str | None = fact("name of the model file")
    file_sha256: str | None = fact("hash of the whole model file", identity=True)
    file_bytes: int | None = fact(
        "size of the model file, bytes; of an import as exact as it was said",
    )
    parameters: int | None = fact("weights in the tensor table")
    bits_per_weight: float | None = fact("8 x tensor bytes / weights, from the tensor table")
    file_type: str | None = fact(
        "general.file_type in the file, which names the most common tensor type",
    )
    tensor_types: str | None = fact("JSON: tensor type -> tensors, weights, bytes")
    made_from: str | None = fact(
        "what the reference was made from if it is no original; null if nothing was said",
    )
    block_levels: int | None = fact(
        "most distinct values in any sampled block of 32 weights of a float file; 16 or fewer"
        " betray a 4-bit origin; null for a quantized file",
    )
    tensor_hashes: str | None = fact(
        "JSON: first 12 hex digits of the SHA-256 of each quantized tensor -> its weights",
    )
    uploader: str | None = fact("who published the file, if said")
    imatrix: str | None = fact("importance matrix file named in the quant, if any")
    calibration_sha256: str | None = fact(
        "hash of the text that the quant's importance matrix was made from; null where it was not"
        " at hand",
    )
    calibration_overlap: float | None = fact(
        "share of the read text's runs of 13 tokens (of the prompts', of shorter ones the whole)"
        " that stand in that text as well",
    )
    tokenizer_sha256: str | None = fact(
        "hash of all that turns text into token ids",
        identity=True,
        comparable=True,
    )
    vocabulary_sha256: str | None = fact("hash of the texts of all token ids, in order")
    vocab_size: int | None = fact("number of token ids")

    # the text, or the benchmark
    corpus_id: str | None = fact("name of the text, or of the benchmark", identity=True)
    corpus_sha256: str | None = fact("hash of the text file", identity=True)
    token_stream_sha256: str | None = fact(
        "hash of the token ids that were read",
        identity=True,
        comparable=True,
    )
    corpus_rank: int | None = fact("order on the command line, 0 first")
    corpus_tokens: int | None = fact("tokens in the whole text")
    add_bos: bool | None = fact(
        "whether each chunk's first token was replaced by BOS in the forward pass",
        identity=True,
    )
    context_length: int | None = fact(
        "tokens per chunk; null for a benchmark",
        identity=True,
        comparable=True,
    )
    chunks: int | None = fact(
        "chunks read; prompts for a benchmark",
        identity=True,
        comparable=True,
    )
    score_from: int | None = fact(
        "first scored position of a chunk; null for a benchmark",
        identity=True,
        comparable=True,
    )
    scored_span: str | None = fact(
        "corpus, ref_answer (the reference's own answer), accepted_answers, choices or prompt",
        identity=True,
        comparable=True,
    )
    benchmark_id: str | None = fact("name of the benchmark; null for a corpus", identity=True)
    harness: str | None = fact(
        "JSON of the facts under which prompts were answered; null for a corpus",
        identity=True,
        comparable=True,
    )

    # the engine that gave the logits, and the scorer that read them
    engine: str | None = fact("what computed the logits", identity=True, comparable=True)
    engine_version: str | None = fact("its version", identity=True, comparable=True)
    device: str | None = fact("where it computed", comparable=True)
    threads: int | None = fact("CPU threads")
    estimator: str | None = fact("the scorer that made the numbers", identity=True)
    logits_dtype: str | None = fact(
        "precision of the logits that were scored",
        identity=True,
        comparable=True,
    )
    top_k: int | None = fact("log-probs kept per position", identity=True)
    metrics_version: int | None = fact(
        "version of the metrics' definitions",
        identity=True,
        comparable=True,
    )
    schema_version: int | None = fact("version of the raw tables' layout")
    qwh_version: str | None = fact("version of this package")

    # how the file was run
    batch_size: int | None = fact(
        "positions per forward pass",
        identity=True,
        comparable=True,
        of_reading=True,
    )
    ubatch_size: int | None = fact(
        "positions per physical batch",
        identity=True,
        comparable=True,
        of_reading=True,
    )
    reading: str | None = fact(
        "settings it was run with that are not the engine's own, as rows=16; empty without any",
        identity=True,
    )
    lora: str | None = fact(
        "JSON: of each adapter that was laid over the weights its file, sha256 and scale; null"
        " without any",
        identity=True,
    )
    capture_id: str | None = fact(
        "the capture that the reference's logits came from; null where it was run itself",
    )
    capture_kld: float | None = fact(
        "mean KLD, nats, that keeping the reference added, measured when the capture was made",
    )

    # the file that an import was read from
    source_format: str | None = fact(
        "the format that an import was read from; null where qwh ran the model itself",
    )
    source_name: str | None = fact("the file it was read from")
    source_sha256: str | None = fact("that file's hash", identity=True)
    reference_ppl: float | None = fact("the reference's perplexity, as an imported log says it")
    facts: str | None = fact("JSON: what else the file says of the run")

    # what came out
    rows: int | None = fact("positions scored")
    nonfinite: int | None = fact(
        "positions without finite numbers; they are kept out of every mean",
    )
    status: str | None = fact("complete or partial", identity=True)
    started_at: str | None = fact("start of the run, UTC")
    finished_at: str | None = fact("end of the run, UTC")
    seconds: float | None = fact("wall time, s")
    parts: str | None = fact("JSON: raw table -> rows, bytes, sha256 of its part")

    @property
    def side(self) -> str | None:
        """Whose file was read: reference or quant."""
        return SECOND.get(str(self.role), self.role)

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
        is_second = self.role in SECOND or held.role in SECOND
        facts = [key for key in COMPARABLE if not (is_second and key in OF_READING)]
        known = [key for key in facts if getattr(self, key) is not None]
        return [key for key in known if getattr(self, key) != getattr(held, key)]

    def to_json(self) -> str:
        """The manifest's text."""
        return json.dumps(asdict(self), indent=1) + "\n"


NAMES = tuple(each.name for each in fields(RunFacts))
IDENTITY = tuple(each.name for each in fields(RunFacts) if each.metadata["identity"])
COMPARABLE = tuple(each.name for each in fields(RunFacts) if each.metadata["comparable"])
OF_READING = tuple(each.name for each in fields(RunFacts) if each.metadata["of_reading"])


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
        "qwh_version": version(DISTRIBUTION),
        "started_at": now(),
        "status": "complete",
        "nonfinite": 0,
    }
    return RunFacts(**(ours | facts))


def now() -> str:
    """UTC, to the microsecond: of two runs the later one counts."""
    return datetime.now(UTC).isoformat(timespec="microseconds")
