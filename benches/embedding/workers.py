"""The parent's side of `worker.py`: starting, asking, ending."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from engines import CANDLE, environment

HERE = Path(__file__).parent


class Setting(NamedTuple):
    """What all workers of a run share."""

    model: Path
    work: Path
    longest: int
    amx: bool
    bins: Path
    ragcore: Path | None


class Worker:
    """An engine in its own process. `reason` says why it could not start; else `None`."""

    def __init__(self, name: str, threads: int, setting: Setting) -> None:
        self.name = name
        self.threads = threads
        self.reason: str | None = None
        self.key = f"{name}/{threads}"
        self.ours = name.startswith("ours")
        self._vectors = setting.work / f"vectors-{name}-{threads}"
        own = environment(threads)
        if setting.ragcore is not None:
            own["PYTHONPATH"] = str(setting.ragcore)
        folders = [str(setting.model), str(setting.work)]
        program = [sys.executable, str(HERE / "worker.py")]
        if name == CANDLE:
            program = [str(setting.bins / "candle_worker")]
            if not Path(program[0]).exists():
                self.reason = f"{program[0]} is not built"
                return
        command = [*program, name, *folders, str(threads), str(setting.longest)]
        if not setting.amx and name != CANDLE:
            command.append("--no-amx")
        self._log: IO[str] = (setting.work / f"log-{name}-{threads}.txt").open("w")
        start = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=own,
        )
        first = self._read()
        self.start_wall = time.perf_counter() - start
        self.reason = first.get("error")
        if self.reason is None:
            self.start_cpu: float = first["cpu"]
            self.memory_loaded: dict[str, float] = first["memory"]
        else:
            self.end()

    def _read(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            return {"error": f"the process ended with {code}; see {self._log.name}"}
        return json.loads(line)

    def ask(self, **command) -> dict:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        value = self._read()
        if "error" in value:
            raise RuntimeError(f"{self.name}: {value['error']}")
        return value

    def encode(self, batches: list[list[str]]) -> dict:
        """Processor and wall seconds of a whole encoding."""
        return self.ask(do="encode", batches=batches)

    def vectors(self, batches: list[list[str]]) -> np.ndarray:
        self.ask(do="encode", batches=batches, to=str(self._vectors))
        count = sum(map(len, batches))
        return np.fromfile(self._vectors, "f4").reshape(count, -1)

    def end(self) -> None:
        """Ends this process and no other: by its pipe, then by its id."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._vectors.unlink(missing_ok=True)
