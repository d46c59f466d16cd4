"""Whatever NumPy can read becomes the one shape that the extension sees.

Vectors are C-contiguous float32, keys C-contiguous uint64. An array that already is one of these
is lent as it is; everything else is copied. Values (NaN, dimension, duplicates) are the core's to
judge: only what cannot be brought into the shape is refused here.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InvalidArgument

Vectors = npt.NDArray[np.float32]
Points = npt.NDArray[np.float64]
Keys = npt.NDArray[np.uint64]

_WHAT = "pass numbers, as a list, a NumPy array or anything NumPy can read"


def vectors(values: object, name: str, dim: int | None = None) -> Vectors:
    """``values`` as (n, dim); nothing at all is zero rows of ``dim``."""
    array: Vectors = _floats(values, name, np.float32)
    if array.size == 0 and array.ndim < 3 and dim is not None:
        return np.empty((0, dim), np.float32)
    if array.ndim != 2:
        raise InvalidArgument(f"{name} must have the shape (n, dim), got {array.shape}")
    return array


def vector(values: object, name: str) -> Vectors:
    """``values`` as (dim,)."""
    array: Vectors = _floats(values, name, np.float32)
    if array.ndim != 1:
        raise InvalidArgument(f"{name} must have the shape (dim,), got {array.shape}")
    return array


def one_or_many(values: object, name: str, dim: int | None = None) -> tuple[Vectors, bool]:
    """``values`` as (n, dim), and whether it was a single (dim,) vector."""
    array = _floats(values, name, np.float32)
    if array.ndim == 1 and array.size > 0:
        return array.reshape(1, -1), True
    return vectors(array, name, dim), False


def points(values: object, name: str) -> Points:
    """``values`` as (n, d) float64."""
    array: Points = _floats(values, name, np.float64)
    if array.size == 0 and array.ndim == 1:
        return np.empty((0, 1), np.float64)
    if array.ndim != 2:
        raise InvalidArgument(f"{name} must have the shape (n, d), got {array.shape}")
    return array


def numbers(values: object, name: str) -> Points:
    """``values`` as (n,) float64."""
    array: Points = _floats(values, name, np.float64)
    if array.ndim != 1:
        raise InvalidArgument(f"{name} must have the shape (n,), got {array.shape}")
    return array


def keys(values: object, name: str = "keys") -> Keys:
    """``values`` as (n,) uint64; negative, fractional and other keys are refused."""
    values = _listed(values)
    array: Any = _read(values, name, "pass whole numbers of 0 or more")
    if array.ndim != 1:
        raise InvalidArgument(f"{name} must have the shape (n,), got {array.shape}")
    if array.dtype.kind == "b" and array.size > 0:
        raise InvalidArgument(
            f"{name} is an array of bool; pass the numbers, which numpy.flatnonzero makes of a mask"
        )
    if array.dtype.kind == "u":
        return np.require(array, np.uint64, ["C", "A"])
    if array.dtype.kind == "i":
        if array.size > 0 and array.min() < 0:
            at = int(np.argmax(array < 0))
            raise InvalidArgument(
                f"{name}[{at}] must be a whole number of 0 or more, got {array[at]}"
            )
        return np.require(array, np.uint64, ["C", "A"])
    # What NumPy read as floats or objects may still be whole numbers, too large for its guess.
    listed = values if isinstance(values, (list, tuple)) else array.tolist()
    return np.array([_key(v, i, name) for i, v in enumerate(listed)], np.uint64)


def _key(value: Any, i: int, name: str) -> int:
    try:
        if isinstance(value, (float, np.floating)):
            real = float(value)
            # Beyond 2**53 a float is no longer every whole number.
            value = int(real) if real.is_integer() and abs(real) <= 2**53 else value
        if isinstance(value, (bool, np.bool_)):
            raise TypeError
        whole = operator.index(value)
    except TypeError:
        whole = -1
    if not 0 <= whole < 2**64:
        raise InvalidArgument(f"{name}[{i}] must be a whole number in 0..2**64, got {value!r}")
    return whole


def _floats(values: object, name: str, dtype: type[np.floating[Any]]) -> Any:
    # What a search is asked with most often needs none of the care below, which takes microseconds.
    if type(values) is np.ndarray and values.dtype == dtype and values.flags.carray:
        return values
    array = _read(values, name, _WHAT)
    if array.dtype.kind not in "fiub":
        raise InvalidArgument(f"{name} must hold numbers, got an array of {array.dtype}; {_WHAT}")
    # A float64 too large for float32 becomes infinite, which the core refuses by its position.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.require(array, dtype, ["C", "A"])


def _read(values: object, name: str, advice: str) -> npt.NDArray[Any]:
    if isinstance(values, np.ma.MaskedArray):
        if np.ma.is_masked(values):
            raise InvalidArgument(f"{name} has masked entries; fill or drop them first")
        values = values.data
    try:
        if not hasattr(values, "__array__") and hasattr(values, "__dlpack__"):
            array: npt.NDArray[Any] = np.from_dlpack(values)
        else:
            array = np.asarray(values)
    except (ValueError, TypeError, BufferError, OverflowError, RuntimeError) as error:
        raise InvalidArgument(f"{name} cannot be read as an array: {error}; {advice}") from None
    if array.dtype.kind == "O" and array.ndim == 1 and len(array) and _is_row(array[0]):
        # Arrow and pandas keep a column of vectors as an array of arrays.
        try:
            array = np.stack([np.asarray(row) for row in array])
        except (ValueError, TypeError) as error:
            raise InvalidArgument(f"{name} has rows of different lengths: {error}") from None
    return array


def _is_row(value: object) -> bool:
    return isinstance(value, (np.ndarray, list, tuple))


def _listed(values: object) -> object:
    """Iterables that NumPy would wrap whole, such as sets, ranges of dicts and generators."""
    if hasattr(values, "__array__") or (
        hasattr(values, "__len__") and hasattr(values, "__getitem__")
    ):
        return values
    if hasattr(values, "__iter__") and not hasattr(values, "__dlpack__"):
        return list(values)
    return values
