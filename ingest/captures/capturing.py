"""A reference reads a text once, and what its head reads is kept: see raw/captures.py.

While it reads, each chunk's logits are rebuilt from what is kept and held against the live ones.
What is kept is whole shard by shard, so that a capture that was stopped goes on.
"""

import json
import math
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...errors import ExitCode, QwhError, storage_error
from ...kernels.scorers import dispatch
from ...kernels.scorers.head import TILE, Finish, Head, Order, Weights, fit, narrow, widen
from ...progress import progress
from ...raw import captures, disk
from ...raw.captures import HEAD, HIDDEN, ID, MANIFEST, TOKENS, VOCABULARY, About, Manifest
from ...raw.tensor_file import Array, TensorFile, write
from ..differences import apart
from ..engines import registry
from ..engines.port import Reading, Sequence, Vocabulary
from ..engines.stored import HeadUnknown, Output, Tapped
from ..members import Member, member
from ..quant_names import stem
from ..texts.text import Cut, Text, read_text, refuse_doubles, refuse_longer

SHARD = 1 << 25  # bytes of hidden states in a file, about
WORST = 1e-6  # nats at any position: a head that is rebuilt with more is not this model's
FIRST = re.compile(r"vocabulary\.json|\.(vocabulary|tokens)\..*\.new|lock(\.holder)?")  # files
ABOUT, CHUNKS = "about", "chunks"  # keys of what headers say


def about(reference: Member, text: Text, vocabulary: Vocabulary) -> About:
    """What a reference's capture of a text is of."""
    file, reading = reference.file, reference.reading
    passes = {"batch_size": reading.rows, "ubatch_size": reading.rows}
    known = {name: value for name, value in file.facts.items() if value is not None}
    return About(
        model=known,
        text=text.facts,
        engine=reference.engine.facts(file, reading) | passes,
        vocabulary={name: getattr(vocabulary, name) for name in ("bos", "eos", "add_bos")},
        room=file.context_length,
    )


def capture_texts(
    folder: Path,
    reference: Path,
    asked: tuple[list[str], list[Cut]],
    reading: Reading,
    threads: int,
) -> Iterator[tuple[Path, Manifest]]:
    """Captures of texts, a path or ID=path each, and of cuts: one in the folder, several in folders
    of their own in it. Raises QwhError, as `capture`.
    """
    names, cuts = asked
    refuse_doubles(names)
    wanted = [(name, rank, cut) for cut in cuts for rank, name in enumerate(names)]
    head = member(stem(reference), reference, reading, None, registry.DEFAULT)
    refuse_longer(head.file, cuts)
    with closing(head.engine.vocabulary(head.file)) as vocabulary:
        for each in wanted:
            text = read_text(*each, vocabulary)
            name = f"{text.corpus_id}-{text.context_length}"
            place = folder / name if len(wanted) > 1 else folder
            yield place, capture(place, head, text, vocabulary, threads)


def capture(
    folder: Path, reference: Member, text: Text, vocabulary: Vocabulary, threads: int
) -> Manifest:
    """Keep what a reference's head reads of a text, or go on doing so; a whole one is left alone.

    Raises QwhError: the folder holds something else, or another process writes it; HeadUnknown: the
    logits cannot be rebuilt.
    """
    wanted = about(reference, text, vocabulary)
    _refuse_other(folder, wanted)
    if (folder / MANIFEST).exists():
        return captures.read_manifest(folder)
    tap = getattr(reference.engine, "tap", None)
    if tap is None:
        raise HeadUnknown(reference.file.path.name, "its engine does not show what its head reads")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = disk.take(folder / "lock")
        if lock is None:
            raise QwhError(
                f"{folder} is being written by {disk.holder(folder / 'lock')}: wait until that is"
                " done",
                ExitCode.STORAGE,
            )
        try:
            length = text.context_length
            with closing(tap(reference.file, reference.reading, length, threads)) as model:
                making = _Making(folder, wanted, model, threads)
                return making.all(text, reference.file.tokenizer or {})
        except HeadUnknown:
            for path in folder.iterdir():
                path.unlink()
            raise
        finally:
            lock.release()
            (folder / "lock").unlink(missing_ok=True)
            with suppress(OSError):
                folder.rmdir()  # if nothing came of it
    except OSError as error:
        raise storage_error(f"cannot write a capture to {folder}", error) from None


