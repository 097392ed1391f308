"""The forecasters of a zone, and differences of two, judged on the same quants and prompts."""

from typing import Annotated, NamedTuple

import numpy as np

from ..draws import SMALLEST
from ..intervals import finite
from ..left_out import few_families, own_families
from ..quants.rho import CONSTANT, too_few
from ..rho_contrasts import Contrasts, Pair, contrasts
from .forecasters import Zone, chosen
from .halved import Asked, Compared, compared

NO_PROMPTS = "no benchmark has prompts enough that these quants have"
NO_LABELS = "no labelling of families is known"


class Splits(NamedTuple):
    """How much is drawn."""

    n_splits: Annotated[int, "random halves of the prompts"]
    n_tosses: Annotated[int, "normal draws of the largest |t|"]
    fewest_quants: Annotated[int, "of fewer nothing is said"]
    seed: Annotated[int, "of all draws"]


class Judged(NamedTuple):
    """A forecaster, or one less another, under the labelling of its widest interval."""

    n: int  # quants
    prompts: int
    reason: str | None = None  # why a figure is null
    figure: float | None = None
    own: float | None = None  # the forecaster's rho with itself; None of a measurement
    target: float | None = None  # pass/fail's rho with itself on these quants and prompts
    single: tuple[float, float] | None = None  # 5 % and 95 % of single splits
    labelling: str | None = None
    families: int | None = None
    interval: tuple[float, float] | None = None  # 95 %
    own_interval: tuple[float, float] | None = None
    resolvable: float | None = None
    p: float | None = None
    p_adjusted: float | None = None


class Setting(NamedTuple):
    """Quants and prompts on which forecasters are compared, and those who have them all."""

    about: Compared
    quants: int
    places: dict[int, int]  # a zone's forecaster -> its place among those compared
    scorings: int  # of those compared
    families: dict[str, int]  # labelling -> how many

    def own(self, which: int) -> int | None:
        """The place of a forecaster's rho with itself; None of a measurement."""
        place = self.places[which]
        return len(self.places) + place if place < self.scorings else None


def judged(
    zone: Zone, pairs: list[Pair], labels: dict[str, dict[str, str]], settings: Splits
) -> dict[Pair, Judged]:
    """Each pair on the quants and prompts that both have; pairs of the same ones judged together.

    p is adjusted over those, and for the number of pairs that are judged elsewhere.
    """
    covered = [zone.covered(k) for k in range(len(zone.names))]
    together: dict[tuple[bytes, bytes], list[Pair]] = {}
    for pair in pairs:
        masks = [covered[k] for k in pair if k is not None]
        quants, prompts = (np.logical_and.reduce(each).tobytes() for each in zip(*masks))
        together.setdefault((quants, prompts), []).append(pair)
    found: dict[Pair, Judged] = {}
    for key, group in together.items():
        both = tuple(np.frombuffer(each, bool) for each in key)
        n, asked = (int(each.sum()) for each in both)
        if n < SMALLEST or not asked:
            reason = too_few(n) if n < SMALLEST else NO_PROMPTS
            found |= dict.fromkeys(group, Judged(n, asked, reason))
            continue
        setting = _setting(zone, both, covered, labels, settings)
        weight = len(pairs) / len(group)
        found |= dict(zip(group, _of_setting(setting, group, asked, weight, settings)))
    return {pair: found[pair] for pair in pairs}


def _setting(
    zone: Zone,
    masks: tuple[np.ndarray, ...],
    covered: list[tuple[np.ndarray, np.ndarray]],
    labels: dict[str, dict[str, str]],
    settings: Splits,
) -> Setting:
    """What all forecasters that have these quants and prompts say of them."""
    whole = [
        k
        for k, has in enumerate(covered)
        if not any((mask & ~each).any() for mask, each in zip(masks, has))
    ]
    scorings = [k for k in whole if k < zone.scorings]
    quants, prompts = masks
    gains = zone.gains[scorings][:, quants][:, :, prompts]
    fixed = zone.fixed[[k - zone.scorings for k in whole if k >= zone.scorings]][:, quants]
    inside = [quant for quant, has in zip(zone.quants, quants) if has]
    own = own_families(labels, inside)
    asked = Asked(gains, chosen(zone.asked, prompts), zone.weights)
    about = compared(asked, fixed, own, settings.n_splits, settings.seed)
    places = {k: place for place, k in enumerate(whole)}
    families = {name: len(set(of)) for name, of in own.items()}
    return Setting(about, len(inside), places, len(scorings), families)


def _of_setting(
    setting: Setting, group: list[Pair], asked: int, weight: float, settings: Splits
) -> list[Judged]:
    """The pairs of one setting, in their order; p is that of the worst labelling."""
    about, places = setting.about, setting.places
    inner: list[Pair] = [(places[i], None if j is None else places[j]) for i, j in group]
    selves = [setting.own(i) for i, j in group]
    own: list[Pair] = [(place, None) for place in selves if place is not None]
    rng = np.random.default_rng((settings.seed, 3))
    draws = rng.standard_normal((settings.n_tosses, max(len(group), 1)))
    by_label = {
        name: (contrasts(about.rho, each, inner, draws), contrasts(about.rho, each, own, draws))
        for name, each in about.spreads.items()
        if each is not None
    }
    short = sorted(name for name, each in about.spreads.items() if each is None)
    found = []
    for k, pair in enumerate(inner):
        if not all(about.varies[place] for place in (pair[0], pair[1] or 0)):
            found.append(Judged(setting.quants, asked, CONSTANT))
            continue
        figure = about.rho[pair[0]] - (0.0 if pair[1] is None else about.rho[pair[1]])
        plain = Judged(setting.quants, asked, figure=float(figure), target=_self(setting))
        place = selves[k]
        if pair[1] is None:
            plain = plain._replace(
                own=None if place is None else float(about.rho[place]),
                single=(float(about.single[0, pair[0]]), float(about.single[1, pair[0]])),
            )
        if short or not by_label:
            name = short[0] if short else None
            reason = NO_LABELS if name is None else few_families(name, setting.families[name])
            found.append(plain._replace(labelling=name, reason=reason))
            continue
        at = None if place is None else own.index((place, None))
        found.append(_with_errors(plain, by_label, setting, (k, at), weight))
    return found


def _self(setting: Setting) -> float:
    """The target's rho with itself."""
    return float(setting.about.rho[len(setting.places)])


def _with_errors(
    plain: Judged,
    by_label: dict[str, tuple[Contrasts, Contrasts]],
    setting: Setting,
    at: tuple[int, int | None],
    weight: float,
) -> Judged:
    """The same with intervals; at: its places among the contrasts and among the own ones."""
    k, own = at
    widths = {name: float(each.high[k] - each.low[k]) for name, (each, _) in by_label.items()}
    widest = max(sorted(widths), key=lambda name: widths[name])
    here, selves = by_label[widest]
    p = max(float(each.p[k]) for each, _ in by_label.values())
    adjusted = max(float(each.p_adjusted[k]) for each, _ in by_label.values())
    return plain._replace(
        labelling=widest,
        families=setting.families[widest],
        interval=(float(here.low[k]), float(here.high[k])),
        own_interval=None if own is None else (float(selves.low[own]), float(selves.high[own])),
        resolvable=finite(here.resolvable[k]),
        p=finite(p),
        p_adjusted=finite(min(1.0, adjusted * weight)),
    )
