"""What the TorchScript file offers beside `generate`, as a stranger calls it."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = ["model.torchscript.pt", "model.int8.torchscript.pt"]


@pytest.fixture(scope="module", params=FILES)
def either(bundle, request):
    """The file in fp32, then in int8."""
    return torch.jit.load(str(bundle / request.param))


def test_a_batch_writes_what_each_prompt_alone_would(either):
    prompts = ["", "Ann: hello there.", "Bob: Zorblax! Zorblax?\n\n", "[setting: "]
    together = either.generate_batch(prompts, 30, 1.0, seed=5)
    alone = [either.generate(text, 30, 1.0, seed=5 + n) for n, text in enumerate(prompts)]
    assert together == alone
    assert either.generate_batch([], 30) == []


def test_after_the_largest_seed_comes_0(writer):
    last = 2**31 - 1
    expected = [writer.generate("", 20, 2.0, seed=seed) for seed in (last, 0)]
    assert writer.generate_batch(["", ""], 20, 2.0, seed=last) == expected


def test_writing_ends_before_the_first_stop_text(either):
    whole = either.generate("Ann: ", 80, seed=3)
    written = whole[len("Ann:") :]
    stop = ["\n\nBob:", "never said", "Hello"]  # in capitals or not
    place = min(place for text in stop if (place := written.find(text.lower())) >= 0)
    assert either.generate("Ann: ", 80, seed=3, stop=stop) == "Ann:" + written[:place]
    batch = either.generate_batch(["Ann: ", "Ann: "], 80, seed=3, stop=stop)
    assert batch[0] == "Ann:" + written[:place]
    assert all(text.lower() not in batch[1][len("Ann:") :] for text in stop)


def test_no_words_and_no_prompt(either):
    assert either.generate("Ann: hello ", 0) == "Ann: hello"
    assert either.generate("", 0) == ""


def test_no_run_of_three_words_comes_again_but_of_those_that_must(writer):
    free = writer.generate("", 300, temperature=0.0)
    text = writer.generate("", 300, temperature=0.0, no_repeat_ngram_size=3)
    assert text != free
    ids = writer.encode(text)
    spared = {n for n in range(len(writer.words)) if writer.spared[n]}
    seen: set[tuple[int, ...]] = set()
    for start in range(len(ids) - 2):
        run = tuple(ids[start : start + 3])
        assert run not in seen or run[2] in spared
        seen.add(run)


def test_the_penalty_keeps_speakers_and_punctuation(writer):
    text = writer.generate("", 200, temperature=0.0, repetition_penalty=3.0)
    assert text.count("ann:") + text.count("bob:") > 5
    assert text.count(".") > 5


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=60))
def test_log_probabilities_are_those_of_forward(writer, text):
    told = writer.logprobs(text)
    before = len(writer.encode(writer.primer))
    ids = writer.encode(writer.primer + text)
    assert len(told) == len(ids) - before
    if told:
        scores, _ = writer(torch.tensor([ids[:-1]]), writer.init_hidden(1))
        expected = torch.log_softmax(scores[0], 1)
        for place, (_, value) in enumerate(told):
            at = before + place
            assert value == pytest.approx(expected[at - 1, ids[at]].item(), abs=1e-4)


def test_log_probabilities_of_a_text_longer_than_a_piece_add_up(writer):
    text = "Ann: hello there.\n\nBob: not now, Ann.\n\n" * 30
    told = writer.logprobs(text)
    assert [word for word, _ in told[:4]] == ["ann:", "hello", "there", "."]
    assert len(told) > 300
    assert 0 < -math.fsum(value for _, value in told) / len(told) < 3  # it knows this show


def test_words_never_seen_are_scored_under_their_own_name(writer):
    told = dict(writer.logprobs("Zorblax Élan"))
    assert set(told) == {"zorblax", "Élan"} or set(told) == {"zorblax", "élan"}


def test_the_likeliest_next_words(either):
    told = either.top_next("Ann: hello", 5)
    assert len(told) == 5
    chances = [chance for _, chance in told]
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) <= 1 + 1e-9
    greedy = either.generate("Ann: hello", 1, temperature=0.0)
    assert greedy.removeprefix("Ann: hello").strip() == told[0][0].strip()
    every = dict(either.top_next("Ann: Zorblax", 10**6))
    assert every["<unk>"] == 0.0
    assert math.fsum(every.values()) == pytest.approx(1, abs=0.1)  # this show has no rare words


def test_an_older_state_goes_on_as_if_nothing_had_been_written_since(either):
    state = either.stream_start("Ann: Zorblax", 5)
    first, second = either.stream_next(state)
    for _ in range(30):
        _, second = either.stream_next(second)
    assert either.stream_next(state)[0] == first


def test_no_word_but_those_allowed_comes(either):
    names = ["ann:", "bob:"]
    ids = [list(either.words).index(name) for name in names]
    for seed in range(20):
        state = either.stream_start("Ann: hello there.", seed)
        free, _ = either.stream_next(state, temperature=2.0)
        piece, after = either.stream_next(state, temperature=2.0, allowed_tokens=ids)
        assert piece.strip() in names
        assert either.stream_next(state, temperature=2.0)[0] == free  # the state is unharmed
        assert either.stream_next(after)[0]
    only = either.stream_next(state, temperature=0.0, top_k=1, allowed_tokens=[ids[1]])[0]
    assert only.strip() == "bob:"


@pytest.mark.parametrize(
    "change",
    [
        lambda h, k, r, n, m: (h, torch.zeros(len(k) + 1, k.size(1)), r, n, m),
        lambda h, k, r, n, m: (h, k, r[:0], n, m),
        lambda h, k, r, n, m: (h, k, r, [], m),
        lambda h, k, r, n, m: (h, k, r, [*n[:3], 10**6, n[4]], m),
        lambda h, k, r, n, m: (h, k, r, n, []),
        lambda h, k, r, n, m: ((h[0].repeat(1, 2, 1), h[1].repeat(1, 2, 1)), k, r, n, m),
    ],
)
def test_a_state_that_no_stream_can_be_in_is_refused(either, change):
    state = either.stream_start("Ann: Zorblax", 5)
    with pytest.raises(torch.jit.Error, match="state must come from"):
        either.stream_next(change(*state))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda w: w.generate("", -1), "max_new_tokens must be 0 or above, not -1"),
        (lambda w: w.generate("", 5, stop=[""]), "stop must hold no empty text"),
        (lambda w: w.generate("", 5, no_repeat_ngram_size=-1), "no_repeat_ngram_size"),
        (lambda w: w.generate_batch([""], 5, seed=-1), "seed must be from 0"),
        (lambda w: w.stream_next(w.stream_start("", 1), top_p=2.0), "top_p must be above 0"),
        (lambda w: w.stream_next(w.stream_start(""), allowed_tokens=[]), "must hold an id"),
        (lambda w: w.stream_next(w.stream_start(""), allowed_tokens=[-1]), "must be from 0"),
        (lambda w: w.stream_start("", 2**31), "seed must be from 0"),
        (lambda w: w.top_next("", 0), "n must be 1 or above, not 0"),
        (lambda w: w.decode([10**6]), "ids must be from 0"),
        (lambda w: w.init_hidden(0), "batch_size must be 1 or above"),
        (lambda w: w(torch.tensor([[10**6]]), w.init_hidden(1)), "tokens must be from 0"),
        (lambda w: w(torch.tensor([1]), w.init_hidden(1)), r"tokens must be \(batch, time\)"),
        (lambda w: w(torch.tensor([[1]]), w.init_hidden(2)), "hidden must be two tensors"),
    ],
)
def test_what_is_out_of_range_is_named(writer, call, said):
    with pytest.raises(torch.jit.Error, match=said):
        call(writer)


# One value of each option for each of some scenes, as `stream_next_batch` takes them.
OPTIONS = (
    *([0.0, 0.8, 1.5, 2.0], [0, 5, 0, 3], [1.0, 0.95, 0.5, 1.0], [0.0, 0.0, 0.1, 0.0]),
    *([1.0, 1.2, 1.0, 2.0], [0, 2, 0, 1], [[], [], [0, 1, 2, 3], []]),
)
STARTS = ["", "Ann: hello there.", "Bob: Zorblax! Zorblax?\n\n", "[setting: " * 40]


def test_words_side_by_side_are_those_of_each_alone(either):
    states = [either.stream_start(text, seed) for seed, text in enumerate(STARTS)]
    alone = list(states)
    for _ in range(20):
        drawn = either.stream_next_batch(states, *OPTIONS)
        for row, values in enumerate(zip(*OPTIONS, strict=True)):
            *numbers, allowed = values
            piece, alone[row] = either.stream_next(alone[row], *numbers, allowed or None)
            assert drawn[row][0] == piece
        states = [state for _, state in drawn]
    assert either.stream_next_batch([], [], [], [], [], [], [], []) == []


@pytest.mark.parametrize("keep", [(), (True,)])
def test_states_that_are_kept_go_on_as_if_nothing_had_been_written_since(either, keep):
    first = [either.stream_start(text, seed) for seed, text in enumerate(STARTS)]

    def go_on(states, count):
        pieces = []
        for _ in range(count):
            drawn = either.stream_next_batch(states, *OPTIONS, *keep)
            pieces.append([piece for piece, _ in drawn])
            states = [state for _, state in drawn]
        return pieces, states

    rings = [state[1].clone() for state in first]
    expected, _ = go_on(first, 30)
    start, middle = go_on(first, 10)
    assert start + go_on(middle, 20)[0] == expected
    assert go_on(first, 30)[0] == expected
    assert go_on(middle, 20)[0] == expected[10:]
    assert all(torch.equal(ring, state[1]) for ring, state in zip(rings, first, strict=True))


@pytest.mark.parametrize("place", range(len(OPTIONS) + 1))
@pytest.mark.parametrize("longer", [False, True])
def test_lists_of_unequal_length_are_refused(writer, place, longer):
    states = [writer.stream_start(text) for text in STARTS]
    lists = [states, *OPTIONS]
    lists[place] = lists[place] + lists[place][:1] if longer else lists[place][:-1]
    said = f"each option must be a list of {len(lists[0])}, one for each state"
    with pytest.raises(torch.jit.Error, match=said):
        writer.stream_next_batch(*lists)


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (0, -1.0, "temperature must be"),
        (2, 0.0, "top_p must be above 0"),
        (6, [10**6], "allowed_tokens must be from 0"),
        (6, [-1], "allowed_tokens must be from 0"),
    ],
)
def test_what_is_out_of_range_in_one_of_many_is_named(writer, place, value, said):
    states = [writer.stream_start(text) for text in STARTS]
    lists = [list(values) for values in OPTIONS]
    lists[place][2] = value
    with pytest.raises(torch.jit.Error, match=said):
        writer.stream_next_batch(states, *lists)
