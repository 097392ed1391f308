"""The raw layer's contract: the columns of each Parquet table.

Units: log-probs, NLL, KLD, entropies and margins in nats, tv in 0..1, ranks start at 1. KLD is
KL(reference || quant).
"""

import pyarrow as pa

SCHEMA_VERSION = 2  # layout of the tables below
METRICS_VERSION = 1  # meaning of the numbers in them

I32, F32, TEXT = pa.int32(), pa.float32(), pa.string()

TABLES: dict[str, pa.Schema] = {
    # one row per reference run x chunk x position; position = index in the chunk of the token that
    # is predicted
    "reference_tokens": pa.schema(
        [
            ("chunk", I32),
            ("position", I32),
            ("token_id", I32),
            ("nll_ref", F32),
            ("entropy_ref", F32),
            ("top1_ref", I32),
            ("rank_ref", I32),
            ("margin_ref", F32),
            ("lse_ref", F32),
            ("topk_ids", pa.list_(I32)),
            ("topk_logprobs_ref", pa.list_(F32)),
            ("finite_ref", pa.bool_()),
            ("clipped_mass_ref", F32),
            ("nll_ref_at_least", F32),
        ]
    ),
    # one row per quant run x chunk x position, in the order of its reference run
    "tokens": pa.schema(
        [
            ("chunk", I32),
            ("position", I32),
            ("nll", F32),
            ("kld", F32),
            ("kld_reverse", F32),
            ("jsd", F32),
            ("tv", F32),
            ("entropy", F32),
            ("top1", I32),
            ("rank", I32),
            ("lse", F32),
            ("topk_logprobs", pa.list_(F32)),
            ("finite", pa.bool_()),
            ("clipped_mass", F32),
            ("nll_at_least", F32),
            ("kld_llamacpp", F32),
        ]
    ),
    # one row per run x prompt: of the reference, and of every imported run; item: what the harness
    # calls the prompt; text_id: equal where the model was given the same text, NULL: the prompt_id
    "prompts": pa.schema(
        [
            ("benchmark_id", TEXT),
            ("prompt_index", I32),
            ("prompt_id", TEXT),
            ("category", TEXT),
            ("prompt", TEXT),
            ("expected", TEXT),
            ("reference_answer_tokens", I32),
            ("prompt_tokens", I32),
            ("item", TEXT),
            ("text_id", TEXT),
        ]
    ),
    # one row per benchmark run x prompt x attempt
    "samples": pa.schema(
        [
            ("benchmark_id", TEXT),
            ("prompt_index", I32),
            ("prompt_id", TEXT),
            ("attempt", I32),
            ("answer", TEXT),
            ("score", pa.float64()),
            ("answer_tokens", I32),
            ("finish_reason", TEXT),
        ]
    ),
    # one row per run x prompt x accepted answer x temperature; answer_index: from 0 among the
    # prompt's different token sequences; logprob: of the answer and its end, nats; tokens: without
    # the end; greedy: each token and an end are the most likely ones; entropy: mean over its
    # positions and the end's, nats, of the distribution at that temperature
    "answer_logprobs": pa.schema(
        [
            ("benchmark_id", TEXT),
            ("prompt_index", I32),
            ("prompt_id", TEXT),
            ("answer_index", I32),
            ("answer", TEXT),
            ("temperature", pa.float64()),
            ("logprob", pa.float64()),
            ("tokens", I32),
            ("bytes", I32),
            ("greedy", pa.bool_()),
            ("entropy", pa.float64()),
        ]
    ),
    # one row per run x prompt x choice of a multiple choice; length: what the tool divides
    # its log-likelihood by where it normalises, NULL where that is not known
    "choices": pa.schema(
        [
            ("benchmark_id", TEXT),
            ("prompt_id", TEXT),
            ("choice", I32),
            ("loglikelihood", pa.float64()),
            ("length", I32),
            ("is_right", pa.bool_()),
        ]
    ),
    # one row per quant run x chunk x position of which only both sides' top k are known; kld_upper:
    # NULL where nothing bounds it
    "topk_klds": pa.schema(
        [
            ("chunk", I32),
            ("position", I32),
            ("k", I32),
            ("floor", pa.float64()),
            ("kld_topk", F32),
            ("floored", I32),
            ("kld_lower", F32),
            ("kld_upper", F32),
        ]
    ),
    # one row per repeat x chunk x position, where both readings scored: KL(first || this reading)
    "reading_klds": pa.schema(
        [("chunk", I32), ("position", I32), ("kld", F32), ("finite", pa.bool_())]
    ),
    # one row per run x statistic that another tool computed; n: scored positions, where it is known
    "summaries": pa.schema(
        [
            ("metric", TEXT),
            ("value", pa.float64()),
            ("standard_error", pa.float64()),
            ("n", pa.int64()),
        ]
    ),
    # one row per run x chunk x statistic, recovered from another tool's print; precision: half of
    # what the print rounds away
    "chunk_summaries": pa.schema(
        [("chunk", I32), ("metric", TEXT), ("value", pa.float64()), ("precision", pa.float64())]
    ),
}
