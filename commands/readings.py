"""Options of how models are run: settings of the quants, and what is read a second time."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from ..errors import ExitCode, QwhError

if TYPE_CHECKING:
    from ..ingest.cohort import Settings

KvTypeOption = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE",
        help="Run the quants with keys and values of this type, as q8_0: members FILE+kv-q8_0. The"
        " reference keeps the engine's own settings; its own file may be such a --quant, too.",
    ),
]
KTypeOption = Annotated[str | None, typer.Option(metavar="TYPE", help="The same of keys alone.")]
VTypeOption = Annotated[
    str | None,
    typer.Option(
        metavar="TYPE", help="The same of values alone; a quantized one needs flash attention."
    ),
]
FlashOption = Annotated[
    str | None, typer.Option(metavar="on|off|auto", help="Flash attention of the quants.")
]
LoraOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE[=SCALE]", help="An adapter laid over the quants' weights; repeat for more."
    ),
]
ReadingOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Any setting of the engine, as rope_scaling=yarn; repeat for more. With --control or"
        " --repeat it is how these read; default there: rows=16, sequences=1 with --parallel.",
    ),
]
ControlOption = Annotated[
    bool,
    typer.Option("--control", help="Read the reference twice: what the engine itself moves."),
]
RepeatOption = Annotated[
    bool, typer.Option("--repeat", help="Read every quant twice; no second reading is ranked.")
]

CalibrationOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The text of the quants' importance matrix: what stands in both is counted; default:"
        " the one that their files name, where it is there.",
    ),
]


class Run(NamedTuple):
    """What a command line says of how models are run; each field is an option of the command."""

    kv_type: KvTypeOption = None
    k_type: KTypeOption = None
    v_type: VTypeOption = None
    flash_attention: FlashOption = None
    lora: LoraOption = None
    reading: ReadingOption = None
    control: ControlOption = False
    repeat: RepeatOption = False
    calibration: CalibrationOption = None


def measured(files: list[Path], run: Run) -> list[Path]:
    """The quants' files. Raises QwhError for none, unless the reference is to be read twice."""
    if not files and not run.control:
        raise QwhError(
            "nothing to compare with the reference: give --quant FILE, or --control to read the"
            " reference twice",
            ExitCode.USAGE,
        )
    return files


def under(settings: "Settings", said: Run) -> "Settings":
    """The settings of a command with what it says of readings. Raises QwhError."""
    from dataclasses import replace

    from ..ingest.engines.settings import pairs
    from ..ingest.second import Second

    named = [
        (name, value)
        for name in ("kv_type", "k_type", "v_type", "flash_attention")
        if (value := getattr(said, name)) is not None
    ]
    named += [("lora", value) for value in said.lora or []]
    settings = replace(settings, calibration=said.calibration)
    given = pairs(said.reading or [])
    if not (said.control or said.repeat):
        return replace(settings, of_quants=(*named, *given))
    second = Second(said.control, said.repeat, tuple(given))
    return replace(settings, of_quants=tuple(named), second=second)
