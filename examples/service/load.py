"""How many questions a second the service answers: many connections over HTTP, one process each.

python load.py [--seconds 5] [--connections 16]
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXT = "Yeast eats sugar. Its gas makes the dough rise."
HEADERS = {"X-API-Key": "load", "Content-Type": "application/json"}


def post(connection: http.client.HTTPConnection, path: str, body: object) -> bytes:
    connection.request("POST", path, json.dumps(body), HEADERS)
    answer = connection.getresponse()
    read = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path} was answered with {answer.status}: {read[:200]!r}")
    return read


def ask(port: int, path: str, until: float, times: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = {"question": "what makes the dough rise?", "k": 1}
    while (start := time.perf_counter()) < until:
        post(connection, path, body)
        times.append(time.perf_counter() - start)


def asks(
    port: int, path: str, seconds: float, connections: int, out: multiprocessing.Queue
) -> None:
    times: list[float] = []
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=ask, args=(port, path, until, times)) for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    out.put(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"RAGCORE_KEYS": "load=admin", "RAGCORE_RATE": "100000000/minute"}
    command = [sys.executable, "-m", "uvicorn", "--factory", "service:from_environment"]
    options = ["--port", str(port), "--app-dir", str(HERE), "--log-level", "warning"]
    with subprocess.Popen([*command, *options], env=env) as service:
        try:
            for _ in range(300):
                try:
                    connection = http.client.HTTPConnection("127.0.0.1", port)
                    post(connection, "/documents", {"documents": [{"id": "a", "text": TEXT}]})
                    break
                except ConnectionError:
                    time.sleep(0.1)
            for path in ("/retrieve", "/query"):
                out: multiprocessing.Queue = multiprocessing.Queue()
                shape = (port, path, arguments.seconds, arguments.connections, out)
                asking = multiprocessing.Process(target=asks, args=shape)
                asking.start()
                times = sorted(out.get())
                asking.join()
                at = {p: 1e3 * times[int(p / 100 * (len(times) - 1))] for p in (50, 95, 99)}
                shown = ", ".join(f"p{p} {ms:.1f} ms" for p, ms in at.items())
                print(f"{path:10} {len(times) / arguments.seconds:7.0f} a second, {shown}")
        finally:
            service.terminate()


if __name__ == "__main__":
    main()