def _refuse_other(folder: Path, wanted: About) -> None:
    """Raise QwhError if a folder holds something else than a part of this capture."""
    if not folder.exists():
        return
    names = [each.name for each in folder.iterdir()] if folder.is_dir() else [folder.name]
    if not captures.is_capture(folder):
        if all(map(FIRST.fullmatch, names)):
            return  # it was stopped before it said what it is of
        raise QwhError(
            f"cannot write a capture to {folder}: something else lies there: give a new folder",
            ExitCode.USAGE,
        )
    there = _begun(folder)
    if differ := wanted.other(there):
        pairs = [(key, *apart(*(str(x.facts.get(key)) for x in (there, wanted)))) for key in differ]
        told = ", ".join(f"{key} {theirs} there, {ours} here" for key, theirs, ours in pairs)
        raise QwhError(
            f"the capture in {folder} is another: {told}: give a new folder, or ask for what it is"
            " of",
            ExitCode.MISMATCH,
        )


def _begun(folder: Path) -> About:
    """What a capture is of, whole or not. Raises QwhError: damaged."""
    if (folder / MANIFEST).exists():
        manifest = captures.read_manifest(folder)
        captures.refuse_damage(folder, manifest)
        return manifest.about
    found = TensorFile(folder / TOKENS)
    try:
        return captures.about_of(json.loads(found.about[ABOUT]))
    except (ValueError, KeyError, TypeError):
        raise found.bad("its header", "it does not say what it is of") from None


class Kld(NamedTuple):
    """What keeping adds at some positions: KL from the live logits to the rebuilt ones, nats."""

    total: float = 0.0
    worst: float = 0.0
    positions: int = 0


@dataclass
class _Kept:
    """How hidden states are kept, and the head that makes logits of them."""

    kind: str
    head: Head


