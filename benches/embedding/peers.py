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
import random
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUDGETS = {1: (512, 1024, 2048), 2: (512, 1024, 2048, 4096)}
NAIVE_BATCH = 32


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


class Run:
    """Workers, texts and records of one run."""

    def __init__(self, args: argparse.Namespace) -> None:
        import texts
        from engines import ENGINES, padded
        from models import Weights, prepare
        from workers import Setting

        self.args = args
        self.began = time.monotonic()
        self.rng = random.Random(args.seed)
        self.names = [e.name for e in ENGINES]
        if args.engines:
            wanted = args.engines.split(",")
            unknown = set(wanted) - set(self.names)
            if unknown:
                raise SystemExit(f"no engine is called {', '.join(sorted(unknown))}; there are "
                                 f"{', '.join(self.names)}")
            self.names = [name for name in self.names if name in wanted]
        self.threads = [int(t) for t in args.threads.split(",")]
        self.items = args.items.split(",")
        self.texts = texts.read(args.data, args.model, args.seed, max(2000, args.overlap))
        for name in ("passages", "short", "queries"):
            own = getattr(self.texts, name)
            print(f"{name}: {len(own.texts)} texts of {own.lengths.mean():.1f} tokens "
                  f"({own.lengths.min()}-{own.lengths.max()})", flush=True)
        files = {e.file for e in ENGINES if e.name in self.names and e.file}
        calibration = self.texts.calibration
        failed = prepare(
            args.model,
            args.work,
            files,
            lambda: [dict(zip(("ids", "mask"), padded([ids]), strict=True)) for ids in calibration],
        )
        self.reasons = {
            e.name: f"{e.file}: {failed[e.file]}" for e in ENGINES if e.file in failed
        }
        self.names = [name for name in self.names if name not in self.reasons]
        self.setting = Setting(
            args.model, args.work, texts.LONGEST, not args.no_amx, args.ragcore_python
        )
        self.bins = binaries(args.bins)
        self.flops = Weights(args.model).flops_per_token
        self.workers: dict[tuple[str, int], object] = {}
        self.budgets: dict[str, int] = {}
        self.peaks: dict[int, dict[str, float]] = {}
        self.quality: dict[str, object] = {}
        self.cold: dict[str, list[tuple[float, float]]] = {}
        self.memory: dict[str, dict[str, float]] = {}
        self.records: list = []
        self.rows = self._rows()

    def _rows(self) -> dict:
        """Which texts of each workload a round runs: the same in every round, so that what a peer
        compiles for a shape it compiles once."""
        import numpy as np

        return {
            "passages": np.arange(self.args.passages),
            "short": np.arange(min(2 * self.args.passages, len(self.texts.short.texts))),
            "naive": np.arange(2000),
            "static": np.arange(len(self.texts.short.texts)),
            "query": np.arange(len(self.texts.queries.texts)),
        }

    def set_of(self, item: str):
        kinds = {"passages": "passages", "naive": "passages", "query": "queries"}
        return getattr(self.texts, kinds.get(item, "short"))

    def start(self) -> None:
        from workers import Worker

        for threads in self.threads:
            for name in self.names:
                if name in self.reasons:
                    continue
                worker = Worker(name, threads, self.setting)
                if worker.reason is not None:
                    self.reasons[name] = worker.reason
                    print(f"without {name}: {worker.reason}", flush=True)
                    continue
                if threads == self.threads[0]:
                    self.memory[name] = dict(worker.memory_loaded)
                worker.ask(do="forget")
                self.workers[name, threads] = worker

    def runs(self, name: str, item: str) -> bool:
        return (item == "static") == (name == "ours_static")

    def batches(self, name: str, threads: int, item: str, rows) -> list[list[str]]:
        import texts

        of = self.set_of(item)
        if name.startswith("ours"):
            return [of.pick(rows)]
        if item == "naive":
            return [
                of.pick(rows[i : i + NAIVE_BATCH]) for i in range(0, len(rows), NAIVE_BATCH)
            ]
        budget = self.budgets.get(f"{name}/{threads}", 1024)
        return [of.pick(batch) for batch in texts.budget_batches(of.lengths, rows, budget)]

    def tune(self) -> None:
        """Warms every engine up, and finds the batch size that suits each peer."""
        rows = self.rows["passages"]
        for (name, threads), worker in self.workers.items():
            key = f"{name}/{threads}"
            measure = "cpu" if threads == 1 else "wall"
            seconds = {}
            for budget in BUDGETS[threads] if self.runs(name, "passages") else ():
                if not name.startswith("ours"):
                    self.budgets[key] = budget
                batches = self.batches(name, threads, "passages", rows)
                worker.encode(batches)
                seconds[budget] = worker.encode(batches)[measure]
                if name.startswith("ours"):
                    break
            if not name.startswith("ours"):
                self.budgets[key] = min(seconds, key=seconds.get)
            item = "short" if self.runs(name, "short") else "static"
            worker.encode(self.batches(name, threads, item, self.rows[item]))
            worker.ask(do="each", texts=self.texts.queries.texts[:50])
        print("batch budgets:", self.budgets, flush=True)

    def round(self, number: int) -> None:
        command = [str(self.bins / "peak"), "--json", "--arithmetic", "--seconds", "0.03"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.peaks[number] = json.loads(done.stdout)
        turns = [(item, threads) for item in self.items for threads in self.threads]
        # The naive call is the longest by far, and tells nothing more with two threads.
        turns = [t for t in turns if t[0] != "naive" or t[1] == self.threads[0]]
        self.rng.shuffle(turns)
        for item, threads in turns:
            workers = [w for (n, t), w in self.workers.items() if t == threads]
            workers = [w for w in workers if self.runs(w.name, item)]
            self.rng.shuffle(workers)
            sample = self.rng.sample(range(len(self.texts.queries.texts)), 60)
            for worker in workers:
                self.turn(number, item, threads, worker, sample)

    def turn(self, number: int, item: str, threads: int, worker, sample: list[int]) -> None:
        from report import Record

        of, rows = self.set_of(item), self.rows[item]
        if item == "query":
            rows = rows[sample]
            each = [tuple(p) for p in worker.ask(do="each", texts=of.pick(rows))["seconds"]]
            wall, cpu = (sum(p[i] for p in each) for i in (0, 1))
        else:
            if item == "naive" and not worker.name.startswith("ours"):
                rows = rows[: self.args.naive]
            each = []
            done = worker.encode(self.batches(worker.name, threads, item, rows))
            wall, cpu = done["wall"], done["cpu"]
        lengths = of.lengths[rows]
        flops = float(sum(n * self.flops(n) for n in lengths))
        tokens = int(lengths.sum())
        self.records.append(
            Record(
                number, item, threads, worker.name, len(rows), tokens, flops, cpu, wall, each
            )
        )

    def compare(self) -> None:
        """Vectors of all engines on the same texts, against the first f32 peer's."""
        import numpy as np
        import texts
        from report import Quality

        of = self.texts.passages
        count = min(self.args.overlap, len(of.texts))
        order = np.argsort(-of.lengths[:count], kind="stable")
        batches = [of.pick(b) for b in texts.budget_batches(of.lengths, np.arange(count), 1024)]
        names = [name for name in self.names if name not in self.reasons]
        names = [name for name in names if self.runs(name, "passages")]
        names.sort(key=lambda n: (n.startswith("ours"), not n.endswith("f32")))
        reference, near = None, None
        for name in names:
            worker = self.workers[name, self.threads[-1]]
            # Ours is given the same sorted texts, as one list.
            own = batches if not name.startswith("ours") else [of.pick(order)]
            vectors = worker.vectors(own)
            if reference is None:
                if not name.endswith("f32"):
                    print("no f32 engine to compare with: neighbours are not compared")
                    return
                reference, near = vectors, neighbours(vectors)
            cosines = (vectors * reference).sum(1)
            both = zip(near, neighbours(vectors), strict=True)
            shared = [len(np.intersect1d(a, b)) for a, b in both]
            self.quality[name] = Quality(
                float(cosines.mean()), float(cosines.min()), float(np.mean(shared)) / 10
            )

    def remember(self) -> None:
        for (name, threads), worker in self.workers.items():
            if threads == self.threads[0]:
                self.memory[name]["load"] = worker.ask(do="memory")["peak"]

    def starts(self) -> None:
        """Fresh processes up to the first vector, in shuffled order."""
        from workers import Worker

        bare = {
            f"first_vector {p}": [str(self.bins / "first_vector"), str(self.args.model), p]
            for p in ("f32", "bf16", "int8")
        }
        bare["python, numpy"] = [sys.executable, "-c", "import numpy"]
        for _ in range(self.args.cold):
            names = [name for name in self.names if name not in self.reasons] + list(bare)
            self.rng.shuffle(names)
            for name in names:
                if name in bare:
                    own = self.bare_start(bare[name])
                    if own is None:
                        continue
                    wall, cpu, self.memory[name] = own
                else:
                    worker = Worker(name, 1, self.setting)
                    if worker.reason is not None:
                        continue
                    wall, cpu = worker.start_wall, worker.start_cpu
                    worker.end()
                self.cold.setdefault(name, []).append((wall, cpu))

    def bare_start(self, command: list[str]) -> tuple[float, float, dict[str, float]] | None:
        import resource

        def children() -> float:
            used = resource.getrusage(resource.RUSAGE_CHILDREN)
            return used.ru_utime + used.ru_stime

        before, start = children(), time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        wall = time.perf_counter() - start
        if done.returncode:
            return None
        return wall, children() - before, json.loads(done.stdout or "{}")

    def end(self) -> None:
        for worker in self.workers.values():
            worker.end()

    def whole(self) -> str:
        import report

        return report.whole(
            report.Run(
                self.records,
                self.peaks,
                self.quality,
                self.cold,
                self.memory,
                self.budgets,
                self.reasons,
                not self.args.no_amx,
            )
        )


def neighbours(vectors):
    """The ten nearest other rows of every row."""
    import numpy as np

    out = []
    for at in range(0, len(vectors), 1000):
        scores = vectors[at : at + 1000] @ vectors.T
        scores[np.arange(len(scores)), at + np.arange(len(scores))] = -2
        out.append(np.argpartition(-scores, 10, axis=1)[:, :10])
    return np.concatenate(out)


def main() -> None:
    args = arguments()
    args.model, args.data, args.work = (p.resolve() for p in (args.model, args.data, args.work))
    bootstrap(args)
    args.work.mkdir(parents=True, exist_ok=True)
    run = Run(args)
    try:
        run.start()
        run.tune()
        for number in range(args.rounds):
            if number and time.monotonic() - run.began > args.seconds:
                print(f"stopped after {number} rounds: {args.seconds:.0f} s are over")
                break
            run.round(number)
            print(f"round {number} done, {time.monotonic() - run.began:.0f} s", flush=True)
        run.remember()
        if args.overlap:
            run.compare()
        run.starts()
    finally:
        run.end()
        if args.out is not None:
            with args.out.open("w") as file:
                for record in run.records:
                    file.write(json.dumps(record._asdict()) + "\n")
    print(run.whole())


if __name__ == "__main__":
    main()
