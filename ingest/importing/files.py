"""`qwh ingest KIND PATH`: what other tools left behind, through their readers, into runs of this
warehouse.
"""

import json
from collections import Counter
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from types import ModuleType

from ...errors import ExitCode, QwhError
from ...progress import progress, say
from ...raw import disk
from ...raw.manifest import RunFacts
from ...raw.schema import METRICS_VERSION, SCHEMA_VERSION
from ...raw.store import RunWriter, Store
from ..plan import refuse_other_reference
from ..readers.port import Sample, Samples, Summary, TokenRows

READERS = {  # name on the command line -> module; `auto` asks them in this order
    "lm-eval": ".lm_eval",
    "livecodebench": ".livecodebench",
    "evalplus": ".evalplus",
    "inspect": ".inspect_ai",
    "lighteval": ".lighteval",
    "helm": ".helm",
    "logits-file": "..engines.logits_file",
    "llama-log": ".llama_log",
    "qbench": ".qbench",
    "hfkldr": ".hfkldr",
    "table": ".printed_table",
    "generic": ".generic",
    "prompt-logprobs": ".prompt_logprobs",
}
SUMMARIES = ("llama-log", "qbench", "hfkldr", "table")  # kinds of which only statistics are known
ANSWERS = ("lm-eval", "livecodebench", "evalplus", "inspect", "lighteval", "helm", "generic")
BATCH = 4096  # samples that are written together
HEAD = 1 << 16


def reader(kind: str) -> ModuleType:
    """The module that reads this kind of file."""
    return import_module(READERS[kind], "qwh.ingest.readers")


def recognise(path: Path) -> str:
    """The kind of a file, by its content. Raises QwhError if no reader knows it."""
    path = Path(path)
    try:
        head = b"" if path.is_dir() else path.open("rb").read(HEAD)
    except OSError as error:
        raise QwhError(
            f"cannot read {path}: {error.strerror}: check the path", ExitCode.NOT_FOUND
        ) from None
    for kind in READERS:
        if reader(kind).recognises(path, head):
            return kind
    raise QwhError(
        f"cannot tell what {path} is: none of"
        f" {', '.join(kind for kind in READERS if kind != 'generic')}: name its kind, or bring it"
        " in with qwh ingest generic",
        ExitCode.BAD_INPUT,
    )


def ingest_files(
    store: Store | None,
    kind: str,
    paths: list[Path],
    cohort: str,
    quant_id: str | None,
    is_reference: bool,
    picks: dict,
    facts: dict,
    corpus_id: str | None,
    context_length: int | None,
) -> list[dict]:
    """Read every path with its reader and publish a run for each model and benchmark (or text) in
    it.

    picks: choices among what a file offers; facts: harness facts that no file tells; store None:
    only say what would be stored. Returns the new manifests. Raises QwhError; a run that fails
    leaves nothing behind.
    """
    published = []
    for path in paths:
        path = Path(path)
        name = recognise(path) if kind == "auto" else kind
        if not path.exists():
            raise QwhError(
                f"cannot read {path}: there is no such file: check the path", ExitCode.NOT_FOUND
            )
        if kind == "auto":
            say(f"{path}: {name}")
            if name not in (*SUMMARIES, *ANSWERS):
                raise QwhError(
                    f"{path} is a {name} file, which needs options of its own: run qwh ingest"
                    f" {name} --help",
                    ExitCode.USAGE,
                )
        source = {
            "source_format": name,
            "source_name": path.name,
            "source_sha256": disk.sha256(path),
        }
        contents = reader(name).read(path, picks)
        if name in SUMMARIES:
            contents = list(contents)
            if quant_id and len(contents) > 1:
                raise QwhError(
                    f"--quant-id {quant_id} names one quant, and {path.name} holds {len(contents)}"
                    " quants: leave it out, or give them in files of their own",
                    ExitCode.USAGE,
                )
        for found in contents:
            if isinstance(found, TokenRows):
                from .token_rows import publish as publish_tokens

                run = publish_tokens(
                    store,
                    found,
                    name,
                    path,
                    cohort,
                    quant_id,
                    is_reference or found.is_reference,
                    corpus_id,
                )
                published += [run] if run else []
                continue
            publish = _publish_samples if isinstance(found, Samples) else _publish_summary
            run = publish(
                store,
                found,
                _who(store, found, path, cohort, quant_id, is_reference),
                source,
                facts,
                corpus_id,
                context_length,
            )
            published += [run] if run else []
    return published


