"""The embedding engine beside its peers from PyPI, in one run.

    python benches/embedding/peers.py --model FOLDER --data FOLDER [--engines a,b] [--rounds N]

Every engine runs in a process of its own. In a round each workload is given to all engines, in
shuffled order, on identical texts; ratios are taken within a round, so that what else the machine
does in that minute falls on all alike, and processor time stands beside the wall's. The run stops
by itself: no round begins after `--seconds`, and workers are ended by their own ids.

`README.md` beside this file explains the options and the columns.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--model", type=Path, required=True, help="a BERT folder (all-MiniLM-L6-v2)")
    add("--data", type=Path, required=True, help="corpus.jsonl and queries.jsonl, BEIR's layout")
    add("--engines", default="", help="names, comma between; none means all")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=1200, help="no round begins later")
    add("--threads", default="1,2", help="1, 2, or both")
    add("--items", default="passages,query,short,naive,static", help="workloads")
    add("--passages", type=int, default=160, help="passages of a round")
    add("--naive", type=int, default=256, help="texts of the naive call for peers, of 2,000")
    add("--overlap", type=int, default=5000, help="texts whose neighbours are compared; 0: none")
    add("--cold", type=int, default=5, help="cold starts of each engine; 0: none")
    add("--no-amx", action="store_true", help="withhold AMX from every engine")
    add("--torch", action="store_true", help="install PyTorch's engines too (5 GB)")
    add("--venv", type=Path, default=ROOT / "target/peers/venv")
    add("--work", type=Path, default=ROOT / "target/peers/work", help="where peers' models go")
    add("--ragcore-python", type=Path, help="a folder with a built ragcore; none: build it")
    add("--bins", type=Path, help="release binaries of the benches; none: build them")
    add("--seed", type=int, default=7)
    add("--out", type=Path, help="where every record goes, as JSON lines")
    return parser.parse_args()


def bootstrap(args: argparse.Namespace) -> None:
    """Goes on inside the virtual environment, made and filled where it is not there yet."""
    python = args.venv / "bin/python"
    if Path(sys.prefix).resolve() == args.venv.resolve():
        return
    if not python.exists():
        print(f"making {args.venv}", flush=True)
        venv.create(args.venv, with_pip=True)
    files = ["requirements.txt"] + (["requirements-torch.txt"] if args.torch else [])
    for file in files:
        done = args.venv / f"installed-{file}"
        wanted = (HERE / file).read_text()
        if not done.exists() or done.read_text() != wanted:
            pip = [str(python), "-m", "pip", "install", "-q", "-r", str(HERE / file)]
            subprocess.run(pip, check=True)
            done.write_text(wanted)
    if args.ragcore_python is None:
        own = dict(os.environ, VIRTUAL_ENV=str(args.venv))
        command = [str(python), "-m", "maturin", "develop", "--release", "-q"]
        subprocess.run(command, check=True, cwd=ROOT, env=own)
    os.execv(python, [str(python), str(HERE / "peers.py"), *sys.argv[1:]])


def binaries(given: Path | None) -> Path:
    if given is not None:
        return given
    command = ["cargo", "build", "-q", "--release", "-p", "ragcore-benches", "--bins"]
    subprocess.run(command, check=True, cwd=ROOT)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"


def main() -> None:
    args = arguments()
    args.model, args.data, args.work = (p.resolve() for p in (args.model, args.data, args.work))
    bootstrap(args)
    args.work.mkdir(parents=True, exist_ok=True)
    # What follows needs the packages of the environment.
    from extras import Starts, cold_starts, qualities
    from report import Measured, Quality, whole
    from rounds import Run

    # Asked to end, the run still tells what it has measured so far.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("asked to end"))
    run = Run(args, binaries(args.bins))
    quality: dict[str, Quality] = {}
    cold: Starts = {}
    try:
        run.start()
        run.tune()
        for number in range(args.rounds):
            if number and run.over():
                print(f"stopped after {number} rounds: {args.seconds:.0f} s are over")
                break
            run.round(number)
            print(f"round {number} done, {time.monotonic() - run.began:.0f} s", flush=True)
        run.remember()
        quality = qualities(run) if args.overlap else {}
        cold = cold_starts(run)
    finally:
        run.end()
        if args.out is not None:
            lines = [json.dumps(record._asdict()) for record in run.records]
            args.out.write_text("".join(line + "\n" for line in lines))
        figures = run.records, run.peaks, quality, cold, run.memory, run.budgets, run.reasons
        print(whole(Measured(*figures, amx=not args.no_amx)), flush=True)


if __name__ == "__main__":
    main()
