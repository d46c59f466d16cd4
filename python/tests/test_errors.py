"""One table of kinds in the core, one class for each here."""

from __future__ import annotations

import pickle

import pytest
import ragcore as rag
from ragcore import _core, errors

KINDS = _core.error_kinds()
KIN = {
    "InvalidArgument": ValueError,
    "AlreadyExists": ValueError,
    "NotFound": KeyError,
    "Io": OSError,
    "Timeout": TimeoutError,
    "DimensionMismatch": rag.InvalidArgument,
}


def test_every_kind_of_the_core_has_a_class_and_the_other_way_round() -> None:
    assert [name for name, _, _ in KINDS] == list(errors.BY_KIND)
    for kind, cls in errors.BY_KIND.items():
        assert cls.kind == kind
        assert cls is getattr(rag, cls.__name__)
        assert cls.__name__ == "".join(part.title() for part in kind.split("_"))
        assert cls.__mro__.index(errors.Error) < cls.__mro__.index(Exception)


@pytest.mark.parametrize(("kind", "code", "doc"), KINDS)
def test_the_core_raises_the_class_of_the_kind(kind: str, code: int, doc: str) -> None:
    assert code > 0 and doc
    with pytest.raises(errors.BY_KIND[kind]) as caught:
        _core.fail(kind)
    error = caught.value
    assert type(error) is errors.BY_KIND[kind] and error.kind == kind
    assert "asked for" in str(error) and not str(error).startswith("'")
    assert error.file == "a/file"
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (type(error), str(error), error.__dict__)


@pytest.mark.parametrize(("name", "kin"), KIN.items())
def test_the_kin_of_python_catch_them(name: str, kin: type[Exception]) -> None:
    assert issubclass(getattr(rag, name), kin)


def test_locked_names_the_process_and_corrupt_the_offset() -> None:
    with pytest.raises(rag.Locked) as locked:
        _core.fail("locked")
    assert locked.value.pid == 1
    with pytest.raises(rag.Corrupt) as corrupt:
        _core.fail("corrupt")
    assert (corrupt.value.file, corrupt.value.offset) == ("a/file", 7)
    assert "byte 7" in str(corrupt.value)


def test_a_panic_is_an_ordinary_exception() -> None:
    with pytest.raises(rag.Error) as caught:
        _core.fail("panic")
    assert type(caught.value) is rag.Error and caught.value.kind == "panic"
    assert rag.Error.kind == "error", "the class is not marked by one instance"
