"""The lines of llama.cpp's statistics: their labels, what qwh calls each, and how it is printed."""

from typing import NamedTuple


class Line(NamedTuple):
    """A statistic as llama.cpp prints it."""

    metric: str  # qwh's name
    decimals: int = 6  # digits behind the point
    per_cent: bool = False  # printed times 100
    error: bool = False  # a standard error follows


QUANTILES = {
    "Maximum": "max",
    "99.9%": "p999",
    "99.0%": "p99",
    "95.0%": "p95",
    "90.0%": "p90",
    "75.0%": "p75",
    "Median": "median",
    "25.0%": "p25",
    "10.0%": "p10",
    "5.0%": "p05",
    "1.0%": "p01",
    "0.1%": "p001",
    "Minimum": "min",
}

LINES = {
    "Mean PPL(Q)": Line("ppl", error=True),
    "Mean PPL(base)": Line("ppl_ref", error=True),
    "Cor(ln(PPL(Q)), ln(PPL(base)))": Line("nll_correlation", 2, per_cent=True),
    "Mean ln(PPL(Q)/PPL(base))": Line("ln_ppl_ratio", error=True),
    "Mean PPL(Q)/PPL(base)": Line("ppl_ratio", error=True),
    "Mean PPL(Q)-PPL(base)": Line("ppl_difference", error=True),
    "Mean KLD": Line("kld_mean", error=True),
    **{f"{share} KLD": Line(f"kld_{name}") for share, name in QUANTILES.items()},
    "Mean Δp": Line("dp_mean", 3, per_cent=True, error=True),
    **{f"{share} Δp": Line(f"dp_{name}", 3, per_cent=True) for share, name in QUANTILES.items()},
    "RMS Δp": Line("dp_rms", 3, per_cent=True, error=True),
    "Same top p": Line("top1_agreement", 3, per_cent=True, error=True),
}

# what some builds never print: 95.0% and 0.1% KLD came in September 2025; 90.0% KLD was labelled
# 99.0% until then; 75 and 25 % are for Δp alone
OPTIONAL = {"95.0% KLD", "90.0% KLD", "75.0% KLD", "25.0% KLD", "0.1% KLD"}

OLD_LINES = {  # January to April 2024
    "Average": Line("kld_mean", error=True),
    "Median": Line("kld_median"),
    "Maximum": Line("kld_max"),
    "Minimum": Line("kld_min"),
    **{
        f"KLD_{name[1:]}": Line(f"kld_{name}")
        for name in ("p99", "p95", "p90", "p01", "p05", "p10")
    },
}
