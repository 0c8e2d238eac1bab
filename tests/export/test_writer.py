"""The methods of the TorchScript file, called as a third-party consumer calls them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

FILES = ["model.torchscript.pt", "model.int8.torchscript.pt"]


@pytest.fixture(scope="module", params=FILES)
def either(bundle, request):
    """The TorchScript file in float32 and in int8."""
    return torch.jit.load(str(bundle / request.param))


def test_generate_batch_equals_generate_for_each_prompt(either):
    prompts = ["", "Ann: hello there.", "Bob: Zorblax! Zorblax?\n\n", "[setting: "]
    together = either.generate_batch(prompts, 30, 1.0, seed=5)
    alone = [either.generate(text, 30, 1.0, seed=5 + n) for n, text in enumerate(prompts)]
    assert together == alone
    assert either.generate_batch([], 30) == []


def test_generate_batch_wraps_the_seed_at_its_maximum(writer):
    last = 2**31 - 1
    expected = [writer.generate("", 20, 2.0, seed=seed) for seed in (last, 0)]
    assert writer.generate_batch(["", ""], 20, 2.0, seed=last) == expected


def test_stop_text_ends_the_generated_text(either):
    whole = either.generate("Ann: ", 80, seed=3)
    written = whole[len("Ann:") :]
    stop = ["\n\nBob:", "never said", "Hello"]  # stop texts are normalized
    place = min(place for text in stop if (place := written.find(text.lower())) >= 0)
    assert either.generate("Ann: ", 80, seed=3, stop=stop) == "Ann:" + written[:place]
    batch = either.generate_batch(["Ann: ", "Ann: "], 80, seed=3, stop=stop)
    assert batch[0] == "Ann:" + written[:place]
    assert all(text.lower() not in batch[1][len("Ann:") :] for text in stop)


def test_generate_without_new_tokens_or_prompt(either):
    assert either.generate("Ann: hello ", 0) == "Ann: hello"
    assert either.generate("", 0) == ""


def test_no_repeat_ngram_size_exempts_punctuation_and_speakers(writer):
    free = writer.generate("", 300, temperature=0.0)
    text = writer.generate("", 300, temperature=0.0, no_repeat_ngram_size=3)
    assert text != free
    ids = writer.encode(text)
    exempt = set(writer.penalty_exempt.nonzero()[:, 0].tolist())
    seen: set[tuple[int, ...]] = set()
    for start in range(len(ids) - 2):
        ngram = tuple(ids[start : start + 3])
        assert ngram not in seen or ngram[2] in exempt
        seen.add(ngram)


def test_repetition_penalty_exempts_punctuation_and_speakers(writer):
    text = writer.generate("", 400, temperature=0.0, repetition_penalty=3.0)
    ids = writer.encode(text)
    repeated = {number for number in ids if ids.count(number) > 4}
    exempt = set(writer.penalty_exempt.nonzero()[:, 0].tolist())
    assert repeated & exempt
    assert len(repeated & exempt) > len(repeated - exempt)


@settings(deadline=None, max_examples=30)
@given(st.text(max_size=60))
def test_logprobs_equal_those_of_forward(writer, text):
    result = writer.logprobs(text)
    before = len(writer.encode(writer.primer))
    ids = writer.encode(writer.primer + text)
    assert len(result) == len(ids) - before
    if result:
        scores, _ = writer(torch.tensor([ids[:-1]]), writer.init_hidden(1))
        expected = torch.log_softmax(scores[0], 1)
        for place, (_, value) in enumerate(result):
            at = before + place
            assert value == pytest.approx(expected[at - 1, ids[at]].item(), abs=1e-4)


def test_logprobs_of_a_text_longer_than_a_chunk(writer):
    text = "Ann: hello there.\n\nBob: not now, Ann.\n\n" * 30
    result = writer.logprobs(text)
    assert [word for word, _ in result[:4]] == ["ann:", "hello", "there", "."]
    assert len(result) > 300
    assert (
        0 < -math.fsum(value for _, value in result) / len(result) < 3
    )  # a text like the training text


def test_logprobs_name_out_of_vocabulary_words(writer):
    result = dict(writer.logprobs("Zorblax Élan"))
    assert set(result) == {"zorblax", "Élan"} or set(result) == {"zorblax", "élan"}


def test_top_next_gives_probabilities_in_falling_order(either):
    result = either.top_next("Ann: hello", 5)
    assert len(result) == 5
    probabilities = [probability for _, probability in result]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1 + 1e-9
    greedy = either.generate("Ann: hello", 1, temperature=0.0)
    assert greedy.removeprefix("Ann: hello").strip() == result[0][0].strip()
    every = dict(either.top_next("Ann: Zorblax", 10**6))
    assert every["<unk>"] == 0.0
    assert math.fsum(every.values()) == pytest.approx(1)


def test_stream_state_can_be_reused_after_later_calls(either):
    state = either.stream_start("Ann: Zorblax", 5)
    first, second = either.stream_next(state)
    for _ in range(30):
        _, second = either.stream_next(second)
    assert either.stream_next(state)[0] == first


def test_allowed_tokens_excludes_all_other_words(either):
    names = ["ann:", "bob:"]
    ids = [list(either.words).index(name) for name in names]
    for seed in range(20):
        state = either.stream_start("Ann: hello there.", seed)
        free, _ = either.stream_next(state, temperature=2.0)
        text, after = either.stream_next(state, temperature=2.0, allowed_tokens=ids)
        assert text.strip() in names
        assert either.stream_next(state, temperature=2.0)[0] == free  # the state is unchanged
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
def test_invalid_stream_state_is_refused(either, change):
    state = either.stream_start("Ann: Zorblax", 5)
    with pytest.raises(torch.jit.Error, match="state must come from"):
        either.stream_next(change(*state))


@pytest.mark.parametrize(
    ("call", "message"),
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
def test_argument_out_of_range_is_named(writer, call, message):
    with pytest.raises(torch.jit.Error, match=message):
        call(writer)


# The options of `stream_next_batch`, with one value for each of four states.
OPTIONS = (
    *([0.0, 0.8, 1.5, 2.0], [0, 5, 0, 3], [1.0, 0.95, 0.5, 1.0], [0.0, 0.0, 0.1, 0.0]),
    *([1.0, 1.2, 1.0, 2.0], [0, 2, 0, 1]),
    *([False, True, False, True], [[], [], [0, 1, 2, 3], []]),
)
STARTS = ["", "Ann: hello there.", "Bob: Zorblax! Zorblax?\n\n", "[setting: " * 40]


def test_stream_next_batch_equals_stream_next_for_each_state(either):
    states = [either.stream_start(text, seed) for seed, text in enumerate(STARTS)]
    single = list(states)
    for _ in range(20):
        results = either.stream_next_batch(states, *OPTIONS)
        for row, values in enumerate(zip(*OPTIONS, strict=True)):
            *numbers, allowed = values
            text, single[row] = either.stream_next(single[row], *numbers, allowed or None)
            assert results[row][0] == text
        states = [state for _, state in results]
    assert either.stream_next_batch([], *([] for _ in OPTIONS)) == []


@pytest.mark.parametrize("keep", [(), (True,)])
def test_stream_next_batch_with_keep_leaves_the_given_states_unchanged(either, keep):
    first = [either.stream_start(text, seed) for seed, text in enumerate(STARTS)]

    def advance(states, count):
        texts = []
        for _ in range(count):
            results = either.stream_next_batch(states, *OPTIONS, *keep)
            texts.append([text for text, _ in results])
            states = [state for _, state in results]
        return texts, states

    rings = [state[1].view(torch.int32).clone() for state in first]  # undefined entries: bits
    expected, _ = advance(first, 30)
    start, middle = advance(first, 10)
    assert start + advance(middle, 20)[0] == expected
    assert advance(first, 30)[0] == expected
    assert advance(middle, 20)[0] == expected[10:]
    assert all(
        torch.equal(ring, state[1].view(torch.int32))
        for ring, state in zip(rings, first, strict=True)
    )


@pytest.mark.parametrize("place", range(len(OPTIONS) + 1))
@pytest.mark.parametrize("longer", [False, True])
def test_stream_next_batch_refuses_lists_of_unequal_length(writer, place, longer):
    states = [writer.stream_start(text) for text in STARTS]
    lists = [states, *OPTIONS]
    lists[place] = lists[place] + lists[place][:1] if longer else lists[place][:-1]
    message = f"each option must be a list of {len(lists[0])}, one for each state"
    with pytest.raises(torch.jit.Error, match=message):
        writer.stream_next_batch(*lists)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, -1.0, "temperature must be"),
        (2, 0.0, "top_p must be above 0"),
        (7, [10**6], "allowed_tokens must be from 0"),
        (7, [-1], "allowed_tokens must be from 0"),
    ],
)
def test_stream_next_batch_names_an_option_out_of_range(writer, place, value, message):
    states = [writer.stream_start(text) for text in STARTS]
    lists = [list(values) for values in OPTIONS]
    lists[place][2] = value
    with pytest.raises(torch.jit.Error, match=message):
        writer.stream_next_batch(states, *lists)
