"""Triton kernels of `job.layers.recurrence`: the time steps of one LSTM layer in a single launch.

Each program keeps its part of the recurrent weights in shared memory over all time steps (Diamos et
al., "Persistent RNNs: Stashing Recurrent Weights On-Chip", 2016). Programs of one group of rows
exchange the states through the L2 cache; an atomic counter is the barrier between time steps. All
programs must therefore run at the same time, which a cooperative launch guarantees. The order of
the gates is PyTorch's: input, forget, cell, output.

Importing this module needs Triton.
"""

import triton
import triton.language as tl

UNITS = 16  # hidden units of a program; their four gates are 64 rows, one tile of the matrix units
ROWS = 32  # rows of the batch of a program
COUNTER_STRIDE = 32  # int32 between two groups' counters, so that they share no cache line
LAUNCH = {"num_warps": 4, "num_stages": 1, "launch_cooperative_grid": True}


@triton.jit
def sigmoid(x):
    """1 / (1 + exp(-x)), elementwise."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def tanh(x):
    """The hyperbolic tangent, elementwise."""
    return 2 / (1 + tl.exp(-2 * x)) - 1


@triton.jit
def arrive(counter):
    """First half of a barrier between programs: what was stored before is visible after `wait`.

    Whatever the others need not wait for is loaded and stored between the two halves.
    """
    tl.debug_barrier()
    tl.atomic_add(counter, 1, sem="release", scope="gpu")


@triton.jit
def wait(counter, arrivals):
    """Second half: waits until the counter is `arrivals`."""
    while tl.load(counter, volatile=True) < arrivals:  # many atomics at once would delay arrivals
        pass
    tl.atomic_add(counter, 0, sem="acquire", scope="gpu")
    tl.debug_barrier()


@triton.jit
def forward(
    inputs, weight, bias, states, cells, gates, counters, steps,
    BATCH: tl.constexpr, HIDDEN: tl.constexpr, UNITS: tl.constexpr, ROWS: tl.constexpr,
    STRIDE: tl.constexpr,
):  # fmt: skip
    """States, cells and gates of all time steps.

    Args:
        inputs: products of the inputs (steps, BATCH, 4 * HIDDEN).
        weight: recurrent weights (4 * HIDDEN, HIDDEN).
        bias: (4 * HIDDEN,).
        states: (steps + 1, BATCH, HIDDEN); the first is given.
        cells: as `states`, in float32.
        gates: activated gates (steps, BATCH, 4 * HIDDEN).
        counters: zeros, `STRIDE` int32 for each group of rows.
    """
    programs: tl.constexpr = HIDDEN // UNITS  # of each group of rows
    group = tl.program_id(0) // programs
    first = (tl.program_id(0) % programs) * UNITS
    row = group * ROWS + tl.arange(0, ROWS)
    unit = first + tl.arange(0, UNITS)
    tile = tl.arange(0, 4 * UNITS)
    gate = (tile // UNITS) * HIDDEN + first + tile % UNITS
    source = tl.arange(0, HIDDEN)
    w = tl.load(weight + gate[:, None] * HIDDEN + source[None, :])  # stays in shared memory
    own = row[None, :] * HIDDEN + unit[:, None]
    c = tl.load(cells + own)
    own_bias = tl.load(bias + gate)[:, None].to(tl.float32)
    for t in range(steps):
        at = t * BATCH * 4 * HIDDEN + row[None, :] * 4 * HIDDEN
        x = tl.load(inputs + at + gate[:, None]).to(tl.float32) + own_bias
        if t > 0:
            wait(counters + group * STRIDE, programs * t)
        before = states + t * BATCH * HIDDEN + row[None, :] * HIDDEN + source[:, None]
        h = tl.load(before, cache_modifier=".cg")  # not from L1, which other programs do not write
        z = tl.dot(w, h.to(w.dtype), acc=x).reshape(2, 2, UNITS, ROWS).permute(2, 3, 0, 1)
        even, odd = z.split()
        i, g = even.split()
        f, o = odd.split()
        i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
        c = f * c + i * g
        tl.store(states + (t + 1) * BATCH * HIDDEN + own, (o * tanh(c)).to(w.dtype))
        arrive(counters + group * STRIDE)
        tl.store(cells + (t + 1) * BATCH * HIDDEN + own, c)
        place = gates + at + unit[:, None]
        tl.store(place, i.to(w.dtype))
        tl.store(place + HIDDEN, f.to(w.dtype))
        tl.store(place + 2 * HIDDEN, g.to(w.dtype))
        tl.store(place + 3 * HIDDEN, o.to(w.dtype))


@triton.jit
def backward(
    grad_states, weight, cells, gates, grad_inputs, grad_bias, partial, counters, steps,
    BATCH: tl.constexpr, HIDDEN: tl.constexpr, UNITS: tl.constexpr, ROWS: tl.constexpr,
    STRIDE: tl.constexpr,
):  # fmt: skip
    """Gradients of the pre-activations of all time steps.

    A state's gradient is a product over 4 * HIDDEN gates, too many weights for one program. Each
    program multiplies the part of one gate, for 4 * UNITS units; then each sums the four parts of
    its own UNITS units, always in the same order.

    Args:
        grad_states: gradients of the states but the first (steps, BATCH, HIDDEN).
        grad_inputs: the result (steps, BATCH, 4 * HIDDEN).
        grad_bias: its sums over time and over each group of rows (groups, 4 * HIDDEN), float32.
        partial: memory for the four parts (4, BATCH, HIDDEN), float32.

    The others are those of `forward`.
    """
    programs: tl.constexpr = HIDDEN // UNITS
    group = tl.program_id(0) // programs
    gate = tl.program_id(0) % programs % 4
    first = tl.program_id(0) % programs // 4 * 4 * UNITS
    row = group * ROWS + tl.arange(0, ROWS)
    target = first + tl.arange(0, 4 * UNITS)
    unit = first + gate * UNITS + tl.arange(0, UNITS)
    source = tl.arange(0, HIDDEN)
    w = tl.load(weight + (gate * HIDDEN + source[None, :]) * HIDDEN + target[:, None])
    own = row[None, :] * HIDDEN + unit[:, None]
    part: tl.constexpr = BATCH * HIDDEN
    grad_c = tl.zeros([UNITS, ROWS], tl.float32)
    sum_i, sum_f, sum_g, sum_o = grad_c, grad_c, grad_c, grad_c
    for back in range(steps):
        t = steps - 1 - back
        place = t * BATCH * 4 * HIDDEN + row[None, :] * 4 * HIDDEN + unit[:, None]
        i = tl.load(gates + place).to(tl.float32)
        f = tl.load(gates + place + HIDDEN).to(tl.float32)
        g = tl.load(gates + place + 2 * HIDDEN).to(tl.float32)
        o = tl.load(gates + place + 3 * HIDDEN).to(tl.float32)
        c_before = tl.load(cells + t * BATCH * HIDDEN + own)
        tanh_c = tanh(tl.load(cells + (t + 1) * BATCH * HIDDEN + own))
        grad_h = tl.load(grad_states + t * BATCH * HIDDEN + own).to(tl.float32)
        if back > 0:
            wait(counters + group * STRIDE, programs * (2 * back - 1))
            later = grad_inputs + (t + 1) * BATCH * 4 * HIDDEN + gate * HIDDEN
            grad_z = tl.load(
                later + row[None, :] * 4 * HIDDEN + source[:, None], cache_modifier=".cg"
            )
            own_part = partial + gate * part + row[None, :] * HIDDEN + target[:, None]
            tl.store(own_part, tl.dot(w, grad_z))
            arrive(counters + group * STRIDE)
            wait(counters + group * STRIDE, programs * 2 * back)
            for number in tl.static_range(4):
                grad_h += tl.load(partial + number * part + own, cache_modifier=".cg")
        grad_c += grad_h * o * (1 - tanh_c * tanh_c)
        grad_i = grad_c * g * i * (1 - i)
        grad_f = grad_c * c_before * f * (1 - f)
        grad_g = grad_c * i * (1 - g * g)
        grad_o = grad_h * tanh_c * o * (1 - o)
        tl.store(grad_inputs + place, grad_i.to(w.dtype))
        tl.store(grad_inputs + place + HIDDEN, grad_f.to(w.dtype))
        tl.store(grad_inputs + place + 2 * HIDDEN, grad_g.to(w.dtype))
        tl.store(grad_inputs + place + 3 * HIDDEN, grad_o.to(w.dtype))
        arrive(counters + group * STRIDE)
        grad_c *= f
        sum_i, sum_f, sum_g, sum_o = sum_i + grad_i, sum_f + grad_f, sum_g + grad_g, sum_o + grad_o
    place = grad_bias + group * 4 * HIDDEN + unit
    tl.store(place, tl.sum(sum_i, 1))
    tl.store(place + HIDDEN, tl.sum(sum_f, 1))
    tl.store(place + 2 * HIDDEN, tl.sum(sum_g, 1))
    tl.store(place + 3 * HIDDEN, tl.sum(sum_o, 1))
