"""Who is compared with whom: members, what the store lacks of them, what must not be mixed.

Nothing here loads a model.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ExitCode, QwhError
from ..progress import say
from ..raw import edits
from ..raw.manifest import RunFacts, begun
from ..raw.store import Store
from . import tokenizers
from .engines import registry
from .engines.port import PLAIN, Model, Reading, Vocabulary
from .members import Member, member, named, open_stored, run_as, under, with_firsts
from .quant_names import HeldNames, published_name, stem
from .second import ONCE, Second
from .second import Settings as QuantSettings

FLOAT_BITS = 16  # per weight of a model that is not quantized, at least


@dataclass(frozen=True)
class Settings:
    """What a command line fixes for all the runs that it makes."""

    threads: int
    top_k: int = 32
    reading: Reading = PLAIN
    quants_at_once: int | None = None
    made_from: str | None = None  # what the reference was made from, if it is itself a quant
    uploader: str | None = None
    until: float | None = None  # a text ends when no mean KLD's relative error is larger
    calibration: Path | None = None  # the text of the quants' importance matrix
    kv_memory: float | None = None  # bytes of attention memory that a model may take; None: any
    of_quants: QuantSettings = ()  # under which the quants are run
    second: Second = ONCE  # what is read once more


@dataclass(frozen=True)
class Job:
    """What a command asks of ingest: a reference and its quants in one cohort."""

    cohort: str
    reference: Member
    quants: list[Member]
    settings: Settings

    @property
    def speaker(self) -> Member:
        """Whose tokenizer it is: the reference's if its file tells, which a quant of another
        conversion may write otherwise.
        """
        head = self.reference.made_by or self.reference
        return head if head.file.tokenizer or not self.quants else self.quants[0]

    def read_with(self, **shape: Any) -> "Job":
        """The same job, by members that are read in another shape. shape: fields of Reading."""

        def reads(who: Member) -> Member:
            return replace(who, reading=who.reading._replace(**shape))

        return replace(
            self,
            reference=reads(self.reference),
            quants=list(map(reads, self.quants)),
            settings=replace(self.settings, reading=self.settings.reading._replace(**shape)),
        )


def all_threads() -> int:
    """As many CPU threads as there are cores."""
    return os.cpu_count() or 1


def job(
    cohort: str,
    reference: Path,
    quants: list[Path],
    quant_ids: list[str] | None,
    settings: Settings,
    default: str = registry.DEFAULT,
) -> Job:
    """A reference and its quants, told by their content; default: the engine of unknown files.

    quant_ids: names in the order of the quants, or None: their files'. Raises QwhError for files
    that cannot be used or compared, and for two quants of one name.
    """
    reading, uploader = settings.reading, settings.uploader
    members = [
        under(member(name, path, reading, uploader, default), settings.of_quants, bool(quant_ids))
        for name, path in named(quants, quant_ids, reference)
    ]
    head = member(stem(reference), reference, reading, None, default)
    return _alike(Job(cohort, head, members, settings))


def stored_job(
    cohort: str,
    reference: tuple[Path, Path | None],
    quants: list[Path],
    quant_ids: list[str] | None,
    settings: Settings,
) -> Job:
    """Quants against a reference's logits. reference: their file, and the model that wrote it."""
    path, model = reference
    reading, uploader, default = settings.reading, settings.uploader, registry.DEFAULT
    kind, file = open_stored(path)
    made_by = member(stem(model), model, reading, uploader, default) if model else None
    head = Member(stem(model or file.path), kind, file, reading, made_by=made_by)
    if made_by and made_by.file.vocab_size != file.vocab_size:
        raise QwhError(
            f"{path.name} was not written by {made_by.file.path.name}: their vocabularies differ:"
            " give the model that wrote it, or none",
            ExitCode.MISMATCH,
        )
    members = [
        member(name, each, reading, uploader, default)
        for name, each in named(quants, quant_ids, model or file.path)
    ]
    members = [under(each, settings.of_quants, bool(quant_ids)) for each in members]
    if len({each.kind for each in members}) > 1:
        raise QwhError(
            "the quants are logits files and models mixed: ingest them in two commands",
            ExitCode.USAGE,
        )
    return _alike(Job(cohort, head, members, settings))


