"""`qwh ingest prompts`: a benchmark with expected answers, answered greedily by every model, and
its per-token rows.

Each model answers each prompt by itself; the answer is right if, normalised, it is one of the
expected ones. Then the reference's own answer is read by every quant (teacher forcing), so that
each prompt has a KLD.
"""

import hashlib
import json
import string
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..errors import ExitCode, QwhError
from ..kernels.scorers import dispatch
from ..progress import progress, say
from ..raw.manifest import RunFacts
from ..raw.store import RunWriter, Store
from .engines import (
    llama_cpp as engine,
)  # first: it names the extra that brings llama.cpp and the scorer
from .plan import Member, Settings, in_memory_together, quant_run_id, refuse_mixing

NORMALISATION = "first line, outer spaces, quotes and final punctuation removed, case folded"


@dataclass(frozen=True)
class Prompt:
    """One line of a benchmark file."""

    category: str
    text: str
    answers: tuple[str, ...]

    @property
    def prompt_id(self) -> str:
        """16 hex characters of the text's SHA-256: equal text, equal prompt."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Benchmark:
    """A file of prompts. harness: the facts that must agree before two answers are compared."""

    benchmark_id: str
    sha256: str
    prompts: list[Prompt]
    max_new_tokens: int

    def every(self, step: int) -> "Benchmark":
        """Every step-th prompt only, as a benchmark of its own; all of them, as it is, for 1."""
        return (
            self
            if step == 1
            else replace(
                self, benchmark_id=f"{self.benchmark_id}-every-{step}", prompts=self.prompts[::step]
            )
        )

    @property
    def harness(self) -> str:
        """JSON text, stored with every run."""
        return json.dumps(
            {
                "decoding": "greedy",
                "max_new_tokens": self.max_new_tokens,
                "template": None,
                "stop": "newline",
                "normalisation": NORMALISATION,
                "qwh_prompts": 1,
            },
            sort_keys=True,
        )


def normalise(answer: str) -> str:
    """NORMALISATION, applied."""
    lines = answer.strip().splitlines()
    return (
        lines[0].strip().strip("\"'`").rstrip(string.punctuation).strip().casefold()
        if lines
        else ""
    )


def read_benchmark(path: Path, max_new_tokens: int) -> Benchmark:
    """Read a JSON Lines file; each line has prompt, answers (text or list) and, if it likes,
    category.

    Raises QwhError naming the line if the file is missing, is not JSON Lines, or lacks a key.
    """
    path = Path(path)
    if not path.is_file():
        raise QwhError(
            f"cannot read the benchmark {path}: there is no such file: check the path",
            ExitCode.NOT_FOUND,
        )
    raw = path.read_bytes()
    prompts = []
    for number, line in enumerate(raw.splitlines(), 1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
            answers = item["answers"]
            answers = (answers,) if isinstance(answers, str) else tuple(answers)
            if not answers or not all(isinstance(text, str) for text in (item["prompt"], *answers)):
                raise TypeError
            prompts.append(Prompt(str(item.get("category", "all")), item["prompt"], answers))
        except (ValueError, KeyError, TypeError):
            raise QwhError(
                f'cannot read the benchmark {path}: line {number} is not {{"prompt": text,'
                ' "answers": [text, ...]}: mend that line',
                ExitCode.BAD_INPUT,
            ) from None
    if not prompts:
        raise QwhError(
            f"cannot read the benchmark {path}: it holds no prompts: give a JSON Lines file",
            ExitCode.BAD_INPUT,
        )
    if len({prompt.text for prompt in prompts}) < len(prompts):
        raise QwhError(
            f"cannot read the benchmark {path}: it holds the same prompt twice: remove one",
            ExitCode.BAD_INPUT,
        )
    return Benchmark(path.stem, hashlib.sha256(raw).hexdigest(), prompts, max_new_tokens)


class Reader:
    """One model going through the prompts, keeping what the next prompt shares with the last."""

    def __init__(self, model: engine.Model, length: int, settings: Settings):
        self.model = model
        self.context = engine.Context(
            model, length, min(settings.batch_size, length), settings.threads
        )
        self.held: list[int] = []  # the tokens whose attention memory is there

    def read(self, tokens: list[int], wanted_from: int) -> np.ndarray:
        """Logits [len(tokens) - wanted_from, vocabulary] f32 for the positions from wanted_from on
        (a view, or a copy if it took several blocks).
        """
        shared = min(_common(self.held, tokens), wanted_from)
        self.context.keep(shared)
        rows = []
        for start in range(shared, len(tokens), self.context.block):
            part = np.array(tokens[start : start + self.context.block], np.int32)
            wanted = np.arange(start, start + len(part)) >= wanted_from
            logits = self.context.forward(part, start, wanted)
            if logits is not None:
                rows.append(logits)
            if start + self.context.block < len(tokens) and rows:
                rows[-1] = rows[-1].copy()  # the next block overwrites it
        self.held = list(tokens)
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def answer(self, prompt: list[int], prefix: list[int], limit: int) -> tuple[list[int], str]:
        """Greedy tokens after prompt, given that the first of them are prefix; and why it stopped:
        stop or length.
        """
        given = list(prefix)
        while True:
            if given and self._ends(given):
                return given, "stop"
            if len(given) >= limit:
                return given, "length"
            logits = self.read(prompt + given, len(prompt) + len(given) - 1)
            given.append(int(logits[-1].argmax()))

    def _ends(self, given: list[int]) -> bool:
        return self.model.is_end(given[-1]) or "\n" in self.model.text(given).lstrip("\n ")

    def text(self, tokens: list[int]) -> str:
        """The answer as text, first line."""
        lines = self.model.text(tokens).strip().splitlines()
        return lines[0].strip() if lines else ""


def _common(a: list[int], b: list[int]) -> int:
    """Length of the common prefix."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))


