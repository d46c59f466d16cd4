"""Every byte of a small store: its last bit turned, 00, and FF. Each is detected or harmless.

Of a store that is large although it holds little, every n-th byte, so that there are a tenth of
the most cases.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from itertools import accumulate

from damage import Case, build, run_cases
from ordeals.corrupt import COLUMN
from subject import Subject
from table import Plan, Score

#: Documents of the store, and the most cases.
FULL, QUICK = (60, 200_000), (3, 6000)


def run(subject: Subject, plan: Plan) -> Iterator[Score]:
    score = Score("flip", subject.name)
    small = type(subject)(dim=4)
    home = plan.fast / "flip"
    documents, most = QUICK if plan.quick else FULL
    seen, true = build(small, home, documents)
    files = seen[-1]
    # Room that is put by says nothing.
    names = sorted(name for name, held in files.items() if any(held))
    ends = list(accumulate(len(files[name]) for name in names))

    def make(number: int) -> Case:
        offset, way = number // 3 * stride, number % 3
        index = bisect_right(ends, offset)
        name = names[index]
        at = offset - (ends[index - 1] if index else 0)
        data = bytearray(files[name])
        data[at] = (data[at] ^ 1, 0, 255)[way]
        told = f"byte {at} of {name} is {data[at]}, was {files[name][at]}"
        return Case(told, true, files | {name: bytes(data)})

    stride = 1 if 3 * ends[-1] <= most else -(-30 * ends[-1] // most)
    total = 3 * -(-ends[-1] // stride)
    numbers = range(plan.first, min(plan.first + plan.count(total, total), total))
    results = run_cases(small, home, make, numbers)
    classes: Counter[str] = Counter()
    for _, result in zip(plan.each(score, len(numbers), len(numbers)), results, strict=False):
        classes[result.kind] += 1
        if result.kind in COLUMN:
            score.problem(COLUMN[result.kind], f"cycle {result.number}: {result.why}")
    results.close()
    shutil.rmtree(home, ignore_errors=True)
    told = ", ".join(f"{kind} {n:,}" for kind, n in sorted(classes.items()))
    which = "every byte" if stride == 1 else f"every {stride}th byte"
    score.notes.append(f"{ends[-1]:,} bytes in {len(names)} files, {which}: {told}")
    yield score.done()
