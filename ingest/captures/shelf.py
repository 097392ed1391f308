"""The captures that a warehouse keeps of the references of its cohort files."""

import shutil
from contextlib import closing
from typing import Any, NamedTuple

from ...errors import ExitCode, QwhError
from ...progress import say
from ...raw import captures
from ...raw.captures import MANIFEST, Manifest
from ...raw.store import Store
from ..engines.stored import HeadUnknown
from ..members import Member, open_stored
from ..texts.text import Cut, first_scored, read_text
from .capturing import about, capture, described

FOLDER = "captures"  # in a warehouse
ENGINE = ("engine", "engine_version", "device")  # that a capture's quants must have, too


class Sought(NamedTuple):
    """What a capture is to be of. facts: fields of RunFacts; cut.chunks: None: the whole text."""

    facts: dict[str, Any]
    cut: Cut

    def fits(self, manifest: Manifest) -> bool:
        """Whether a capture is of just that."""
        known = manifest.about.facts
        whole = known["corpus_tokens"] // self.cut.context_length
        wanted = self.facts | {
            "context_length": self.cut.context_length,
            "score_from": first_scored(self.cut),
            "chunks": min(self.cut.chunks or whole, whole),
        }
        return all(known.get(key) == value for key, value in wanted.items())


class Shelf:
    """A warehouse's captures."""

    def __init__(self, store: Store):
        self.store = store
        self.folder = store.raw.parent / FOLDER
        self._unknown: set[str] = set()  # hashes of models whose heads cannot be rebuilt

    def find(self, sought: Sought) -> Member | None:
        """What is kept, in the reference's place; a capture that is damaged goes."""
        for path in sorted(self.folder.glob(f"*/{MANIFEST}")):
            try:
                if sought.fits(captures.read_manifest(path.parent)):
                    kind, file = open_stored(path.parent)
                    return Member(file.path.stem, kind, file)
            except QwhError as error:
                say(f"{error}; what is left of it is removed")
                shutil.rmtree(path.parent, ignore_errors=True)
        return None

    def make(self, head: Member, name: str, rank: int, cut: Cut, threads: int) -> bool:
        """Keep what a reference's head reads of a text; whether it is kept. name: ID=path.

        Where it cannot be, one line says why: the reference is run then.
        """
        file = head.file
        if file.sha256 in self._unknown or cut.context_length > (
            file.context_length or cut.context_length
        ):
            return False
        try:
            with closing(head.engine.vocabulary(file)) as vocabulary:
                text = read_text(name, rank, cut, vocabulary)
                place = self.folder / about(head, text, vocabulary).capture_id
                kept = capture(place, head, text, vocabulary, threads)
        except HeadUnknown as why:
            say(str(why))
            self._unknown.add(file.sha256)
            return False
        except QwhError as error:
            if error.code != ExitCode.STORAGE:
                raise
            say(f"{error}; the reference is run, and nothing is kept of it")
            return False
        say(f"{described(kept)}: kept in {place} for quants to come; capture = false keeps none")
        self._drop_stale(kept)
        return True

    def _drop_stale(self, kept: Manifest) -> None:
        """Remove captures of what this one's model or text was before, unless runs are of them."""
        runs = self.store.runs()
        for path in self.folder.glob(f"*/{MANIFEST}"):
            there = captures.read_manifest(path.parent).about.facts
            ours, same = kept.about.facts, ("file_name", "corpus_id", "context_length")
            pair = (there["file_sha256"], there["corpus_sha256"])
            if any(there[key] != ours[key] for key in same) or pair == (
                ours["file_sha256"],
                ours["corpus_sha256"],
            ):
                continue
            if pair not in {(run.file_sha256, run.corpus_sha256) for run in runs}:
                say(f"{path.parent} is of what has changed since: it is removed")
                shutil.rmtree(path.parent, ignore_errors=True)
