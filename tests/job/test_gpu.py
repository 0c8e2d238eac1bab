"""What runs on a GPU only: CUDA graphs, Triton kernels, weight drop in cuDNN. Skipped without."""

import pytest
import torch
from torch.nn import functional as F

from job.config import Config
from job.engine.cuda_graph import CudaGraphStepper, make_stepper
from job.engine.distributed import Group
from job.engine.stepper import Stepper
from job.evaluate import token_losses
from job.layers import recurrence
from job.layers.bags import bag_sums, embed
from job.layers.cache import CacheConfig
from job.layers.loss import linear_cross_entropy
from job.layers.subwords import Subwords
from job.model import RNN, in_one_buffer

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
]

WORDS, ROWS, TIME = 500, 8, 20


def train(kind, cell, autocast, dropout=0.0, accumulation_steps=1, steps=30):
    """The losses of some steps on one text, the last of each ten on a shorter batch."""
    torch.manual_seed(1)
    network = RNN(WORDS, WORDS, 64, 96, 2, dropout, cell=cell, tie_weights=True).cuda()
    lr = torch.tensor(2e-3, device="cuda")
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, fused=True, capturable=True)
    stepper = kind(network, optimizer, Config(), autocast)
    stepper.load_state_dict({"accumulation_steps": accumulation_steps})
    source = torch.Generator().manual_seed(2)
    text = torch.randint(WORDS // 10, (ROWS, 10 * TIME), generator=source).cuda()
    hidden, losses = network.init_hidden(ROWS), []
    for step in range(steps):
        stepper.set_learning_rate(2e-3 * (1 - step / steps))
        start = step % 9 * TIME
        end = start + (TIME if step % 10 else TIME - 7)
        batch = text[:, start : end + 1]
        loss, hidden = stepper(batch[:, :-1], batch[:, 1:], hidden)
        losses.append(float(loss))
    return losses


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize(("autocast", "tolerance"), [(False, 2e-3), (True, 3e-2)])
def test_cuda_graph_stepper_has_the_losses_of_the_eager_stepper(cell, autocast, tolerance):
    eager = train(Stepper, cell, autocast)
    graphed = train(CudaGraphStepper, cell, autocast)
    assert eager[-1] < eager[0] - 1
    assert graphed == pytest.approx(eager, abs=tolerance)


def test_cuda_graph_stepper_accumulates_gradients():
    whole = train(CudaGraphStepper, "lstm", False)
    accumulated = train(CudaGraphStepper, "lstm", False, accumulation_steps=4)
    assert accumulated == pytest.approx(whole, abs=2e-3)


def test_cuda_graph_stepper_draws_new_dropout_masks_at_every_replay():
    """With a learning rate of 0, only the masks differ between two steps on one batch."""
    torch.manual_seed(1)
    network = RNN(WORDS, WORDS, 64, 96, 1, 0.5, tie_weights=True, weight_drop=0.5).cuda()
    lr = torch.tensor(0.0, device="cuda")
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, fused=True, capturable=True)
    stepper = make_stepper(network, optimizer, Config(), False, Group())
    assert isinstance(stepper, CudaGraphStepper)
    batch = torch.randint(WORDS, (ROWS, TIME + 1), device="cuda")
    losses = set()
    for _ in range(5):
        loss, _ = stepper(batch[:, :-1], batch[:, 1:], network.init_hidden(ROWS))
        losses.add(round(float(loss), 6))
    assert len(losses) == 5


@pytest.mark.parametrize("vocabulary", [64, 1000, 11101, 50000])
@pytest.mark.parametrize(
    ("dtype", "loss_tolerance", "gradient_tolerance"),
    [(torch.float32, 1e-3, 1e-2), (torch.bfloat16, 1e-2, 3e-2)],
)
def test_triton_loss_equals_cross_entropy(vocabulary, dtype, loss_tolerance, gradient_tolerance):
    torch.manual_seed(0)
    tensors = torch.randn(50, 32), torch.randn(vocabulary, 32) / 4, torch.randn(vocabulary)
    targets = torch.randint(vocabulary, (50,)).cuda()
    here = [tensor.cuda().to(dtype).requires_grad_() for tensor in tensors]
    there = [tensor.detach().double().requires_grad_() for tensor in here]
    loss = linear_cross_entropy(*here, targets)
    expected = F.cross_entropy(F.linear(*there), targets)
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=loss_tolerance)
    for ours, reference in zip(here, there, strict=True):
        error = (ours.grad.double() - reference.grad).norm() / reference.grad.norm()
        assert error.item() < gradient_tolerance


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_weight_drop_acts_in_cudnn(cell):
    torch.manual_seed(0)
    network = RNN(WORDS, WORDS, 64, 96, 2, 0.0, cell=cell, weight_drop=0.5).cuda()
    ids, hidden = torch.randint(WORDS, (4, 9), device="cuda"), network.init_hidden(4)
    one, two = (network.all_scores(ids, hidden)[0] for _ in range(2))
    assert (one - two).abs().max() > 1e-4
    # After one word from a zero state, the recurrent weights have had no effect yet.
    torch.testing.assert_close(one[:, 0], two[:, 0])
    loss, _ = network.sequence_loss(ids[:, :-1], ids[:, 1:], hidden)
    loss.backward()
    dropped = (network.layers[1].weight_hh_l0.grad == 0).float().mean().item()
    assert dropped == pytest.approx(0.5, abs=0.05)
    network.eval()
    one, two = (network.all_scores(ids, hidden)[0] for _ in range(2))
    assert torch.equal(one, two)


