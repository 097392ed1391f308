"""What a correlation allows of which rho and number of quants are all that is printed."""

from typing import Annotated, NamedTuple

from ..draws import SMALLEST
from ..intervals import fisher_z
from ..port import statistic
from ..ranks import t_p
from ..resolution import minimum_resolvable_rho
from .rho import too_few


class Printed(NamedTuple):
    """A published correlation."""

    n: Annotated[int | None, "quants; null where their number is not known"]
    rho: Annotated[float | None, "Spearman's rho as printed, -1 to 1"]


class Known(NamedTuple):
    """What it allows."""

    p_t: Annotated[float | None, "two-sided p of rho and n, t approximation"] = None
    low: Annotated[
        float | None, "95 % interval by Fisher's z with Bonett and Wright's variance"
    ] = None
    high: Annotated[float | None, "its other end"] = None
    minimum_rho: Annotated[
        float | None, "smallest |rho| that the t test finds among n quants with 80 % power at 5 %"
    ] = None
    reason: Annotated[str | None, "why nothing can be recomputed"] = None


@statistic
def known_correlation(printed: Printed) -> Known:
    """The p, the interval and the power of a printed rho, its quants taken for unrelated."""
    if printed.n is None:
        return Known(reason="the number of quants is not known")
    if printed.rho is None:
        return Known(reason="rho is not known")
    if printed.n < SMALLEST:
        return Known(reason=too_few(printed.n))
    low, high = fisher_z(printed.rho, printed.n)
    smallest = minimum_resolvable_rho(printed.n)
    return Known(t_p(printed.rho, printed.n), low, high, smallest)
