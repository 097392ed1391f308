"""The command of a program of llama.cpp, as a shell's trace or a prompt before it shows it."""

import re
from pathlib import PureWindowsPath
from typing import NamedTuple

from .names import plain_name

LONGEST = 2000  # characters of a command that is kept

_PERPLEXITY = re.compile(r"(?:^|[\s/\\\"'-])(?:llama-)?perplexity(?:\.exe)?[\"']?\s+(?=[\"']?-)")
_OTHER = re.compile(
    r"(?:(?:^|[\s/\\\"'])llama-(imatrix|quantize|bench|batched-bench|cli|server|simple|run)"
    r"|[/\\](imatrix|quantize))(?:\.exe)?[\"']?\s+(?=[\"']?-)"
)
_TOKEN = re.compile(r"""(?:[^\s"']|"[^"]{0,1000}"|'[^']{0,1000}')+""")
_ENDS = re.compile(r"\d?>|[|;&]|2>&1|\\$")  # of a command: redirections, pipes, the next one
_NUMBER = re.compile(r"-?\.?\d")
_SET = re.compile(r"[A-Z_][A-Z0-9_]*=")  # of the environment
_CHOICES = (("--hellaswag", "HellaSwag"), ("--winogrande", "Winogrande"), ("--multiple-choice", ""))

ALIASES = {
    "--model": "-m",
    "--file": "-f",
    "--binary-file": "-f",
    "-bf": "-f",
    "--hf-repo": "-hf",
    "-hfr": "-hf",
    "--hf-file": "-hff",
    "--model-url": "-mu",
    "--docker-repo": "-dr",
    "--cache-type-k": "-ctk",
    "--cache-type-v": "-ctv",
    "--flash-attn": "-fa",
    "--ubatch-size": "-ub",
    "--batch-size": "-b",
    "--ctx-size": "-c",
    "--threads": "-t",
    "--gpu-layers": "-ngl",
    "--n-gpu-layers": "-ngl",
    "--override-tensor": "-ot",
    "--no-kv-offload": "-nkvo",
}
# what is compared with what, on what, and where it is written: told elsewhere, or of no effect
NO_SETTINGS = {
    *("-t", "-tb", "--threads", "--threads-batch"),
    *("-m", "-f", "-hf", "-hff", "-mu", "-dr", "-c", "-hft", "--hf-token", "--offline"),
    *("--kl-divergence", "--kl-divergence-base", "--save-all-logits", "-o", "--output", "--chunks"),
    *("--log-file", "--log-colors", "--log-jsonl", "--log-prefix", "--log-timestamps"),
    *("-v", "--verbose", "-lv", "--verbosity", "--log-verbosity", "--no-perf", "--perf"),
}


class Command(NamedTuple):
    """A command of llama-perplexity."""

    text: str
    options: dict[str, str]  # short name -> value, "" of a switch; of the environment too

    @property
    def model(self) -> str | None:
        """The path of the model, or its name where it comes from Hugging Face."""
        given = (self.options.get(name) for name in ("-hff", "-m", "-mu"))
        repository = self.options.get("-hf") or self.options.get("-dr") or ""
        found = next((path for path in given if path), repository.rpartition("/")[2])
        return found if file_name(found) else None

    @property
    def corpus(self) -> str | None:
        """The path of the text."""
        path = self.options.get("-f")
        return path if path and file_name(path) else None

    @property
    def base(self) -> str | None:
        """The path of the reference's logits."""
        return self.options.get("--kl-divergence-base") or self.options.get("--save-all-logits")

    @property
    def settings(self) -> dict[str, str]:
        """The options that may change a number."""
        return {name: value for name, value in self.options.items() if name not in NO_SETTINGS}


def file_name(path: str) -> str | None:
    """A path's last part as a name; None where the shell has not filled it in."""
    return plain_name(PureWindowsPath(path).name)


def other_task(line: str) -> str | None:
    """What a command does that measures nothing: another program's name, or a test of choices."""
    if _PERPLEXITY.search(line):
        named = next((name for option, name in _CHOICES if f"{option} " in f"{line} "), None)
        return None if named is None else f"{named or 'multiple-choice'} scores"
    found = _OTHER.search(line)
    return f"the output of llama-{found[1] or found[2]}" if found else None


def command(line: str) -> Command | None:
    """The command of llama-perplexity that a line shows, if it names a model or a text."""
    found = _PERPLEXITY.search(line)
    if found is None:
        return None
    options = dict[str, str]()
    for word in line[: found.start()].split():
        if _SET.match(word):
            name, _, value = word.partition("=")
            options[name] = _bare(value)
    name = ""
    for word in _TOKEN.findall(line[found.end() :]):
        if _ENDS.match(word):
            break
        word = _bare(word)
        if word.startswith("-") and not _NUMBER.match(word):
            given, equals, value = word.partition("=")
            name = ALIASES.get(given, given)
            options[name] = _joined(options.get(name), value) if equals else options.get(name, "")
        elif name:
            options[name] = _joined(options[name], word)
            name = ""
    if not any(options.get(name) for name in ("-m", "-f", "-hf", "-hff", "-mu", "-dr")):
        return None
    return Command(line.strip()[:LONGEST], options)


def _bare(word: str) -> str:
    return word.replace('"', "").replace("'", "").strip("`")


def _joined(before: str | None, value: str) -> str:
    """An option's value; an option that is given again has both, as --override-kv."""
    return f"{before},{value}" if before else value
