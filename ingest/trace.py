"""Who was at work when: spans of the forward passes, the scorer and the writer, and how much of
them ran side by side.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import storage_error

FORWARD, SCORE, WRITE = "forward", "score", "write"


class Trace:
    """Collects spans from any thread; times in seconds since it was made."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.spans: list[tuple[str, str, int, float, float]] = []  # lane, what, thread, start, end

    @contextmanager
    def span(self, lane: str, what: str) -> Iterator[None]:
        """Time the body as work of this lane."""
        start = time.perf_counter() - self.began
        try:
            yield
        finally:
            self.spans.append(
                (lane, what, threading.get_native_id(), start, time.perf_counter() - self.began)
            )

    def seconds(self, lane: str) -> float:
        """Time in the spans of a lane, in all."""
        return sum(end - start for name, _, _, start, end in self.spans if name == lane)

    def hidden(self, lane: str) -> float:
        """The part of a lane's time during which a forward pass ran; those follow one another, so
        they never overlap.
        """
        passes = sorted((start, end) for name, _, _, start, end in self.spans if name == FORWARD)
        return sum(
            max(0.0, min(end, stop) - max(start, begin))
            for name, _, _, begin, stop in self.spans
            if name == lane
            for start, end in passes
        )

    def summary(self) -> str:
        """One line for a person."""
        parts = [
            f"{lane} {self.seconds(lane):,.1f} s"
            f" ({self.hidden(lane) / max(self.seconds(lane), 1e-9):.0%} behind forward passes)"
            for lane in (SCORE, WRITE)
        ]
        return f"{FORWARD} {self.seconds(FORWARD):,.1f} s, " + ", ".join(parts)

    def write(self, path: Path | None) -> None:
        """Save the spans, if anywhere, in Chrome's trace format, which ui.perfetto.dev opens.

        Raises QwhError.
        """
        if path is None:
            return
        events = [
            {
                "ph": "X",
                "name": what,
                "cat": lane,
                "pid": 1,
                "tid": thread,
                "ts": start * 1e6,
                "dur": (end - start) * 1e6,
            }
            for lane, what, thread, start, end in self.spans
        ]
        try:
            path.write_text(json.dumps({"traceEvents": events}))
        except OSError as error:
            raise storage_error(f"cannot write {path}", error) from None
