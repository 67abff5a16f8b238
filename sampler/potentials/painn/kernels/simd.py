"""Explicit 16-lane vectors for numba.

LLVM's loop vectoriser gives up on loops that read and write a dozen rows of several arrays, since it cannot prove
that they do not overlap. Here a value of type ``Vec`` is an LLVM ``<16 x float>`` (or double), and LLVM maps it to
whatever the machine has when the kernel is compiled: one AVX-512 register, two AVX, four SSE or NEON ones.

All arrays are one-dimensional and contiguous; offsets count elements.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

LANES = 16
_INT = ir.IntType(32)


class Vec(types.Type):
    """16 numbers of one float type in registers."""

    def __init__(self, dtype):
        self.dtype = dtype
        super().__init__(name=f"Vec16({dtype})")


@register_model(Vec)
class _VecModel(models.PrimitiveModel):
    def __init__(self, dmm, fe_type):
        super().__init__(dmm, fe_type, ir.VectorType(dmm.lookup(fe_type.dtype).get_value_type(), LANES))


def _pointer(context, builder, arrayty, array, offset):
    base = context.make_array(arrayty)(context, builder, array).data
    return builder.gep(base, [offset])


def _vector_pointer(builder, pointer, vector):
    return builder.bitcast(pointer, vector.as_pointer())


def _size(scalar):
    return 4 if isinstance(scalar, ir.FloatType) else 8


def _load(builder, pointer, scalar, lanes=LANES):
    vector = ir.VectorType(scalar, lanes)
    value = builder.load(_vector_pointer(builder, pointer, vector))
    value.align = _size(scalar)
    return value


def _store(builder, value, pointer):
    store = builder.store(value, _vector_pointer(builder, pointer, value.type))
    store.align = _size(value.type.element)


def _intrinsic(builder, name, *values):
    vector = values[0].type
    function = cgutils.get_or_insert_function(
        builder.module,
        ir.FunctionType(vector, [vector] * len(values)),
        f"llvm.{name}.v{vector.count}f{8 * _size(vector.element)}",
    )
    return builder.call(function, values)


def _splat(builder, scalar, lanes=LANES):
    vector = ir.VectorType(scalar.type, lanes)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, _INT(0))
    zeros = ir.Constant(ir.VectorType(_INT, lanes), [0] * lanes)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), zeros)


def _shuffle(builder, a, b, mask):
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_INT, len(mask)), mask))


@intrinsic
def load(typingctx, array, offset):
    """16 numbers of ``array`` from ``offset`` on."""

    def codegen(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        return _load(builder, pointer, pointer.type.pointee)

    return Vec(array.dtype)(array, types.intp), codegen


@intrinsic
def store(typingctx, array, offset, value):
    def codegen(context, builder, sig, args):
        _store(builder, args[2], _pointer(context, builder, sig.args[0], args[0], args[1]))
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


@intrinsic
def splat(typingctx, array, offset):
    """One number of ``array`` in all lanes."""

    def codegen(context, builder, sig, args):
        return _splat(builder, builder.load(_pointer(context, builder, sig.args[0], args[0], args[1])))

    return Vec(array.dtype)(array, types.intp), codegen


@intrinsic
def zero(typingctx, array):
    """Zeros of the type of ``array``."""
    vec = Vec(array.dtype)

    def codegen(context, builder, sig, args):
        vector = context.get_value_type(sig.return_type)
        return ir.Constant(vector, [0.0] * LANES)

    return vec(array), codegen


@intrinsic
def broadcast(typingctx, scalar):
    """A scalar in all lanes."""

    def codegen(context, builder, sig, args):
        return _splat(builder, args[0])

    return Vec(scalar)(scalar), codegen


def _binary(operation):
    @intrinsic
    def op(typingctx, a, b):
        def codegen(context, builder, sig, args):
            return getattr(builder, operation)(*args)

        return a(a, b), codegen

    return op


add, sub, mul, div = _binary("fadd"), _binary("fsub"), _binary("fmul"), _binary("fdiv")


@intrinsic
def fma(typingctx, a, b, c):
    """a * b + c, rounded once."""

    def codegen(context, builder, sig, args):
        return _intrinsic(builder, "fma", *args)

    return a(a, b, c), codegen


@intrinsic
def fnma(typingctx, a, b, c):
    """c - a * b, rounded once."""

    def codegen(context, builder, sig, args):
        return _intrinsic(builder, "fma", builder.fneg(args[0]), args[1], args[2])

    return a(a, b, c), codegen


def _unary_llvm(name):
    @intrinsic
    def op(typingctx, a):
        def codegen(context, builder, sig, args):
            return _intrinsic(builder, name, args[0])

        return a(a), codegen

    return op


sqrt, rint = _unary_llvm("sqrt"), _unary_llvm("rint")


@intrinsic
def clip(typingctx, a, low, high):
    """Between two scalars."""

    def codegen(context, builder, sig, args):
        value, lo, hi = args[0], _splat(builder, args[1]), _splat(builder, args[2])
        value = builder.select(builder.fcmp_ordered("<", value, lo), lo, value)
        return builder.select(builder.fcmp_ordered(">", value, hi), hi, value)

    return a(a, a.dtype, a.dtype), codegen


@intrinsic
def exp2_integer(typingctx, a):
    """2**a for whole numbers ``a`` in the range of normal floats."""

    def codegen(context, builder, sig, args):
        scalar = args[0].type.element
        bits, mantissa, bias = (32, 23, 127) if _size(scalar) == 4 else (64, 52, 1023)
        vector = ir.VectorType(ir.IntType(bits), LANES)
        whole = builder.fptosi(args[0], vector)
        whole = builder.add(whole, ir.Constant(vector, [bias] * LANES))
        whole = builder.shl(whole, ir.Constant(vector, [mantissa] * LANES))
        return builder.bitcast(whole, args[0].type)

    return a(a), codegen


@intrinsic
def add_sums4(typingctx, array, offset, a, b, c, d):
    """array[offset:offset+4] += the lane sums of a, b, c, d."""

    def codegen(context, builder, sig, args):
        def fold(x, y, width):
            # lanes [2w] of x and y -> [w of x | w of y], each the sum of two halves of every group
            groups = LANES // (2 * width)
            first: list[int] = []
            second: list[int] = []
            for source in (0, LANES):
                for g in range(groups):
                    start = source + g * 2 * width
                    first += range(start, start + width)
                    second += range(start + width, start + 2 * width)
            return builder.fadd(_shuffle(builder, x, y, first), _shuffle(builder, x, y, second))

        ab = fold(args[2], args[3], 8)  # 8 of a, 8 of b
        cd = fold(args[4], args[5], 8)
        abcd = fold(ab, cd, 4)  # 4 each of a, b, c, d
        half = ir.Constant(abcd.type, ir.Undefined)
        pairs = builder.fadd(
            _shuffle(builder, abcd, half, [0, 1, 4, 5, 8, 9, 12, 13]),
            _shuffle(builder, abcd, half, [2, 3, 6, 7, 10, 11, 14, 15]),
        )
        half = ir.Constant(pairs.type, ir.Undefined)
        sums = builder.fadd(_shuffle(builder, pairs, half, [0, 2, 4, 6]), _shuffle(builder, pairs, half, [1, 3, 5, 7]))
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        old = _load(builder, pointer, pointer.type.pointee, 4)
        _store(builder, builder.fadd(old, sums), pointer)
        return context.get_dummy_value()

    return types.void(array, types.intp, a, b, c, d), codegen


def _make_block(rows, vectors):
    """A (rows x 16·vectors) block of C = A B + D; all rows·vectors sums stay in registers."""

    @intrinsic
    def block(typingctx, a, a0, a_row, a_k, b, b0, b_k, d, d0, d_row, c, c0, c_row, k):
        def codegen(context, builder, sig, args):
            (_, a0, a_row, a_k, _, b0, b_k, _, d0, d_row, _, c0, c_row, k) = args
            index = a0.type
            pointer = {
                n: _pointer(context, builder, sig.args[p], args[p], o)
                for n, p, o in (("a", 0, a0), ("b", 4, b0), ("d", 7, d0), ("c", 10, c0))
            }
            scalar = pointer["a"].type.pointee
            vector = ir.VectorType(scalar, LANES)
            a_rows = [pointer["a"]]
            for _ in range(rows - 1):
                a_rows.append(builder.gep(a_rows[-1], [a_row]))
            entry = builder.block
            loop = builder.append_basic_block("k")
            done = builder.append_basic_block("done")
            builder.branch(loop)
            builder.position_at_end(loop)
            step = builder.phi(index)
            b_here = builder.phi(pointer["b"].type)
            a_offset = builder.phi(index)
            sums = [[builder.phi(vector) for _ in range(vectors)] for _ in range(rows)]
            b_values = [_load(builder, builder.gep(b_here, [index(LANES * v)]), scalar) for v in range(vectors)]
            new = []
            for r in range(rows):
                value = _splat(builder, builder.load(builder.gep(a_rows[r], [a_offset])))
                new.append([_intrinsic(builder, "fma", value, b_values[v], sums[r][v]) for v in range(vectors)])
            step_next = builder.add(step, index(1))
            b_next = builder.gep(b_here, [b_k])
            a_next = builder.add(a_offset, a_k)
            builder.cbranch(builder.icmp_signed("<", step_next, k), loop, done)
            zeros = ir.Constant(vector, [0.0] * LANES)
            for phi, start, following in [
                (step, index(0), step_next),
                (b_here, pointer["b"], b_next),
                (a_offset, index(0), a_next),
            ]:
                phi.add_incoming(start, entry)
                phi.add_incoming(following, loop)
            for r in range(rows):
                for v in range(vectors):
                    sums[r][v].add_incoming(zeros, entry)
                    sums[r][v].add_incoming(new[r][v], loop)
            builder.position_at_end(done)
            c_row_pointer, d_row_pointer = pointer["c"], pointer["d"]
            for r in range(rows):
                for v in range(vectors):
                    here = [index(LANES * v)]
                    start = _load(builder, builder.gep(d_row_pointer, here), scalar)
                    _store(builder, builder.fadd(new[r][v], start), builder.gep(c_row_pointer, here))
                c_row_pointer = builder.gep(c_row_pointer, [c_row])
                d_row_pointer = builder.gep(d_row_pointer, [d_row])
            return context.get_dummy_value()

        i = types.intp
        return types.void(a, i, i, i, b, i, i, d, i, i, c, i, i, i), codegen

    return block


# 24 of AVX-512's 32 registers hold sums
block_6x4, block_3x4, block_1x4 = _make_block(6, 4), _make_block(3, 4), _make_block(1, 4)
block_6x2, block_3x2, block_1x2 = _make_block(6, 2), _make_block(3, 2), _make_block(1, 2)