def named_as_held(store: Store, job: Job, is_said: bool = False) -> Job:
    """The job under the names that its cohort has for these files.

    is_said: what quants are called was said, and is not looked up.
    """
    runs = [run for run in store.runs(retracted=True) if run.cohort_id == job.cohort]
    kept = {run.run_id for run in store.runs()}
    names = HeldNames([run for run in runs if run.run_id in kept], stem(_path(job.reference)))

    def named(who: Member, role: str, name: str) -> Member:
        first_name = published_name(store, job.cohort, (role, who.described.sha256, name))
        return replace(who, quant_id=name, first_name=first_name)

    quants = [
        named(
            each,
            "quant",
            each.quant_id
            if is_said
            else names.of_quant(_path(each), each.described.sha256, run_as=run_as(each)),
        )
        for each in job.quants
    ]
    head = named(job.reference, "reference", names.of_reference(job.reference.described.sha256))
    return _alike(replace(job, reference=head, quants=quants))


def _path(who: Member) -> Path:
    return who.described.path


def shared_facts(job: Job, text: dict[str, Any]) -> RunFacts:
    """What all runs of a job on one text share. text: the fields of RunFacts about the text."""
    from ..kernels.scorers import dispatch

    reference, first = job.reference, (*job.quants, job.reference)[0]
    engine = first.engine.facts(first.file, job.settings.reading)
    if reference.file.stream is not None:  # rows of a file are scored in the file's precision
        stored = reference.engine.facts(reference.file, reference.reading)
        engine |= {"logits_dtype": stored["logits_dtype"]}
    ours = {
        "cohort_id": job.cohort,
        "tokenizer_sha256": job.speaker.file.facts.get("tokenizer_sha256"),
        "estimator": dispatch.estimator(),
        "threads": job.settings.threads,
        "top_k": job.settings.top_k,
    }
    return begun(**(ours | _reading_facts(job.settings.reading) | engine | text))


def as_held(store: Store, job: Job, shared: RunFacts) -> RunFacts:
    """The shared facts, with the tokenizer as the cohort spells it.

    Beside a stored source without its model, only the tokens and BOS can be held against quants: a
    quant of another conversion joins those that were there before.
    """
    facts = job.speaker.file.facts
    if job.speaker not in job.quants[:1] or "vocabulary_sha256" not in facts:
        return shared
    ours = (job.cohort, facts["vocabulary_sha256"], shared.token_stream_sha256, shared.add_bos)
    for held in store.runs():
        theirs = (held.cohort_id, held.vocabulary_sha256, held.token_stream_sha256, held.add_bos)
        if theirs == ours:
            return replace(shared, tokenizer_sha256=held.tokenizer_sha256)
    return shared


def is_calibrated(who: Member) -> bool:
    """Whether a member's file says that an importance matrix weighed its quantization."""
    return bool(who.described.facts.get("imatrix"))


def run_of(job: Job, who: Member, shared: RunFacts, **more: object) -> RunFacts:
    """The named run of a member under the job's shared facts. more: see RunFacts.named."""
    role = "reference" if who is job.reference else who.role
    file = {name: value for name, value in who.described.facts.items() if value is not None}
    file.pop("tokenizer_sha256", None)  # shared: other spellings of one tokenizer are compared
    ours: dict[str, Any] = {"role": role, "quant_id": who.quant_id, "uploader": who.uploader}
    if not is_calibrated(who):
        ours |= {"calibration_sha256": None, "calibration_overlap": None}
    if who.facts:
        ours["facts"] = json.dumps(who.facts, sort_keys=True)
    if job.reference in (who, who.first):
        ours["made_from"] = job.settings.made_from
    if who.reading.settings:
        ours["lora"] = who.engine.facts(who.file, who.reading).get("lora")
    run = replace(shared, **(file | _reading_facts(who.reading) | ours))
    first = replace(run, quant_id=who.first_name or who.quant_id)
    return replace(run, run_id=first.named(reference=job.reference.described.sha256, **more).run_id)


