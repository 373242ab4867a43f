"""Explicit SIMD for numba: a value type of one or several 16-lane float32 vectors.

numba leaves plain loops over `w[offset + i]` scalar, so the kernels say what they mean. LLVM maps
a vector of 16 floats to the widest registers of the host: one zmm, two ymm, or four of NEON.

A value holds `rows` vectors, one for each track that a kernel carries side by side. A kernel is
written once for any number of rows, so that the order of sums within a track cannot depend on how
many tracks share the loop. No operation here is ever reassociated or contracted by the compiler.
"""

# The home of the compiler, with kernels.py; an intrinsic's arguments are types, not all needed.
# ruff: noqa: ARG001, TID253
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, models, register_model

WIDTH = 16
"""Floats in one vector."""

IN_ONE_REGISTER = bool(binding.get_host_cpu_features().get("avx512f"))
"""Whether this processor holds a vector in one register, of which it then has 32."""

_FLOAT = ir.FloatType()
_INT32 = ir.IntType(32)
_VECTOR = ir.VectorType(_FLOAT, WIDTH)
_ZERO = ir.Constant(_VECTOR, [0.0] * WIDTH)
_MINUS_INFINITY = ir.Constant(_VECTOR, [float("-inf")] * WIDTH)


def _intrinsic(function: Callable[..., Any]) -> Any:
    """Return the function as kernels call it: without its first argument, the typing context."""
    return intrinsic(function)


class Vectors(types.Type):
    """`rows` vectors of 16 floats, as numba sees them."""

    def __init__(self, rows: int) -> None:
        super().__init__(name=f"float32x{WIDTH}[{rows}]")
        self.rows = rows


ONE = Vectors(1)


@register_model(Vectors)
class _VectorsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vectors) -> None:
        super().__init__(manager, kind, ir.ArrayType(_VECTOR, kind.rows))


def _pack(builder: Any, vectors: list[Any]) -> Any:
    """Return the LLVM aggregate of these vectors; optimisation dissolves it into registers."""
    value = ir.Constant(ir.ArrayType(_VECTOR, len(vectors)), ir.Undefined)
    for row, vector in enumerate(vectors):
        value = builder.insert_value(value, vector, row)
    return value


def _unpack(builder: Any, value: Any, rows: int) -> list[Any]:
    """Return the aggregate's vectors; a single one serves every row."""
    own = value.type.count
    return [builder.extract_value(value, row if own > 1 else 0) for row in range(rows)]


def _address(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [offset])


