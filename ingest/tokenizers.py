"""Where the tokenizers of two model files part, by what their files say.

Two conversions of one model may write one tokenizer otherwise: an EOS that was mended, a key that
an older converter left out. So this alone refuses nothing but other tokens.
"""

from ..errors import ExitCode, QwhError
from .engines.port import ModelFile

TOKENS = "tokens"  # the key of the ids' texts
CUTS = (  # keys that decide how a text is cut into tokens
    "model",
    "pre",
    "merges",
    "scores",
    "add_space_prefix",
    "remove_extra_whitespaces",
    "precompiled_charsmap",
)


def differences(reference: ModelFile, quant: ModelFile) -> list[str]:
    """What differs in a quant, for a person, as "eos_token_id is 2 against 1"."""
    ours, theirs = reference.tokenizer or {}, quant.tokenizer or {}
    if not ours or not theirs:
        return []  # a file that does not tell
    keys = [key for key in ours if ours[key] != theirs.get(key)]
    return [_difference(key, ours[key], theirs.get(key)) for key in keys]


def refuse_other_tokens(reference: ModelFile, quant: ModelFile) -> None:
    """Raise QwhError unless every id stands for the same text in both files."""
    ours, theirs = reference.tokenizer, quant.tokenizer
    if ours is None or theirs is None:
        return
    if quant.vocab_size != reference.vocab_size:
        found = f"{quant.vocab_size:,} tokens against {reference.vocab_size:,}"
    elif ours.get(TOKENS) != theirs.get(TOKENS):
        found = _difference(TOKENS, ours.get(TOKENS), theirs.get(TOKENS))
    else:
        return
    raise QwhError(
        f"cannot compare {quant.path.name} with {reference.path.name}: their tokenizers differ,"
        f" {found}: use quants of this very model",
        ExitCode.MISMATCH,
    )


def refuse_other_cuts(reference: ModelFile, quant: ModelFile) -> None:
    """Raise QwhError if a quant may cut a text otherwise than a reference whose text is not at
    hand, so that nobody can look.
    """
    ours, theirs = reference.tokenizer or {}, quant.tokenizer or {}
    keys = [key for key in CUTS if theirs and ours.get(key) != theirs.get(key)]
    if keys:
        found = "; ".join(_difference(key, ours.get(key), theirs.get(key)) for key in keys)
        raise QwhError(
            f"cannot compare {quant.path.name} with what is kept of {reference.path.name}: their"
            f" tokenizers may cut a text otherwise ({found}): give --reference the model itself,"
            " and the text, so that both read it",
            ExitCode.MISMATCH,
        )


def _difference(key: str, ours: object, theirs: object) -> str:
    """Where two entries of a tokenizer part."""
    if not isinstance(ours, list) or not isinstance(theirs, list):
        here, there = (_short(each) for each in (theirs, ours))
        return f"{key} is {here} against {there}"
    shorter = min(len(ours), len(theirs))
    at = next((i for i in range(shorter) if ours[i] != theirs[i]), shorter)
    here, there = (repr(each[at]) if at < len(each) else "absent" for each in (theirs, ours))
    return f"{key}[{at}] is {here} against {there}"


def _short(value: object) -> str:
    if value is None:
        return "absent"
    return f"a list of {len(value):,}" if isinstance(value, list) else repr(value)
