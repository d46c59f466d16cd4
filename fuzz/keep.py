"""Chooses what is kept of a corpus: keep.py PROGRAM TARGET FOLDER...

Lets the fuzzer merge what is in `corpus/TARGET` and the folders, reads from its control file which
edges each input reaches, and keeps in `corpus/TARGET` those that add most, at most 60 in 100 KB.
"""

import hashlib
import pathlib
import subprocess
import sys
import tempfile

FILES, BYTES, LONGEST = 60, 100_000, 4096


def reached(program, folders):
    """The edges of each input, by path, as a merge found them."""
    with tempfile.TemporaryDirectory() as scratch:
        control = pathlib.Path(scratch, "control")
        empty = pathlib.Path(scratch, "out")
        empty.mkdir()
        flags = ["-merge=1", f"-merge_control_file={control}", f"-max_len={LONGEST}"]
        run = [program, *flags, str(empty), *map(str, folders)]
        subprocess.run(run, check=True, capture_output=True)
        lines = control.read_text().splitlines()
    count = int(lines[0])
    names, found = lines[2 : 2 + count], {}
    for line in lines[2 + count :]:
        kind, number, *edges = line.split()
        if kind == "COV":
            found[names[int(number)]] = set(map(int, edges))
    # An edge stands with the first input that reaches it, so small inputs, which go first, have most.
    return found


def chosen(found):
    """The inputs that add most, one after the other."""
    seen, room, kept = set(), BYTES, []
    inputs = {name: pathlib.Path(name).read_bytes() for name in found}
    left = {name: edges for name, edges in found.items() if len(inputs[name]) <= LONGEST}
    while left and len(kept) < FILES:
        gain = {name: len(edges - seen) for name, edges in left.items()}
        best = max(left, key=lambda name: (gain[name], -len(inputs[name]), name))
        if gain[best] == 0:
            break
        seen |= left.pop(best)
        if len(inputs[best]) <= room:
            room -= len(inputs[best])
            kept.append(inputs[best])
    return kept


def main():
    program, target, *folders = sys.argv[1:]
    corpus = pathlib.Path(__file__).parent / "corpus" / target
    corpus.mkdir(parents=True, exist_ok=True)
    kept = chosen(reached(program, [corpus, *folders]))
    for old in corpus.iterdir():
        old.unlink()
    for data in kept:
        (corpus / hashlib.sha1(data).hexdigest()).write_bytes(data)
    print(f"{target}: {len(kept)} inputs, {sum(map(len, kept))} bytes")


main()
