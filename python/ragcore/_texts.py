"""Lists of strings from whatever holds them: iterables, pandas, Polars, Arrow.

That each entry is a string, and a whole one, is checked by the extension, which names its index.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .errors import InvalidArgument, Unsupported


def texts(values: object, name: str) -> list[str]:
    """``values`` as a list; a single string is refused, because it would be cut into letters."""
    return column(values, name, "strings")


def texts_or_vectors(values: object, name: str) -> tuple[list[str] | None, object]:
    """``values`` as texts if they are, or None and what to read as an array."""
    if isinstance(values, str):
        raise InvalidArgument(f"{name} must be a list, got one str; write [{name}]")
    if isinstance(values, np.ndarray):
        found = values.dtype.kind in "UT" or _starts_with_text(values)
        return (texts(values, name) if found else None), values
    if isinstance(values, (list, tuple)):
        return (list(values) if _starts_with_text(values) else None), values
    if getattr(getattr(values, "dtype", None), "kind", None) in ("f", "i", "u", "b"):
        return None, values
    if hasattr(values, "__dlpack__") and not hasattr(values, "tolist"):
        return None, values
    listed = column(values, name, "texts or vectors")
    return (listed if _starts_with_text(listed) else None), listed


def records(values: object, name: str) -> list[Any]:
    """Dicts, one for each document, from a list of them or the rows of a table."""
    if hasattr(values, "to_dicts"):  # Polars
        return _checked(values.to_dicts(), name, "dicts")
    if hasattr(values, "to_dict") and hasattr(values, "columns"):  # pandas
        return _checked(values.to_dict("records"), name, "dicts")
    if hasattr(values, "__arrow_c_stream__") and not hasattr(values, "to_pylist"):
        values = _arrow_table(values, name)
    return column(values, name, "dicts", tables=True)


def column(values: object, name: str, what: str, tables: bool = False) -> list[Any]:
    """``values`` as a list of Python objects."""
    if isinstance(values, (str, bytes)):
        kind = type(values).__name__
        raise InvalidArgument(f"{name} must be a list of {what}, got one {kind}; write [{name}]")
    if isinstance(values, list):
        return values
    names = getattr(values, "column_names", getattr(values, "columns", None))
    if names is not None and not tables:
        return _only_column(values, names, name, what)
    # A pandas Series has tolist, a Polars Series to_list, an Arrow array to_pylist.
    for method in ("tolist", "to_list", "to_pylist"):
        convert = getattr(values, method, None)
        if convert is not None:
            return _checked(convert(), name, what)
    if hasattr(values, "__arrow_c_stream__"):
        return _from_arrow(values, name, what)
    if isinstance(values, Iterable):
        return list(values)
    raise InvalidArgument(f"{name} must be a list of {what}, got {type(values).__name__}")


def _starts_with_text(values: Any) -> bool:
    return len(values) > 0 and isinstance(values[0], str)


def _checked(values: Any, name: str, what: str) -> list[Any]:
    if not isinstance(values, list):
        raise InvalidArgument(
            f"{name} must be a list of {what}, got a single {type(values).__name__}"
        )
    return values


def _only_column(values: Any, names: Any, name: str, what: str) -> list[Any]:
    if len(names) != 1:
        found = ", ".join(map(str, names))
        raise InvalidArgument(
            f"{name} must be one column of {what}, got the columns {found}; pick one"
        )
    return column(values[names[0]], name, what)


def _from_arrow(values: Any, name: str, what: str) -> list[Any]:
    try:
        table = _arrow_table(values, name)
    except (TypeError, ValueError):
        import pyarrow

        return _checked(pyarrow.chunked_array(values).to_pylist(), name, what)
    return _only_column(table, table.column_names, name, what)


def _arrow_table(values: Any, name: str) -> Any:
    try:
        import pyarrow
    except ImportError:
        raise Unsupported(
            f"{name} is an Arrow stream, which needs pyarrow: pip install pyarrow"
        ) from None
    return pyarrow.table(values)