def _vector_address(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    address = _address(context, builder, kind, array, offset)
    return builder.bitcast(address, _VECTOR.as_pointer())


def _splat(builder: Any, number: Any) -> Any:
    undefined = ir.Constant(_VECTOR, ir.Undefined)
    first = builder.insert_element(undefined, number, _INT32(0))
    everywhere = ir.Constant(ir.VectorType(_INT32, WIDTH), [0] * WIDTH)
    return builder.shuffle_vector(first, undefined, everywhere)


def _offsets(builder: Any, offset: Any, stride: Any, rows: int) -> list[Any]:
    offsets = [offset]
    for _ in range(rows - 1):
        offsets.append(builder.add(offsets[-1], stride))
    return offsets


def _reader(read: Callable[[Any, Any, Any, Any, Any], Any]) -> Any:
    """Return the intrinsic that reads one row after another, `stride` floats apart."""

    def reader(_typing: Any, like: Any, array: Any, offset: Any, stride: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            _, base, first, step = args
            offsets = _offsets(builder, first, step, sig.return_type.rows)
            return _pack(builder, [read(context, builder, sig.args[1], base, o) for o in offsets])

        return like(like, array, types.intp, types.intp), generate

    return _intrinsic(reader)


def _read_vector(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    vector = builder.load(_vector_address(context, builder, kind, array, offset))
    vector.align = 4
    return vector


def _read_splat(context: Any, builder: Any, kind: Any, array: Any, offset: Any) -> Any:
    return _splat(builder, builder.load(_address(context, builder, kind, array, offset)))


load_rows = _reader(_read_vector)
"""load_rows(like, array, offset, stride): 16 floats for each row of `like`."""

splat_rows = _reader(_read_splat)
"""splat_rows(like, array, offset, stride): one float for each row, in all 16 lanes."""


@_intrinsic
def load(_typing: Any, array: Any, offset: Any) -> Any:
    """Return array[offset : offset + 16] as one vector."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _pack(builder, [_read_vector(context, builder, sig.args[0], *args)])

    return ONE(array, types.intp), generate


@_intrinsic
def splat(_typing: Any, array: Any, offset: Any) -> Any:
    """Return array[offset] in all 16 lanes of one vector."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _pack(builder, [_read_splat(context, builder, sig.args[0], *args)])

    return ONE(array, types.intp), generate


@_intrinsic
def constant(_typing: Any, number: Any) -> Any:
    """Return a number in all 16 lanes of one vector."""

    def generate(_context: Any, builder: Any, _sig: Any, args: Any) -> Any:
        return _pack(builder, [_splat(builder, args[0])])

    return ONE(types.float32), generate


@_intrinsic
def store_rows(_typing: Any, array: Any, offset: Any, stride: Any, value: Any) -> Any:
    """Write each row's 16 floats, `stride` floats apart."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        base, first, step, rows = args
        count = sig.args[3].rows
        for vector, o in zip(
            _unpack(builder, rows, count), _offsets(builder, first, step, count), strict=True
        ):
            written = builder.store(vector, _vector_address(context, builder, sig.args[0], base, o))
            written.align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, value), generate


@_intrinsic
def store(_typing: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write one vector to array[offset : offset + 16]."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        [vector] = _unpack(builder, args[2], 1)
        address = _vector_address(context, builder, sig.args[0], args[0], args[1])
        builder.store(vector, address).align = 4
        return context.get_dummy_value()

    return types.void(array, types.intp, value), generate


@_intrinsic
def zeros(_typing: Any, rows: Any) -> Any:
    """Return this many rows of zeros; `rows` is a literal."""
    if not isinstance(rows, types.IntegerLiteral):
        return None
    count = rows.literal_value

    def generate(_context: Any, builder: Any, _sig: Any, _args: Any) -> Any:
        return _pack(builder, [_ZERO] * count)

    return Vectors(count)(rows), generate


@_intrinsic
def zeros_like(_typing: Any, like: Any) -> Any:
    """Return as many rows of zeros."""

    def generate(_context: Any, builder: Any, sig: Any, _args: Any) -> Any:
        return _pack(builder, [_ZERO] * sig.return_type.rows)

    return like(like), generate


@_intrinsic
def fma(_typing: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x * y + z with one rounding; x may be a single row that serves all."""

    def generate(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _fused(builder, sig, args, negate=False)

    return z(x, y, z), generate


@_intrinsic
def fnma(_typing: Any, x: Any, y: Any, z: Any) -> Any:
    """Return z - x * y with one rounding; x may be a single row that serves all."""

    def generate(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return _fused(builder, sig, args, negate=True)

    return z(x, y, z), generate


def _fused(builder: Any, sig: Any, args: Any, *, negate: bool) -> Any:
    kind = ir.FunctionType(_VECTOR, [_VECTOR] * 3)
    function = cgutils.get_or_insert_function(builder.module, kind, f"llvm.fma.v{WIDTH}f32")
    x, y, z = (_unpack(builder, value, sig.return_type.rows) for value in args)
    if negate:
        x = [builder.fneg(vector) for vector in x]
    return _pack(builder, [builder.call(function, each) for each in zip(x, y, z, strict=True)])


@_intrinsic
def relu(_typing: Any, x: Any) -> Any:
    """Return max(x, 0); what overflowed, either way, stays so, to be found at the head."""

    def generate(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        rectified = []
        for vector in _unpack(builder, args[0], sig.return_type.rows):
            negative = builder.fcmp_ordered("<", vector, _ZERO)
            finite = builder.fcmp_ordered(">", vector, _MINUS_INFINITY)
            rectified.append(builder.select(builder.and_(negative, finite), _ZERO, vector))
        return _pack(builder, rectified)

    return x(x), generate


def _define_operator(symbol: Any, instruction: str) -> None:
    """Give the vectors one of Python's arithmetic operators."""

    class _Typing(AbstractTemplate):
        def generic(self, args: Any, _keywords: Any) -> Any:
            if len(args) == 2 and isinstance(args[0], Vectors) and args[0] == args[1]:
                return signature(args[0], *args)
            return None

    def generate(_context: Any, builder: Any, sig: Any, args: Any) -> Any:
        x, y = (_unpack(builder, value, sig.return_type.rows) for value in args)
        combine = getattr(builder, instruction)
        return _pack(builder, [combine(*pair) for pair in zip(x, y, strict=True)])

    infer_global(symbol)(_Typing)
    lower_builtin(symbol, Vectors, Vectors)(generate)


_define_operator(operator.add, "fadd")
_define_operator(operator.sub, "fsub")
_define_operator(operator.mul, "fmul")