def _who(
    store: Store | None,
    found: Samples | Summary,
    path: Path,
    cohort: str,
    quant_id: str | None,
    is_reference: bool,
) -> dict:
    """cohort, role and quant_id of what was found; the file's own name for the model counts where
    the user gives none.
    """
    is_reference |= isinstance(found, Summary) and found.is_reference
    name = quant_id or (found.quant_name if isinstance(found, Summary) else found.model_name)
    if not name:
        raise QwhError(
            f"{path} does not say which model it is about: give it a --quant-id", ExitCode.USAGE
        )
    who = {"cohort_id": cohort, "role": "reference" if is_reference else "quant", "quant_id": name}
    if store:
        refuse_other_reference(store, who)
    return who


def _publish_samples(
    store: Store | None,
    found: Samples,
    who: dict,
    source: dict,
    facts: dict,
    corpus_id: None,
    context_length: None,
) -> dict | None:
    """One benchmark run: prompts and samples, streamed."""
    harness = json.dumps(found.harness | facts, sort_keys=True)
    run = manifest(who, source) | {
        "task": "benchmark",
        "benchmark_id": found.benchmark_id,
        "corpus_id": found.benchmark_id,
        "harness": harness,
        "model_name": found.model_name,
        "facts": json.dumps(found.facts, sort_keys=True, default=str),
    }
    run["run_id"] = (
        RunFacts(
            **{
                key: run[key]
                for key in (
                    "cohort_id",
                    "role",
                    "quant_id",
                    "benchmark_id",
                    "harness",
                    "source_sha256",
                )
            }
        )
        .named()
        .run_id
    )
    if store and store.find(run["run_id"]):
        say(f"{who['quant_id']} on {found.benchmark_id} is already in the warehouse: nothing to do")
        return None
    # by prompt_id; equal text is the same prompt, however often the harness lists it
    attempts: Counter = Counter()
    if store is None:
        total = 0
        for sample in found.rows:
            attempts[sample.prompt_id] += 1
            total += 1
        print(
            f"{found.benchmark_id}: {total:,} samples of {len(attempts):,} prompts by"
            f" {who['quant_id']} ({who['role']}){_flaws(found)}"
        )
        return None
    with (
        RunWriter(store, "prompts", "samples") as writer,
        progress(f"reading {found.benchmark_id}", None, "samples") as bar,
    ):
        while batch := list(islice(found.rows, BATCH)):
            _write_samples(writer, found.benchmark_id, batch, attempts)
            bar.advance(len(batch))
        if not attempts:
            raise QwhError(
                f"{source['source_name']} holds no graded sample of"
                f" {found.benchmark_id}{_flaws(found)}: check the file",
                ExitCode.BAD_INPUT,
            )
        if found.partial or found.left_out:
            say(f"{found.benchmark_id}{_flaws(found)}")
        return writer.publish(
            RunFacts(
                **(
                    run
                    | {
                        "status": "partial" if found.partial else "complete",
                        "rows": 0,
                        "finished_at": now(),
                    }
                )
            )
        )


