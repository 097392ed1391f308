"""Answers of a cohort's quants and reference to its prompts: rows in, one sheet of scores out."""

from typing import Annotated, NamedTuple

import numpy as np

from .port import Numbers, Texts
from .texts import Prompts


class Answers(NamedTuple):
    """One row per quant and prompt, as fct_prompts has them."""

    quant_id: Annotated[Texts, "the quant"]
    benchmark_id: Annotated[Texts, "the benchmark"]
    prompt_id: Annotated[Texts, "the prompt within its benchmark"]
    text_id: Annotated[Texts, "equal where a benchmark asks one text more than once"]
    weight: Annotated[Numbers, "the benchmark's weight in the composite"]
    score: Annotated[Numbers, "the quant's, 0 to 1"]
    score_ref: Annotated[Numbers, "the reference's, 0 to 1"]


class Sheet(NamedTuple):
    """The same as one table: q quants by name, n prompts by benchmark, text and name."""

    quants: list[str]
    scores: np.ndarray  # [q, n], NaN where a quant did not answer
    reference: np.ndarray  # [n]
    prompts: Prompts  # benchmarks and texts, [n] each
    weights: dict[str, float]  # benchmark -> weight

    @property
    def gains(self) -> np.ndarray:
        """Score less the reference's score, [q, n]."""
        return self.scores - self.reference

    def of(self, quants: list[str]) -> "Sheet":
        """The rows of these quants, in this order; NaN for one that is not here."""
        place = {quant: k for k, quant in enumerate(self.quants)}
        scores = np.full((len(quants), len(self.reference)), np.nan)
        for row, quant in enumerate(quants):
            if quant in place:
                scores[row] = self.scores[place[quant]]
        return self._replace(quants=list(quants), scores=scores)

    def asking(self, here: np.ndarray) -> "Sheet":
        """Some of its prompts; here: [n] bool."""
        groups, texts = self.prompts
        labels = np.array(groups, str)[here], np.array(texts, str)[here]
        return self._replace(
            scores=self.scores[:, here],
            reference=self.reference[here],
            prompts=Prompts(*(part.tolist() for part in labels)),
        )

    def complete(self) -> "Sheet":
        """The quants that answered every prompt."""
        whole = np.isfinite(self.scores).all(1)
        quants = [quant for quant, has in zip(self.quants, whole) if has]
        return self._replace(quants=quants, scores=self.scores[whole])

    def shares(self) -> np.ndarray:
        """What each prompt weighs in a composite, [n], summing to 1."""
        names = np.array(self.prompts.groups, str)
        kinds, number, sizes = np.unique(names, return_inverse=True, return_counts=True)
        weight = np.array([self.weights[kind] for kind in kinds.tolist()])
        return (weight / weight.sum() / sizes)[number]


def sheet(answers: Answers) -> Sheet:
    """The sheet of these rows. Its shares of a composite hold for quants that answered all."""
    quants, row = _sorted_names(answers.quant_id)
    key = np.zeros(len(row), np.int64)  # one number for benchmark, text and prompt, in that order
    for column in (answers.benchmark_id, answers.text_id, answers.prompt_id):
        names, number = _sorted_names(column)
        key = key * max(len(names), 1) + number
    kinds, first, column = np.unique(key, return_index=True, return_inverse=True)
    scores = np.full((len(quants), len(kinds)), np.nan)
    scores[row, column] = answers.score
    benchmarks = answers.benchmark_id[first].tolist()
    weights = dict(zip(benchmarks, answers.weight[first].tolist()))
    texts = answers.text_id[first].tolist()
    return Sheet(quants, scores, answers.score_ref[first], Prompts(benchmarks, texts), weights)


def _sorted_names(column: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The different texts of a column in order, and each row's place among them, [n] int."""
    import pyarrow as pa

    coded = pa.array(column, pa.string()).fill_null("None").dictionary_encode()
    names = coded.dictionary.to_pylist()
    order = np.argsort(np.array(names, object), kind="stable")
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    return [names[k] for k in order], place[coded.indices.to_numpy()]