class _Making:
    """One capture on its way to disk."""

    def __init__(self, folder: Path, wanted: About, model: Tapped, threads: int):
        self.folder, self.wanted, self.model, self.threads = folder, wanted, model, threads
        self.id = wanted.capture_id
        self.name = str(wanted.model["file_name"])
        self.kept: _Kept | None = None

    def all(self, text: Text, tokenizer: dict[str, Any]) -> Manifest:
        """Every file that lacks, the manifest last."""
        captures.write_text(self.folder / VOCABULARY, json.dumps(tokenizer))
        if not captures.whole(self.folder / TOKENS, self.id):
            arrays = {"tokens": Array("I32", np.stack(text.stream))}
            write(self.folder / TOKENS, arrays, {ID: self.id, ABOUT: self.wanted.to_json()})
        sequences = text.sequences()
        output = self.model.output
        row = len(sequences[0].scored(0, len(sequences[0].ids))) * output.weights.weight.shape[1]
        size = max(1, SHARD // (2 * row))  # 16 bits each, as a rule
        shards = [sequences[i : i + size] for i in range(0, len(sequences), size)]
        names = [HIDDEN.format(number) for number in range(len(shards))]
        self._resume(output)
        known: list[Kld] = []
        tokens = sum(map(len, text.stream))
        with progress(f"keeping {self.name} on {text.corpus_id}", tokens, "tokens") as bar:
            for name, shard in zip(names, shards):
                done = self._held(name, shard)
                known += self._shard(name, shard, bar.advance) if done is None else done
                if done is not None:
                    bar.advance(sum(len(each.ids) for each in shard))
        return self._finish(names, known)

    def _held(self, name: str, shard: list[Sequence]) -> list[Kld] | None:
        """What a shard that is whole says of its chunks."""
        found = captures.whole(self.folder / name, self.id)
        if found is None or self.kept is None:
            return None
        said = json.loads(found.about[CHUNKS])
        return [Kld(*each) for each in said] if len(said) == len(shard) else None

    def _shard(self, name: str, shard: list[Sequence], advance: Any) -> list[Kld]:
        """Read chunks and write what was kept of them."""
        chunks, known = [], []
        for sequence in shard:
            hidden, kld = self._chunk(sequence)
            chunks.append(hidden)
            known.append(kld)
            advance(len(sequence.ids))
        assert self.kept is not None
        arrays = {"hidden": Array(self.kept.kind, np.stack(chunks))}
        write(self.folder / name, arrays, {ID: self.id, CHUNKS: json.dumps(known)})
        return known

    def _chunk(self, sequence: Sequence) -> tuple[np.ndarray, Kld]:
        """What is kept of one chunk, [scored, D], and what that adds."""
        parts, klds, done = [], [], 0
        targets = sequence.targets[sequence.targets >= 0]
        for hidden, logits in self.model.pairs(sequence):
            if self.kept is None:
                self.kept = self._fitted(self.model.output, hidden, logits)
            rows = slice(done, done := done + len(hidden))
            parts.append(narrow(hidden, self.kept.kind))
            rebuilt = self.kept.head.logits(widen(parts[-1], self.kept.kind))
            ours = dispatch.reference_rows(logits, targets[rows], 2, self.threads)
            theirs = dispatch.quant_rows(logits, ours, rebuilt, targets[rows], self.threads)
            if not np.array_equal(theirs.finite, ours.finite_ref):
                self._refuse(sequence, "what is kept gives numbers that are not finite")
            klds.append(theirs.kld[theirs.finite].astype(float))
        found = np.concatenate(klds)
        worst = float(found.max(initial=0.0))
        if worst > WORST:
            self._refuse(sequence, f"what is kept gives logits {worst:.2g} nats away")
        return np.concatenate(parts), Kld(math.fsum(found), worst, len(found))

    def _refuse(self, sequence: Sequence, why: str) -> None:
        raise HeadUnknown(self.name, f"in chunk {sequence.number} {why}")

    def _fitted(self, output: Output, hidden: np.ndarray, logits: np.ndarray) -> _Kept:
        """The head that gives a first block's logits, written. Raises HeadUnknown."""
        weights = output.weights
        for kind in dict.fromkeys((weights.kind, "F32")):
            kept = widen(narrow(hidden[:TILE], kind), kind)
            finish = fit(kept, logits[:TILE], weights, output.caps, output.scales)
            if finish:
                break
        else:
            raise HeadUnknown(self.name, "its logits are no known function of what its head reads")
        arrays = {"weight": Array(weights.kind, weights.weight)}
        if weights.bias is not None:
            arrays["bias"] = Array("F32", weights.bias)
        said = _said(weights, kind, finish)
        write(self.folder / HEAD, arrays, {ID: self.id, "head": json.dumps(said)})
        return _Kept(kind, Head(weights, finish, self.threads))

    def _resume(self, output: Output) -> None:
        """The head that was written before, if it was."""
        found = captures.whole(self.folder / HEAD, self.id)
        if found:
            said = json.loads(found.about["head"])
            finish = Finish(Order(said["lanes"], said["pairs"]), said["scale"], said["cap"])
            self.kept = _Kept(said["hidden"], Head(output.weights, finish, self.threads))

    def _finish(self, names: list[str], known: list[Kld]) -> Manifest:
        """Write the manifest."""
        head = TensorFile(self.folder / HEAD)
        files = [VOCABULARY, TOKENS, HEAD, *names]
        positions = sum(each.positions for each in known)
        manifest = Manifest(
            about=self.wanted,
            head=json.loads(head.about["head"]),
            kld={
                "mean": math.fsum(each.total for each in known) / max(positions, 1),
                "max": max(each.worst for each in known),
                "positions": positions,
            },
            files={name: captures.described(self.folder / name) for name in files},
        )
        for other in set(self.folder.glob("hidden-*")) - {self.folder / name for name in names}:
            other.unlink()  # of a capture that was begun with smaller files
        captures.write_text(self.folder / MANIFEST, manifest.to_json())
        disk.sync(self.folder)
        return manifest


def _said(weights: Weights, kind: str, finish: Finish) -> dict[str, Any]:
    """What a manifest says of a head."""
    order = finish.order
    about = {"weight": weights.kind, "hidden": kind, "scale": finish.scale, "cap": finish.cap}
    return about | {"lanes": order.lanes, "pairs": order.pairs}


def described(manifest: Manifest) -> str:
    """A capture's size and what it adds, in a few words."""
    about, hidden = manifest.about, manifest.bytes_of("hidden")
    positions = max(manifest.kld["positions"], 1)
    floor = manifest.kld["mean"]
    return (
        f"{about.model['file_name']} on {about.text['corpus_id']} at"
        f" {about.text['context_length']}: {about.text['chunks']} chunks,"
        f" {hidden / 1e6:,.1f} MB ({hidden / positions:,.0f} bytes a scored token), its head"
        f" {manifest.bytes_of('head') / 1e6:,.1f} MB; "
        + ("its logits to the last bit" if not floor else f"it adds {floor:.2g} nats to a KLD")
    )
