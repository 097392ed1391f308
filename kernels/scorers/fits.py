"""The polynomials of the fast scorers, highest power first: one table for both.

Each is the Chebyshev interpolant of its function on its range, but EXP, which is the minimax
polynomial by relative error. The error given is the largest relative one; a test fits them anew.
With d = ln p - ln q, w = d^2:
    KL's term        p (e^-d - 1 + d) = p w (even(w) - d odd(w))
    reverse KL's     q (e^d - 1 - d) = q w (even(w) + d odd(w))
    JSD's, doubled   p ln 2p/(p+q) + q ln 2q/(p+q) = (p + q) u jensen_shannon(u), u = w / 4
"""

# (cosh d - 1) / w for w in 0..1: 4.3e-9
EVEN = (2.535851224469582e-05, 0.0013885396911806121, 0.04166673659523751, 0.49999999781421683)

# (sinh d - d) / (d w) for w in 0..1: 1.2e-9
ODD = (2.8062802582327777e-06, 0.00019838101968683, 0.008333339675917066, 0.16666666646842135)

# (s tanh s - ln cosh s) / u, s = sqrt u, for u in 0..1/4: 6.0e-10
JENSEN_SHANNON = (
    -0.006037735609214809,
    0.019130690796206665,
    -0.047152732338880766,
    0.11110710072076688,
    -0.24999991469045163,
    0.49999999970420683,
)

# ln(1 + r) / r for r in 0..1/e: 5.0e-9
LOG1P = (
    0.052440770440222974,
    -0.13000222218232738,
    0.19174401556891496,
    -0.24899812429881246,
    0.3332739238778105,
    -0.4999986567258267,
    0.9999999949740784,
)

# e^r for r in -(ln 2)/2..(ln 2)/2: 7.5e-8
EXP = (
    0.0082976194509011,
    0.04191562998038905,
    0.16667576546448154,
    0.4999889265474223,
    0.9999996910672443,
    1.0000000718670052,
)
