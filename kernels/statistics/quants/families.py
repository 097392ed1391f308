"""Which quants of a cohort are relatives: found in their answers, or declared by what they are.

Both ways average over a family (average linkage) and cut where the likeness falls to a half, so
that a chain of cousins makes no family.
"""

import json
import re
from typing import Annotated, NamedTuple

import numpy as np

from ..answers import Answers, sheet
from ..multiplicity import TIE
from ..port import Texts, statistic

HALF = 0.5  # likeness at which the answers' families are cut
# a format's name, without what only says how large its recipe is: the Q4_K of Q4_K_M and Q4_K_S
BASE_TYPE = re.compile(
    r"(?<![A-Z0-9])(?:B?F(?:16|32)|[IT]?Q\d(?:_[01K](?![A-Z0-9]))?|(?:MX|NV)?FP[48]|NF4|INT[48])"
    r"(?![A-Z0-9])",
    re.IGNORECASE,
)
WITH_IMATRIX = re.compile(r"(?<![a-z0-9])(im|imat|imatrix|i1)(?![a-z0-9])", re.IGNORECASE)


class Families(NamedTuple):
    """One row per labelling and quant, as dim_families has them."""

    labelling: Annotated[Texts, "gains or declared"]
    quant_id: Annotated[Texts, "the quant"]
    family_id: Annotated[Texts, "its family within the labelling; missing if it has none"]


class Files(NamedTuple):
    """One row per quant: what is known of its file."""

    quant_id: Annotated[Texts, "the quant"]
    uploader: Annotated[Texts, "who published it"]
    imatrix: Annotated[Texts, "the importance matrix that its file names"]
    file_type: Annotated[Texts, "the file's own label; missing where no file was at hand"]
    tensor_hashes: Annotated[Texts, "JSON: hash of each quantized tensor -> its weights"]


class Share(NamedTuple):
    """What makes a relative."""

    declared_share: Annotated[float, "share of quantized weights; 0 for any shared tensor"]


class Member(NamedTuple):
    """A quant in its family."""

    quant_id: Annotated[str, "name of the model file within the cohort"]
    family_id: Annotated[
        str | None, "the alphabetically first quant of its family; null if it has none"
    ]
    because: Annotated[str, "what makes it one of this family, or why it has none"]


class Kind(NamedTuple):
    """What a quant is by its label or its name."""

    base_type: str | None
    imatrix: str | bool | None
    by_name: bool


@statistic
def gain_families(answers: Answers) -> list[Member]:
    """Families of quants whose answers change together: correlation of the unweighted gains."""
    whole = sheet(answers).complete()
    gains, names = whole.gains, whole.quants
    flips = gains.std(1) > 0
    alike = np.eye(len(names))
    if flips.any():
        alike[np.ix_(flips, flips)] = np.atleast_2d(np.corrcoef(gains[flips]))
    np.fill_diagonal(alike, 1)
    labels = linked(alike)
    members = []
    for k, name in enumerate(names):
        others = np.flatnonzero((labels == labels[k]) & (np.arange(len(names)) != k))
        rest = np.delete(alike[k], k)
        if not flips[k]:
            why = "no answer differs from the reference's"
        elif len(others):
            why = f"its changes correlate {alike[k, others].mean():.2f} with its family's"
        else:
            why = f"its changes correlate at most {rest.max(initial=0):.2f} with another's"
        members.append(Member(name, first_of(names, labels, k), why))
    left = sorted(set(answers.quant_id.tolist()) - set(names))
    return members + [Member(name, None, "it did not answer every prompt") for name in left]


