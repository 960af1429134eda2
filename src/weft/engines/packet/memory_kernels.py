"""Rows of tables by address, for compiled code.

A packet simulation has some thirty tables. Handing them from function to function as arrays costs more than the work:
each is seven words, and compilers give up on functions of two hundred arguments. Here all functions take one record,
the world, that holds the tables' addresses; a row is its address, and reading a field of it is one load.

The tables themselves are NumPy arrays that the simulation owns; nothing here outlives them. With
``NUMBA_DISABLE_JIT=1`` rows are found by address among the arrays that were announced by `announce`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numba
import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_LINE = 64  # bytes
_config: Any = numba.config
_PLAIN = bool(_config.DISABLE_JIT)
Rows = Callable[[Any, Any], Any]
_announced: dict[int, npt.NDArray[np.uint8]] = {}
_views: dict[tuple[int, int], Any] = {}


def table(name: str, dtype: np.dtype[Any]) -> Rows:
    """Return a function that takes the world and a row's number, and gives the row of a table as a record.

    Args:
        name: the world's field that holds the table's address.
        dtype: of the rows.
    """
    if _PLAIN:

        def find(world: Any, index: int) -> Any:
            key = (int(world[name]), id(dtype))
            if key not in _views:
                _views[key] = _announced[key[0]].view(dtype)
            return _Row(_views[key], int(index))

        return find
    record = numba.from_dtype(dtype)

    @intrinsic
    def row(typing_context: Any, world: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = context.get_getattr(world, name)(context, builder, world, args[0], name)
            offset = builder.mul(args[1], cgutils.intp_t(dtype.itemsize))
            return builder.inttoptr(builder.add(address, offset), context.get_value_type(record))

        return record(world, types.int64), code

    made: Any = row
    return cast(Rows, made)


class _Row:
    """A row without compilation; NumPy's own records have attributes, such as size and flags, that hide fields."""

    __slots__ = ("_index", "_table")

    def __init__(self, table: Any, index: int) -> None:
        object.__setattr__(self, "_table", table)
        object.__setattr__(self, "_index", index)

    def __getattr__(self, name: str) -> Any:
        value = self._table[name][self._index]
        return value if value.dtype == np.uint64 else value.item()  # words of bits stay words

    def __setattr__(self, name: str, value: Any) -> None:
        self._table[name][self._index] = value


def prefetch_of(name: str, dtype: np.dtype[Any]) -> Callable[[Any, Any], None]:
    """Return a function of the world and a row's number that has the row brought near, for use a little later."""
    if _PLAIN:
        return lambda world, index: None

    insert: Any = cgutils.get_or_insert_function

    @intrinsic
    def prefetch(typing_context: Any, world: Any, index: Any) -> Any:
        def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            address = context.get_getattr(world, name)(context, builder, world, args[0], name)
            offset = builder.mul(args[1], cgutils.intp_t(dtype.itemsize))
            pointer = builder.inttoptr(builder.add(address, offset), cgutils.voidptr_t)
            flag = cgutils.int32_t
            kind = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, flag, flag, flag])
            function = insert(builder.module, kind, "llvm.prefetch.p0")
            for line in range(-(-dtype.itemsize // _LINE)):
                there = builder.gep(pointer, [cgutils.intp_t(line * _LINE)])
                builder.call(function, [there, flag(1), flag(3), flag(1)])  # to write, near, data
            return context.get_dummy_value()

        return types.none(world, types.int64), code

    made: Any = prefetch
    return cast(Callable[[Any, Any], None], made)


def announce(table: npt.NDArray[Any]) -> int:
    """Return a table's address; without compilation, remember where it is."""
    address = int(table.ctypes.data)
    if _PLAIN:
        _announced[address] = table.view(np.uint8).reshape(-1)
        for key in [key for key in _views if key[0] == address]:
            del _views[key]
    return address
