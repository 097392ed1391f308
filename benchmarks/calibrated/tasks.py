"""Small tasks with one right answer each, from generators that never run out of prompts.

A line is `question=answer`; the question is the prompt (with its `=`). Each kind goes from easy to
hard, so that a model of a million weights does about half of it.
"""

import random
from collections.abc import Callable

LETTERS = "abcdefghijklmnopqrstuvwxyz"
CLOSED = {"(": ")", "[": "]", "<": ">", "{": "}"}
NAMES = {"(": "r", "[": "s", "<": "a", "{": "c"}  # answers are compared without punctuation


def sums(draw: random.Random) -> tuple[str, str]:
    """A sum of two numbers below 30, modulo 5, 10 or 20."""
    a, b, modulus = draw.randrange(30), draw.randrange(30), draw.choice((5, 10, 20))
    return f"{a}+{b}%{modulus}=", str((a + b) % modulus)


def reversals(draw: random.Random) -> tuple[str, str]:
    """A word of 3 to 6 letters, backwards."""
    word = "".join(draw.choices(LETTERS, k=draw.randint(3, 6)))
    return f"rev {word}=", word[::-1]


def lookups(draw: random.Random) -> tuple[str, str]:
    """2 to 5 letters with a number each; the number of one is asked for."""
    keys = draw.sample(LETTERS, draw.randint(2, 5))
    values = [str(draw.randrange(10, 100)) for _ in keys]
    asked = draw.randrange(len(keys))
    return " ".join(map("".join, zip(keys, values))) + f" {keys[asked]}=", values[asked]


def brackets(draw: random.Random) -> tuple[str, str]:
    """Brackets opened and partly closed; the kinds that still have to be closed, in order."""
    text, still = "", []
    for _ in range(draw.randint(3, 9)):
        if len(still) > 1 and draw.random() < 0.4:
            text += CLOSED[still.pop()]
        else:
            still.append(draw.choice("([<{"))
            text += still[-1]
    return f"{text}=", "".join(NAMES[each] for each in reversed(still))


def orders(draw: random.Random) -> tuple[str, str]:
    """3 to 5 different letters, put in the order of the alphabet."""
    word = draw.sample(LETTERS, draw.randint(3, 5))
    return f"sort {''.join(word)}=", "".join(sorted(word))


KINDS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    kind.__name__: kind for kind in (brackets, lookups, orders, reversals, sums)
}


def prompts(kind: str, count: int, seed: int) -> list[tuple[str, str]]:
    """So many different prompts of one kind with their answers."""
    draw, found = random.Random(f"{kind} {seed}"), {}
    while len(found) < count:
        question, answer = KINDS[kind](draw)
        found[question] = answer
    return list(found.items())


def text(size: int, seed: int) -> str:
    """Lines of all kinds, at least so many bytes of them."""
    draw, lines, length = random.Random(seed), [], 0
    while length < size:
        lines.append("".join(draw.choice(list(KINDS.values()))(draw)) + "\n")
        length += len(lines[-1])
    return "".join(lines)