@statistic
def declared_families(files: Files, settings: Share) -> list[Member]:
    """Families of quants that share quantized tensors, else of one base type and imatrix.

    Of two files at hand it is the share of the quantized weights of the one that has fewer of them
    that lie in tensors of equal hash. Quants of two uploaders are no relatives.
    """
    names = files.quant_id.tolist()
    tensors = [None if text is None else json.loads(text) for text in files.tensor_hashes]
    kinds = [
        kind_of(*each) for each in zip(names, files.file_type.tolist(), files.imatrix.tolist())
    ]
    alike = np.eye(len(names))
    for i in range(len(names)):
        for j in range(i):
            if files.uploader[i] == files.uploader[j]:
                alike[i, j] = alike[j, i] = _likeness(
                    (tensors[i], tensors[j]), (kinds[i], kinds[j])
                )
    labels = linked(alike, settings.declared_share)
    members = []
    for k, name in enumerate(names):
        others = np.flatnonzero((labels == labels[k]) & (np.arange(len(names)) != k))
        nearest = int(others[alike[k, others].argmax()]) if len(others) else None
        why = (
            _closest(k, files, tensors)
            if tensors[k] and nearest is None
            else _declared_because(k, nearest, names, tensors, kinds)
        )
        members.append(Member(name, first_of(names, labels, k), why))
    return members


def linked(alike: np.ndarray, share: float = HALF) -> np.ndarray:
    """Family number [n] by average linkage of likeness [n, n], cut where it falls below share.

    share 0: any likeness at all joins, chains included.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if len(alike) < 2:
        return np.zeros(len(alike), int)
    distance = np.clip(1 - alike, 0, 2)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average" if share else "single")
    return fcluster(tree, 1 - share + TIE if share else 1 - TIE, "distance")


def first_of(names: list[str], labels: np.ndarray, k: int) -> str:
    """The alphabetically first quant of k's family."""
    return min(name for name, label in zip(names, labels) if label == labels[k])


def kind_of(name: str, file_type: str | None, imatrix: str | None) -> Kind:
    """Base type and imatrix by a file's own label, else by the quant's name."""
    label = file_type.removeprefix("MOSTLY_") if file_type else name.split("+")[0]
    found = BASE_TYPE.findall(label)  # a model's own name may hold one, too: the last counts
    base = found[-1].upper() if found else None
    if file_type or imatrix:
        return Kind(base, imatrix, False)
    return Kind(base, bool(WITH_IMATRIX.search(name)), True)


def _likeness(tensors: tuple, kinds: tuple[Kind, Kind]) -> float:
    """How alike two quants of one uploader are, 0 to 1."""
    one, other = tensors
    if one is not None and other is not None:
        return _shared(one, other)
    first, second = kinds
    if first.by_name or second.by_name:
        same = bool(first.imatrix) == bool(second.imatrix)
    else:
        same = first.imatrix == second.imatrix
    return float(same and first.base_type is not None and first.base_type == second.base_type)


def _shared(one: dict[str, int], other: dict[str, int]) -> float:
    """Share of the lesser file's quantized weights in tensors of equal hash; 0 if it has none."""
    lesser = min(sum(one.values()), sum(other.values()))
    return sum(one[each] for each in one.keys() & other.keys()) / lesser if lesser else 0.0


def _closest(k: int, files: Files, tensors: list) -> str:
    """With which file quant k, which stands alone, shares most."""
    shares = {
        name: _shared(tensors[k], other)
        for name, uploader, other in zip(files.quant_id, files.uploader, tensors)
        if name != files.quant_id[k] and uploader == files.uploader[k] and other
    }
    if not shares:
        return "no other quantized file of its uploader is at hand"
    nearest = max(shares, key=lambda name: shares[name])
    return (
        f"no family is near enough on average: at most {shares[nearest]:.0%} of the lesser file's"
        f" weights are shared, with {nearest}"
    )


def _declared_because(
    k: int, nearest: int | None, names: list[str], tensors: list, kinds: list[Kind]
) -> str:
    """Why quant k is of its family, whose nearest other member is given, or stands alone."""
    mine, kind = tensors[k], kinds[k]
    if mine is not None and not mine:
        return "its file holds no quantized tensor"
    if mine is not None and nearest is not None and tensors[nearest] is not None:
        return (
            f"{_shared(mine, tensors[nearest]):.0%} of the lesser file's weights are shared with"
            f" {names[nearest]}"
        )
    if kind.base_type is None:
        return "its name says no base type"
    by = "by its name" if kind.by_name else "by its file's label"
    imatrix = (
        f"imatrix {kind.imatrix}"
        if isinstance(kind.imatrix, str)
        else ("with an imatrix" if kind.imatrix else "without an imatrix")
    )
    return f"base type {kind.base_type} {imatrix}, {by}"