def test_evaluation_on_a_gpu_equals_that_on_a_cpu():
    torch.manual_seed(0)
    network = RNN(WORDS, WORDS, 64, 96, 1, 0.0, tie_weights=True)
    labels = torch.randint(WORDS + 5, (2000,))
    ids = torch.where(labels < WORDS, labels, 3)
    cache = CacheConfig(100, 0.3, 0.2)
    cpu = token_losses(network, ids, [0, 1], cache=cache, labels=labels)
    gpu = token_losses(network.cuda(), ids.cuda(), [0, 1], cache=cache, labels=labels.cuda())
    torch.testing.assert_close(gpu.cpu(), cpu, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize(("hidden", "rows"), [(1024, 64), (256, 32)])
def test_triton_recurrence_has_the_results_and_gradients_of_cudnn(hidden, rows):
    torch.manual_seed(1)
    steps, inputs = 37, 128
    x = torch.randn(rows, steps, inputs, device="cuda")
    state = [torch.randn(1, rows, hidden, device="cuda") for _ in range(2)]
    sizes = [(4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,)]
    weights = [torch.empty(size, device="cuda").uniform_(-0.03, 0.03) for size in sizes]
    grad = torch.randn(rows, steps, hidden, device="cuda")

    def run(lstm, dtype):
        own = [w.to(dtype, copy=True).requires_grad_() for w in weights]
        given = x.to(dtype, copy=True).requires_grad_()
        start = [each.to(dtype) for each in state]
        assert dtype == torch.float32 or recurrence.is_supported(given, hidden, start)
        y, (h, c) = lstm(given, start, own)
        y.backward(grad.to(dtype))
        return [each.detach().float() for each in (y, h, c, given.grad, *(w.grad for w in own))]

    def cudnn(x, state, weights):
        weights = in_one_buffer(weights)
        y, h, c = torch.lstm(x, state, weights, True, 1, 0.0, True, False, True)
        return y, (h, c)

    exact, rounded = run(cudnn, torch.float32), run(cudnn, torch.bfloat16)
    for found, theirs, true in zip(
        run(recurrence.lstm, torch.bfloat16), rounded, exact, strict=True
    ):
        own_error, their_error = (found - true).norm(), (theirs - true).norm()
        assert own_error < 1.2 * their_error + 1e-3 * true.norm()


def test_triton_recurrence_is_used_only_where_it_applies():
    x = torch.zeros(64, 5, 8, device="cuda", dtype=torch.bfloat16)
    state = [torch.zeros(1, 64, 1024, device="cuda", dtype=torch.bfloat16) for _ in range(2)]
    assert recurrence.is_supported(x, 1024, state)
    assert not recurrence.is_supported(x.float(), 1024, state)
    assert not recurrence.is_supported(x, 1000, state)
    assert not recurrence.is_supported(x[:24], 1024, state)
    assert not recurrence.is_supported(x.repeat(8, 1, 1), 1024, state)
    assert not recurrence.is_supported(x, 1024, [each.requires_grad_() for each in state])


@pytest.mark.parametrize("features", [8, 100, 512])
def test_triton_bag_sums_equal_those_of_embedding_bag(features):
    torch.manual_seed(1)
    rows, lengths = torch.randn(70, features), torch.randint(40, (50,))
    starts = F.pad(lengths.cumsum(0), (1, 0))
    members, scale = torch.randint(70, (int(starts[-1]),)), torch.rand(int(starts[-1]))
    for factors in (None, scale):
        expected = bag_sums(rows, members, starts, factors)
        on_gpu = [
            None if each is None else each.cuda() for each in (rows, members, starts, factors)
        ]
        torch.testing.assert_close(bag_sums(*on_gpu).cpu(), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("vocabulary", [100, 2**15, 2**15 + 1])
def test_triton_gradient_of_embeddings(vocabulary):
    torch.manual_seed(1)
    vectors = torch.randn(vocabulary, 24, device="cuda", requires_grad=True)
    ids = torch.randint(vocabulary - 9, (30, 20), device="cuda").t()
    ids[0] = vocabulary - 1
    gradient = torch.randn(20, 30, 24, device="cuda")
    expected = torch.zeros_like(vectors).index_add_(0, ids.flatten(), gradient.flatten(0, 1))
    found = []
    for _ in range(2):
        vectors.grad = None
        out = embed(ids, vectors)
        assert torch.equal(out, vectors[ids])
        out.backward(gradient)
        found.append(vectors.grad)
    torch.testing.assert_close(found[0], expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(*found)


def test_subwords_on_a_gpu_equal_those_on_a_cpu():
    torch.manual_seed(1)
    subwords = Subwords([f"{number}ing" for number in range(200)], 24, 2)
    gradient, results = torch.randn(200, 24), []
    for device in ("cpu", "cuda"):
        subwords.to(device).weight.grad = None
        out = subwords(torch.float32)
        out.backward(gradient.to(device))
        results.append((out.detach().cpu(), subwords.weight.grad.clone().cpu()))
    for cpu, gpu in zip(*results, strict=True):
        torch.testing.assert_close(gpu, cpu, rtol=1e-4, atol=1e-4)
