"""Lists of strings from whatever holds them: iterables, pandas, Polars, Arrow.

That each entry is a string, and a whole one, is checked by the extension, which names its index.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .errors import InvalidArgument, Unsupported


def texts(values: object, name: str) -> list[str]:
    """``values`` as a list; a single string is refused, because it would be cut into letters."""
    if isinstance(values, (str, bytes)):
        kind = type(values).__name__
        raise InvalidArgument(f"{name} must be a list of strings, got one {kind}; write [{name}]")
    if isinstance(values, list):
        return values
    # A pandas Series has tolist, a Polars Series to_list, an Arrow array to_pylist.
    for method in ("tolist", "to_list", "to_pylist"):
        convert = getattr(values, method, None)
        if convert is not None:
            return _checked(convert(), name)
    if hasattr(values, "__arrow_c_stream__"):
        return _from_arrow(values, name)
    if isinstance(values, Iterable):
        return list(values)
    raise InvalidArgument(f"{name} must be a list of strings, got {type(values).__name__}")


def _checked(values: Any, name: str) -> list[str]:
    if not isinstance(values, list) or (values and isinstance(values[0], (list, dict))):
        raise InvalidArgument(f"{name} must be one column of strings; pick the column")
    return values


def _from_arrow(values: Any, name: str) -> list[str]:
    try:
        import pyarrow
    except ImportError:
        raise Unsupported(f"{name} is an Arrow stream, which needs pyarrow: pip install pyarrow") from None
    try:
        table = pyarrow.table(values)
    except (TypeError, pyarrow.ArrowInvalid):
        return _checked(pyarrow.chunked_array(values).to_pylist(), name)
    if table.num_columns != 1:
        found = ", ".join(table.column_names)
        raise InvalidArgument(f"{name} must be one column of strings, got the columns {found}; pick one")
    return _checked(table.column(0).to_pylist(), name)
