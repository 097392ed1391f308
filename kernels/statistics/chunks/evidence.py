"""Evidence that may be looked at after every chunk: a bet on which side the next difference falls.

Where two quants are alike, a chunk's difference is as likely to fall on one side as on the other,
whatever its size. A bet on the side, scaled to the differences seen so far, then has no gain to be
expected, so that the stake's worth passes 20 with a chance of 5 % at most (Ville), however often
one looks and whatever the tails.
"""

import numpy as np

BETS = (0.125, 0.25, 0.5, 1.0, 2.0)  # per usual difference, mixed on both sides
# what a fair bet would cost, raised to this power: the room for chunks whose neighbours are alike
# and for differences with a skew
CAUTION = 1.5


def e_values(differences: np.ndarray) -> np.ndarray:
    """What a stake of 1 is worth after the last chunk, [m], of differences [m, c] in order.

    The mean over the bets b of the product of exp(b d) / cosh(b d) ** CAUTION, d the difference
    over the root mean square of those so far; 1 where nothing differs.
    """
    seen = np.arange(1, differences.shape[1] + 1)
    usual = np.sqrt(np.cumsum(differences**2, axis=1) / seen)
    usual[usual == 0] = 1.0
    scaled = differences / usual
    logs = []
    for bet in BETS:
        # ln cosh, without overflow
        cost = np.logaddexp(bet * scaled, -bet * scaled) - np.log(2.0)
        paid = -CAUTION * cost.sum(1)
        logs += [paid + bet * scaled.sum(1), paid - bet * scaled.sum(1)]
    return np.exp(np.logaddexp.reduce(logs) - np.log(len(logs)))
