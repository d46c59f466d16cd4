"""Everything that NumPy can read is accepted, nothing of the caller's is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import ragcore as rag
from ragcore import _arrays

VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


class Dlpack:
    """An array of another library: it speaks DLPack and nothing else."""

    def __init__(self, array: Any) -> None:
        self._array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self._array.__dlpack_device__()


SHAPES: dict[str, Any] = {
    "lists": VALUES.tolist(),
    "tuples": tuple(map(tuple, VALUES.tolist())),
    "float64": VALUES.astype(np.float64),
    "float16": VALUES.astype(np.float16),
    "integers": VALUES.astype(np.int16),
    "big-endian": VALUES.astype(">f4"),
    "big-endian doubles": VALUES.astype(">f8"),
    "strided": np.repeat(VALUES, 2, axis=1)[:, ::2],
    "reversed": VALUES[::-1][::-1],
    "Fortran order": np.asfortranarray(VALUES),
    "misaligned": np.frombuffer(b"x" + VALUES.tobytes(), np.uint8)[1:]
    .view(np.float32)
    .reshape(3, 4),
    "read-only": np.frombuffer(VALUES.tobytes(), np.float32).reshape(3, 4),
    "masked without a mask": np.ma.MaskedArray(VALUES),
    "a list of arrays": list(VALUES),
    "an array of arrays": np.array([*VALUES, None], dtype=object)[:3],
    "DLPack": Dlpack(VALUES),
    "memoryview": memoryview(VALUES),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_the_same_numbers_is_the_same(name: str) -> None:
    array = _arrays.vectors(SHAPES[name], "vectors")
    assert array.dtype == np.float32 and array.flags.c_contiguous and array.flags.aligned
    assert np.array_equal(array, VALUES)


def test_a_contiguous_float32_array_is_lent_and_not_copied() -> None:
    assert np.shares_memory(_arrays.vectors(VALUES, "vectors"), VALUES)
    keys = np.arange(3, dtype=np.uint64)
    assert np.shares_memory(_arrays.keys(keys), keys)


REFUSED: dict[str, Any] = {
    "objects": np.array([[object()]], dtype=object),
    "texts": [["a", "b"]],
    "a text": "abc",
    "None": None,
    "complex": [[1j]],
    "dates": np.array([["2020-01-01"]], dtype="datetime64[D]"),
    "ragged": [[1.0], [1.0, 2.0]],
    "ragged arrays": np.array([np.zeros(2), np.zeros(3)], dtype=object),
    "one vector": [1.0, 2.0],
    "three axes": np.zeros((1, 1, 1)),
    "a number": 1.0,
    "a dict": {"a": 1},
    "masked": np.ma.MaskedArray(VALUES, mask=VALUES > 5),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_matrix_is_refused_by_the_name_of_the_argument(name: str) -> None:
    with pytest.raises(rag.InvalidArgument, match="vectors"):
        _arrays.vectors(REFUSED[name], "vectors")


def test_a_double_too_large_for_a_float_becomes_infinite_and_is_refused_by_the_core() -> None:
    with pytest.raises(rag.InvalidArgument, match=r"vector 1 .* position 0"):
        rag.SteeringVector.learn([[1.0, 2.0], [1e300, 2.0], [3.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]])


KEYS: list[tuple[str, Any]] = [
    ("list", [3, 1, 2**63, 2**64 - 1]),
    ("tuple", (3, 1, 2**63, 2**64 - 1)),
    ("generator", (k for k in [3, 1, 2**63, 2**64 - 1])),
    ("uint64", np.array([3, 1, 2**63, 2**64 - 1], np.uint64)),
    ("big-endian", np.array([3, 1, 2**63, 2**64 - 1], ">u8")),
    ("objects", np.array([3, 1, 2**63, 2**64 - 1], object)),
]


@pytest.mark.parametrize(("name", "values"), KEYS, ids=[name for name, _ in KEYS])
def test_keys_keep_all_their_bits(name: str, values: Any) -> None:
    keys = _arrays.keys(values)
    assert keys.dtype == np.uint64
    assert keys.tolist() == [3, 1, 2**63, 2**64 - 1]


def test_keys_of_other_integers_and_whole_floats_are_fine() -> None:
    assert _arrays.keys(np.array([1, 2], np.int8)).tolist() == [1, 2]
    assert _arrays.keys([1.0, 2.0]).tolist() == [1, 2]
    assert _arrays.keys(range(3)).tolist() == [0, 1, 2]
    assert _arrays.keys([]).tolist() == []


@pytest.mark.parametrize(
    "values",
    [
        [-1],
        np.array([5, -1]),
        [1.5],
        [2**64],
        [None],
        ["1"],
        "1",
        [True],
        [float("nan")],
        3,
        [[1]],
        [1e300],
    ],
    ids=repr,
)
def test_other_keys_are_refused(values: Any) -> None:
    with pytest.raises(rag.InvalidArgument, match="keys"):
        _arrays.keys(values)


def test_no_call_changes_what_it_is_lent(
    rng: np.random.Generator, unchanged: Callable[[Any], Any]
) -> None:
    points = unchanged(rng.normal(size=(50, 3)))
    rag.pareto_front(points, maximize=True)
    rag.nondominated_sort(points, maximize=[True, False, True])
    rag.crowding_distance(points)
    rag.hypervolume(points, unchanged(np.ones(3)))
    liked = unchanged(rng.normal(size=(40, 4)).astype(np.float32) + 1)
    other = unchanged(rng.normal(size=(40, 4)).astype(np.float32) - 1)
    dial = rag.SteeringVector.learn(liked, other, name="dial")
    query = unchanged(rng.normal(size=4).astype(np.float32))
    dial.apply(query)
    steering = rag.Steering([dial])
    steering.apply(query, {"dial": 1.0})
    steering.feedback(query, other[0], 0.5, user="u")
    steering.calibrate(liked)


def test_results_are_fresh_arrays(rng: np.random.Generator) -> None:
    dial = rag.SteeringVector(rng.normal(size=4).astype(np.float32))
    first = dial.vector
    first[:] = 0
    assert dial.vector.any() and first.flags.writeable
