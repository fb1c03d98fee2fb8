"""How a kernel is compiled: once, cached on disk, without the interpreter's lock, with infinities kept meaningful."""

import ast
import inspect
import sys
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar, cast

from numba import njit

# The full set of fast floating-point rules would assume that no infinity occurs.
FAST_MATH = frozenset({"reassoc", "contract", "nsz", "arcp"})

Function = TypeVar("Function", bound=Callable[..., object])


OPTIONS: Any = {"cache": True, "nogil": True, "error_model": "numpy", "fastmath": set(FAST_MATH)}
NO_DOOR: Any = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: Function) -> Function:
    """Compile a function of arrays; its first call on a machine compiles, later processes load it from the cache."""
    return _stamped(njit(**OPTIONS)(function), function)


def inner(function: Function) -> Function:
    """Compile a function that only other kernels call: no door from Python, which takes longest to compile."""
    return _stamped(njit(**OPTIONS, **NO_DOOR)(function), function)


def inlined(function: Function) -> Function:
    """Compile a small function into each of its callers."""
    return _stamped(njit(**OPTIONS, inline="always")(function), function)


def _stamped(compiled: object, function: Function) -> Function:
    """
    Tie what is cached to the sources of all kernels that a function can reach: numba looks only at its own file.

    Else a caller would go on with the old machine code of a callee in another file.
    """
    cached: Any = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    own = getattr(cached, "_source_stamp", None)
    if own is not None and function.__module__ != "__main__":
        cached._source_stamp = (own, _stamp_of(function.__module__))
    return cast(Function, compiled)


@cache
def _stamp_of(module: str) -> int:
    """Return a checksum of a module's source and of those it imports from its own package and from this one."""
    source = inspect.getsource(sys.modules[module])
    packages = {_package_of(module), _package_of(__name__)}
    stamp = zlib.crc32(source.encode())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and _package_of(node.module) in packages:
            stamp = zlib.crc32(str(_stamp_of(node.module)).encode(), stamp)
    return stamp


def _package_of(module: str) -> str:
    return module.rpartition(".")[0]