def _write_samples(
    writer: RunWriter, benchmark_id: str, batch: list[Sample], attempts: Counter
) -> None:
    """A batch of samples, and the prompts among them that are new. attempts grows."""
    prompts, numbers, places = [], [], []
    for sample in batch:
        if sample.prompt_id not in attempts:
            attempts[sample.prompt_id] = 0
            prompts.append((len(attempts) - 1, sample))
        numbers.append(attempts[sample.prompt_id])
        attempts[sample.prompt_id] += 1
    writer.write(
        "samples",
        {
            "benchmark_id": [benchmark_id] * len(batch),
            "prompt_index": None,
            "prompt_id": [sample.prompt_id for sample in batch],
            "attempt": numbers,
            "answer": [sample.answer for sample in batch],
            "score": [float(sample.score) for sample in batch],
            "answer_tokens": [sample.answer_tokens for sample in batch],
            "finish_reason": [sample.finish_reason for sample in batch],
        },
    )
    if prompts:
        writer.write(
            "prompts",
            {
                "benchmark_id": [benchmark_id] * len(prompts),
                "prompt_index": [index for index, _ in prompts],
                "prompt_id": [sample.prompt_id for _, sample in prompts],
                "category": [sample.category for _, sample in prompts],
                "prompt": [sample.prompt for _, sample in prompts],
                "expected": [sample.expected for _, sample in prompts],
                "reference_answer_tokens": None,
                "prompt_tokens": None,
                "item": [sample.item for _, sample in prompts],
            },
        )


def _publish_summary(
    store: Store | None,
    found: Summary,
    who: dict,
    source: dict,
    facts: dict,
    corpus_id: str | None,
    context_length: int | None,
) -> dict | None:
    """One run of which only statistics are known."""
    corpus_id = corpus_id or found.corpus_id or "unstated"
    context_length = context_length or found.context_length or 0
    run = manifest(who, source) | {
        "task": "summary",
        "corpus_id": corpus_id,
        "context_length": context_length,
        "estimator": source["source_format"],
        "engine": found.engine,
        "facts": json.dumps(found.facts | facts, sort_keys=True, default=str),
        "chunks": len({row.chunk for row in found.chunks}) or None,
    }
    run["run_id"] = (
        RunFacts(
            **{
                key: run[key]
                for key in (
                    "cohort_id",
                    "role",
                    "quant_id",
                    "corpus_id",
                    "context_length",
                    "estimator",
                    "source_sha256",
                )
            }
        )
        .named()
        .run_id
    )
    if store is None:
        print(
            f"{who['quant_id']} ({who['role']}) on {corpus_id} at context length {context_length}:"
            f" {len(found.statistics)} statistics, {len(found.chunks)} chunk values{_flaws(found)}"
        )
        return None
    if store.find(run["run_id"]):
        say(f"{who['quant_id']} on {corpus_id} is already in the warehouse: nothing to do")
        return None
    with RunWriter(store, "summaries", "chunk_summaries") as writer:
        for table, rows in (("summaries", found.statistics), ("chunk_summaries", found.chunks)):
            if rows:
                columns = dict(zip(rows[0]._fields, map(list, zip(*rows))))
                writer.write(
                    table, columns | ({"n": [found.n] * len(rows)} if table == "summaries" else {})
                )
        if found.partial or found.left_out:
            say(f"{who['quant_id']} on {corpus_id}{_flaws(found)}")
        return writer.publish(
            RunFacts(
                **(
                    run
                    | {
                        "status": "partial" if found.partial else "complete",
                        "rows": 0,
                        "finished_at": now(),
                    }
                )
            )
        )


def manifest(who: dict, source: dict) -> dict:
    """The keys that every import's manifest shares."""
    return (
        who
        | source
        | {
            "started_at": now(),
            "metrics_version": METRICS_VERSION,
            "schema_version": SCHEMA_VERSION,
            "qwh_version": version("qwh"),
            "nonfinite": 0,
        }
    )


def now() -> str:
    """UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _flaws(found: Samples | Summary) -> str:
    """What is not there, for the end of a line."""
    parts = ([found.partial] if found.partial else []) + [
        f"{count:,} left out: {reason}" for reason, count in found.left_out.items()
    ]
    return "; " + "; ".join(parts) if parts else ""
