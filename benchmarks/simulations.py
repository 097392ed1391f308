"""Do the statistics keep their promises? Worlds with a planted truth, by the hundred.

    python benchmarks/simulations.py [--worlds N] [--seed S] [--parts PART ...]

Prints one line per promise: how often it was kept (or the figure's mean), twice its simulation
error, and the range promised. "outside": it misses the range by more than that error. Parts are
the files of promises/.
"""

import argparse
import time

from promises import (
    Promises,
    correlations,
    decisions,
    families,
    floors,
    forecasts,
    fractions,
    line,
    paired,
    pairs,
    prompts,
    redrawn,
    scaling,
    texts,
    zone,
)

PARTS: dict[str, tuple[Promises, ...]] = {
    "correlations": correlations.PROMISES,
    "decisions": decisions.PROMISES,
    "families": families.PROMISES,
    "forecasts": forecasts.PROMISES,
    "fractions": fractions.PROMISES,
    "paired": paired.PROMISES,
    "pairs": pairs.PROMISES,
    "zone": zone.PROMISES,
    "prompts": prompts.PROMISES,
    "redrawn": redrawn.PROMISES,
    "scaling": scaling.PROMISES,
    "texts": texts.PROMISES,
    "floors": floors.PROMISES,
}


def main() -> None:
    """Run the parts and print their table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=list(PARTS))
    parser.add_argument("--worlds", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    print(f"{'':<98}{'found':>8}{'+-':>7}   promised")
    for part in arguments.parts:
        start = time.perf_counter()
        for promises in PARTS[part]:
            for promise in promises(arguments.worlds, arguments.seed):
                print(line(promise), flush=True)
        print(f"{part}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
