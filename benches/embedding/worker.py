"""One engine in a process of its own: commands as JSON lines on stdin, answers on stdout.

    worker.py ENGINE MODEL_FOLDER WORK_FOLDER THREADS LONGEST [--no-amx]

`{"do": "encode", "batches": [[text]], "to": path}` and `{"do": "each", "texts": [text]}` are timed
by the wall and by the process's processor time; `to` is where the vectors go, as raw f32. The
first answer comes when the first vector is there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def withhold_amx() -> None:
    """Makes Linux refuse this process the AMX tiles (its `arch_prctl` answers EPERM), so that
    every library takes the path that it has for processors without them."""
    import ctypes
    import struct

    load, jump_equal, answer = 0x20, 0x15, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | 1
    architecture, arch_prctl, request = 0xC000003E, 158, 0x1023
    program = [
        (load, 0, 0, 4),
        (jump_equal, 0, 5, architecture),
        (load, 0, 0, 0),
        (jump_equal, 0, 3, arch_prctl),
        (load, 0, 0, 16),
        (jump_equal, 0, 1, request),
        (answer, 0, 0, refuse),
        (answer, 0, 0, allow),
    ]
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code)
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, seccomp, mode_filter = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(seccomp, mode_filter, filter_):
        raise OSError(ctypes.get_errno(), "the system does not let AMX be withheld")


def memory() -> dict[str, float]:
    """Megabytes of this process that are in memory, now and at most since the last reset."""
    fields = {}
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        fields[name] = value
    now, peak = (int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))
    return {"now": now, "peak": peak}


def main() -> None:
    name, folder, work, threads, longest = sys.argv[1:6]
    # Libraries print: what they say goes to the log, never between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def answer(value: dict) -> None:
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    try:
        if "--no-amx" in sys.argv:
            withhold_amx()
        from engines import encoder

        encode = encoder(name, Path(folder), Path(work), int(threads), int(longest))
        encode(["hello world"])
    except Exception as error:
        answer({"error": f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"})
        return
    answer({"cpu": time.process_time(), "memory": memory()})
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "memory":
            answer(memory())
            continue
        if command["do"] == "forget":
            Path("/proc/self/clear_refs").write_text("5")
            answer({})
            continue
        if command["do"] == "each":
            seconds = []
            for text in command["texts"]:
                start = time.perf_counter(), time.process_time()
                encode([text])
                seconds.append((time.perf_counter() - start[0], time.process_time() - start[1]))
            answer({"seconds": seconds})
            continue
        start = time.perf_counter(), time.process_time()
        vectors = [encode(batch) for batch in command["batches"]]
        wall, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
        if "to" in command:
            with open(command["to"], "wb") as file:
                for part in vectors:
                    file.write(part.astype("f4").tobytes())
        answer({"wall": wall, "cpu": cpu})


main()