def _reading_facts(reading: Reading) -> dict[str, Any]:
    threads = dict(reading.settings).get("threads")
    found = {"batch_size": reading.rows, "ubatch_size": reading.rows, "reading": reading.label}
    return found | ({"threads": int(threads)} if threads else {})


def missing(
    store: Store, job: Job, shared: RunFacts, what: str, seconds: Sequence[Member] = ()
) -> list[Member]:
    """The quants and second readings whose runs the store lacks; of the others it says that there
    is nothing to do.
    """
    members = (*job.quants, *seconds)
    left = [who for who in members if not edits.again(store, run_of(job, who, shared).run_id)]
    for who in members:
        if who not in with_firsts(left):
            say(f"{who.title} on {what} is already in the warehouse: nothing to do")
    return left


def groups(job: Job, members: list[Member], length: int) -> Iterator[list[Member]]:
    """Quants and second readings in groups that fit in memory beside the reference, or that were
    asked for; what is one quant's stays together.
    """
    units: dict[Member, list[Member]] = {}
    for who in members:
        key = who.first if who.first and who.role == "repeat" else who
        units.setdefault(key, []).append(who)
    if not units:
        return
    kept = _takes(job.reference, length)
    largest = max(sum(_takes(who, length) for who in with_firsts(unit)) for unit in units.values())
    fits = (members[0].engine.room() - kept) // max(largest, 1)
    size = job.settings.quants_at_once or max(1, int(fits))
    parts = list(units.values())
    for i in range(0, len(parts), size):
        yield [who for unit in parts[i : i + size] for who in unit]


def load(who: Member, length: int, settings: Settings) -> Model:
    """A member's model in memory; its user closes it."""
    return who.engine.load(who.file, who.reading, length, settings.threads)


def _takes(who: Member, length: int) -> int:
    return who.engine.takes(who.file, who.reading, length)


def _alike(job: Job) -> Job:
    """The job. Raises QwhError unless all have names of their own and the same tokens."""
    ours = job.reference.file
    for quant in job.quants:
        if quant.quant_id == job.reference.quant_id:
            raise QwhError(
                f"the reference and a quant are both called {quant.quant_id}: give the quant its"
                " own --quant-id",
                ExitCode.USAGE,
            )
        theirs = quant.file
        tokenizers.refuse_other_tokens(job.speaker.file, theirs)
        if ours.vocab_size != theirs.vocab_size:
            raise QwhError(
                f"cannot compare {theirs.path.name} with {ours.path.name}: {theirs.vocab_size:,}"
                f" tokens against {ours.vocab_size:,}: use quants of the model that wrote the file",
                ExitCode.MISMATCH,
            )
    _say_if_quantized(job.reference)
    return job


def _say_if_quantized(reference: Member) -> None:
    """One line where the reference's file has fewer bits per weight than any float has."""
    bits = reference.file.facts.get("bits_per_weight")
    if bits is not None and bits < FLOAT_BITS:
        say(
            f"{reference.file.path.name} is quantized itself, {bits:.3g} bits per weight: distances"
            " are from that file, not from the original model"
        )


def refuse_other_reading(job: Job, differs: Callable[[Vocabulary], str | None]) -> None:
    """Raise QwhError unless quants of another conversion read what their reference reads.

    differs: what is not the same with a quant's vocabulary, in a few words; None if nothing is. Of
    those that are compared it says what differs in their files.
    """
    head = job.speaker.file
    for quant in job.quants:
        found = "; ".join(tokenizers.differences(head, quant.file))
        if not found:
            continue
        pair = f"{quant.file.path.name} with {head.path.name}"
        with closing(quant.engine.vocabulary(quant.file)) as vocabulary:
            other = differs(vocabulary)
        if other:
            raise QwhError(
                f"cannot compare {pair}: they differ in {other} ({found}): use conversions that"
                " agree in it",
                ExitCode.MISMATCH,
            )
        say(f"comparing {pair}: their tokenizers are written otherwise ({found}) and read the same")