def ingest_prompts(
    store: Store, settings: Settings, reference: Member, quants: list[Member], benchmark: Benchmark
) -> list[dict]:
    """Answer a benchmark with the reference and every quant. Returns the new manifests."""
    settings.facts |= {
        "engine": engine.NAME,
        "engine_version": engine.VERSION,
        "device": engine.device(),
        "estimator": dispatch.estimator(),
        "logits_dtype": "f32",
    }
    vocab = engine.Model(reference.file.path, vocab_only=True)
    prompts = [vocab.tokenize(prompt.text).tolist() for prompt in benchmark.prompts]
    length = max(map(len, prompts)) + benchmark.max_new_tokens
    if reference.file.context_length and length > reference.file.context_length:
        raise QwhError(
            f"the longest prompt of {benchmark.benchmark_id} needs {length} tokens, beyond what"
            f" {reference.file.path.name} was made for ({reference.file.context_length}):"
            " shorten it",
            ExitCode.BAD_INPUT,
        )
    facts = settings.common() | {
        "task": "benchmark",
        "scored_span": "ref_answer",
        "corpus_id": benchmark.benchmark_id,
        "benchmark_id": benchmark.benchmark_id,
        "corpus_sha256": benchmark.sha256,
        "corpus_rank": 0,
        "corpus_tokens": sum(map(len, prompts)),
        "chunks": len(prompts),
        "context_length": None,
        "score_from": None,
        "add_bos": vocab.add_bos,
        "harness": benchmark.harness,
        "tokenizer_sha256": reference.file.tokenizer_sha256,
        "token_stream_sha256": hashlib.sha256(json.dumps(prompts).encode()).hexdigest(),
    }
    vocab.close()
    refuse_mixing(store, settings, reference, quants, [facts])
    todo = [quant for quant in quants if not store.find(quant_run_id(reference, quant, facts))]
    for quant in quants:
        if quant not in todo:
            say(
                f"{quant.quant_id} on {benchmark.benchmark_id} is already in the warehouse: nothing"
                " to do"
            )
    groups = in_memory_together(settings, reference, todo)
    return [
        run
        for group in groups
        for run in _answer_all(store, settings, reference, group, benchmark, prompts, length, facts)
    ]


