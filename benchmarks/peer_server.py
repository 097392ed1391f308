"""llama.cpp's own server on loopback, asked the very prompts that qwh asks, some at a time."""

import http.client
import json
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from typing import Any

import psutil

PATIENCE = 120.0  # seconds until it must have loaded
BATCH, ROWS = 2048, 512  # its own -b and -ub


class Server:
    """`llama-server -np N` of one model. Use as a context manager: it is up inside."""

    def __init__(self, program: Path, model: Path, slots: int, length: int, threads: int):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        given: dict[str, Any] = {
            "-m": model,
            "-np": slots,
            "-c": slots * length,
            "-t": threads,
            "-tb": threads,
            "--host": "127.0.0.1",
            "--port": self.port,
        }
        self.command = [program, *(part for pair in given.items() for part in pair)]
        self.slots = slots
        self._here = local()

    def __enter__(self) -> "Server":
        """Raises RuntimeError if it does not come up."""
        self.process = subprocess.Popen(
            list(map(str, self.command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.05)
        self.__exit__()
        raise RuntimeError(f"llama-server did not come up: {self.command}")

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def answers(self, prompts: list[list[int]], limit: int, stop: list[str]) -> list[str]:
        """The greedy answers' texts, in order, as many in flight as it has slots."""
        with ThreadPoolExecutor(self.slots) as asking:
            return list(asking.map(lambda ids: self._answer(ids, limit, stop), prompts))

    def cpu(self) -> float:
        """CPU seconds that it has used."""
        times = psutil.Process(self.process.pid).cpu_times()
        return float(times.user + times.system)

    def _answer(self, ids: list[int], limit: int, stop: list[str]) -> str:
        asked = {
            "prompt": ids,
            "n_predict": limit,
            "stop": stop,
            "temperature": 0.0,
            "samplers": ["top_k"],
            "top_k": 1,
            "response_fields": ["content"],
        }
        if not hasattr(self._here, "connection"):
            self._here.connection = http.client.HTTPConnection("127.0.0.1", self.port)
        connection = self._here.connection
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/completion", json.dumps(asked), headers)
        return str(json.loads(connection.getresponse().read())["content"])