def _answer_all(
    store: Store,
    settings: Settings,
    reference: Member,
    quants: list[Member],
    benchmark: Benchmark,
    prompts: list[list[int]],
    length: int,
    facts: dict,
) -> list[dict]:
    """Every prompt through every model; publishes one run for each."""
    began, clock = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    limit = benchmark.max_new_tokens
    with ExitStack() as stack:
        readers, writers = {}, {}
        for member in [reference, *quants]:
            model = engine.Model(member.file.path)
            stack.callback(model.close)
            readers[member] = Reader(model, length, settings)
            stack.callback(readers[member].context.close)
            tables = (
                ("reference_tokens", "prompts", "samples")
                if member is reference
                else ("tokens", "samples")
            )
            writers[member] = stack.enter_context(RunWriter(store, *tables))
        nonfinite = dict.fromkeys(readers, 0)
        digest = hashlib.sha256()
        bar = stack.enter_context(
            progress(f"answering {benchmark.benchmark_id}", len(prompts) * len(readers), "prompts")
        )
        before: list[int] = []
        for index, (prompt, ids) in enumerate(zip(benchmark.prompts, prompts)):
            shared = min(_common(before, ids), len(ids) - 1)
            before = ids
            answer, reason = readers[reference].answer(ids, [], limit)
            targets = np.array(answer, np.int32)
            where = {
                "chunk": np.full(len(answer), index, np.int32),
                "position": np.arange(len(ids), len(ids) + len(answer), dtype=np.int32),
            }
            key = {
                "benchmark_id": [benchmark.benchmark_id],
                "prompt_index": [index],
                "prompt_id": [prompt.prompt_id],
            }
            writers[reference].write(
                "prompts",
                key
                | {
                    "category": [prompt.category],
                    "prompt": [prompt.text],
                    "expected": [json.dumps(prompt.answers)],
                    "reference_answer_tokens": [len(answer)],
                    "prompt_tokens": [len(ids)],
                    "item": [str(index)],
                },
            )
            for member, reader in readers.items():
                # every model reads the same tokens in one piece: same shapes, same rounding
                reader.held = reader.held[:shared]
                logits = reader.read(ids + answer[:-1], len(ids) - 1)
                own = answer
                if member is reference:
                    logits_ref, rows_ref = (
                        logits,
                        dispatch.reference_rows(logits, targets, settings.top_k, settings.threads),
                    )
                    writers[member].write(
                        "reference_tokens", where | {"token_id": targets} | rows_ref._asdict()
                    )
                    digest.update(rows_ref.nll_ref.tobytes() + rows_ref.topk_ids.tobytes())
                    nonfinite[member] += int((~rows_ref.finite_ref).sum())
                else:
                    rows = dispatch.quant_rows(
                        logits_ref, rows_ref, logits, targets, settings.threads
                    )
                    writers[member].write("tokens", where | rows._asdict())
                    nonfinite[member] += int((~rows.finite).sum())
                    # up to its first other choice the quant's greedy answer is the reference's;
                    # from there it goes on alone
                    flips = np.flatnonzero(rows.top1 != targets)
                    if len(flips):
                        own, reason_own = reader.answer(
                            ids, answer[: flips[0]] + [int(rows.top1[flips[0]])], limit
                        )
                text = reader.text(own)
                right = normalise(text) in {normalise(expected) for expected in prompt.answers}
                writers[member].write(
                    "samples",
                    key
                    | {
                        "attempt": [0],
                        "answer": [text],
                        "score": [float(right)],
                        "answer_tokens": [len(own)],
                        "finish_reason": [reason if own is answer else reason_own],
                    },
                )
                bar.advance(1)

        def manifest(
            member: Member, role: str, run_id: str, reference_run_id: str | None
        ) -> RunFacts:
            rows = writers[member].rows
            return RunFacts(
                **(
                    member.file.run_facts()
                    | facts
                    | {
                        "run_id": run_id,
                        "role": role,
                        "quant_id": member.quant_id,
                        "reference_run_id": reference_run_id,
                        "made_from": settings.made_from if role == "reference" else None,
                        "uploader": member.uploader,
                        "rows": rows.get("tokens", rows.get("reference_tokens")),
                        "nonfinite": nonfinite[member],
                        "started_at": began,
                        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
                        "seconds": round(time.monotonic() - clock, 3),
                    }
                )
            )

        own_name = quant_run_id(reference, reference, facts)
        reference_run = RunFacts().named(run=own_name, rows=digest.hexdigest()).run_id
        published = []
        if not store.find(reference_run):
            published.append(
                writers[reference].publish(manifest(reference, "reference", reference_run, None))
            )
        for quant in quants:
            published.append(
                writers[quant].publish(
                    manifest(quant, "quant", quant_run_id(reference, quant, facts), reference_run)
                )
            )
        return published
