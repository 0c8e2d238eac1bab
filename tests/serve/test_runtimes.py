"""TorchScript and ONNX Runtime write the same words, and the second needs no PyTorch."""

import dataclasses
import random
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serve.models.onnx_writer import State
from serve.scenes.scene import Scene
from serve.scenes.writing import Writing, step
from tests.conftest import ROOT
from tests.serve.conftest import RUNTIMES

PROMPTS = [
    *("", " ", "\n", "Ann:", "ANN: Hello", "bob: not now, ", "[Setting: the CAFÉ]\n\n", "hello-"),
    *('ann: "hello', "Bob: “No?” he said\n\n", "(waving) hello, Bob!", "Ann: …", "a . b - c; d"),
    *("zork: hello zork.\n\nbob:", "quincy: œuvre naïve", "ann: 日本 café", "x y z x y z", "<unk>"),
    *("É é Ça ç, e. É", "a . é", "no - dash ; here", "Ann: 10, 000. 5 u. s. a. $3. 50"),
]
LINE = 'Ann: hello there, zork.\n\nBob: "not now" quux, Ann.\n\n'  # of 19 words


def random_scene(source, prompt=None, words=25):
    """Every option off in about half of the scenes."""
    pick = source.choice
    return Scene(
        pick(PROMPTS) if prompt is None else prompt,
        cast=pick([(), (), ("ann",), ("bob", "ann")]),
        one_line=pick([False, False, True]),
        max_new_tokens=source.randint(1, words),
        temperature=pick([0, 0.3, 0.8, 1, 2]),
        top_k=pick([0, 0, 1, 4, 9]),
        top_p=pick([1, 1, 0.5, 0.95]),
        min_p=pick([0, 0, 0.02, 0.2]),
        repetition_penalty=pick([1, 1, 1.2, 2]),
        no_repeat_ngram_size=pick([0, 0, 1, 2, 3]),
        seed=source.randrange(2**31),
    )


def written(writer, scene):
    """The pieces that are written."""
    writing = Writing(writer, scene)
    writing.start()
    writing.go_on()
    return writing.chunks


def one_more(writer, state, scene, allowed=()):
    """(the next piece, the next state) of one scene."""
    return writer.next([state], [scene], [list(allowed)])[0]


def same_words(models, scene):
    """What both write; asserts that it is the same."""
    one, two = (written(model.writer, scene) for model in models.values())
    assert one == two, scene
    return one


@pytest.mark.parametrize("name", ["small", "spelling", "long_memory"])
def test_the_same_words_over_many_scenes(name, request):
    models = request.getfixturevalue(name)
    vocabulary = models["onnx"].writer.vocabulary
    known = {*vocabulary.words, *vocabulary.symbols}
    source = random.Random(5)
    spelled = 0
    for _ in range(18):
        pieces = same_words(models, random_scene(source))
        spelled += any(piece.strip(" ") not in known for piece in pieces)
    assert (spelled > 2) == (name != "small")


@pytest.mark.parametrize("name", ["spelling", "long_memory"])
@pytest.mark.parametrize("lines", [13, 14, 52, 110])
def test_the_same_words_after_a_long_prompt(name, lines, request):
    """A prompt is read 256 words at a time; after 1,000 of them the memory's ring has turned."""
    models = request.getfixturevalue(name)
    source = random.Random(lines)
    prompt = LINE * lines
    same_words(models, random_scene(source, prompt + source.choice(PROMPTS), 40))


@pytest.mark.parametrize("words", [255, 256, 257, 258, 999, 1000, 1001])
def test_the_same_words_where_a_piece_or_the_memory_just_ends(long_memory, words):
    writers = [model.writer for model in long_memory.values()]
    text = " ".join(LINE.split()[n % 8] for n in range(words))
    vocabulary = writers[0].vocabulary
    while len(vocabulary.split(text)) > words:
        text = text.rpartition(" ")[0]
    prompt = text + " hello" * (words - len(vocabulary.split(text)))
    assert len(vocabulary.split(prompt)) == words
    states = [writer.start(prompt, 3) for writer in writers]
    scene = Scene(temperature=1.2, top_p=1)
    for _ in range(12):
        (one, states[0]), (two, states[1]) = (
            one_more(writer, state, scene) for writer, state in zip(writers, states, strict=True)
        )
        assert one == two


def test_the_same_words_far_beyond_what_is_remembered(spelling):
    """With a memory of 20, whose ring turns fifteen times."""
    scene = Scene("Ann: zork", max_new_tokens=300, temperature=1.1, top_p=1, seed=2)
    assert len(same_words(spelling, scene)) == 300


def test_the_same_words_while_the_longest_memory_turns(long_memory):
    scene = Scene(LINE * 52, max_new_tokens=80, temperature=1.1, top_p=1, seed=2)
    assert len(same_words(long_memory, scene)) == 80


@pytest.mark.parametrize("seed", [0, 1, 2**31 - 1, 2147483562, 2147483397, 1234567890])
def test_the_same_words_at_the_ends_of_what_seeds_there_are(spelling, seed):
    same_words(spelling, Scene(seed=seed, max_new_tokens=60, temperature=1.5, top_p=1))


@settings(deadline=None, max_examples=15)
@given(st.text(max_size=60), st.integers(0, 2**31 - 1))
def test_the_same_words_after_any_text(spelling, text, seed):
    same_words(spelling, Scene(text, seed=seed, max_new_tokens=8, temperature=1.2))


@pytest.mark.parametrize("name", ["small", "spelling", "long_memory"])
@pytest.mark.parametrize("prompt", [*PROMPTS[::4], LINE * 14, LINE * 54])
def test_the_same_likeliest_words(name, prompt, request):
    one, two = (m.writer.top_next(prompt, 15) for m in request.getfixturevalue(name).values())
    assert dict(one) == pytest.approx(dict(two), abs=1e-4)
    assert [chance for _, chance in two] == sorted((c for _, c in two), reverse=True)
    clear = [(a, b) for a, b in zip(one, two, strict=True) if a[0] != b[0]]
    # Only words as likely as each other may change places.
    assert all(abs(a[1] - b[1]) < 1e-5 for a, b in clear)


@pytest.mark.parametrize("name", ["small", "spelling"])
@pytest.mark.parametrize("text", [*PROMPTS[1::4], LINE * 14, LINE * 54])
def test_the_same_log_probabilities(name, text, request):
    one, two = (m.writer.logprobs(text) for m in request.getfixturevalue(name).values())
    assert [word for word, _ in one] == [word for word, _ in two]
    assert [v for _, v in one] == pytest.approx([v for _, v in two], abs=1e-4)


@settings(deadline=None, max_examples=15)
@given(st.text(max_size=60))
def test_the_same_log_probabilities_of_any_text(spelling, text):
    one, two = (model.writer.logprobs(text) for model in spelling.values())
    assert [word for word, _ in one] == [word for word, _ in two]
    assert [v for _, v in one] == pytest.approx([v for _, v in two], abs=1e-4)


def ring(state):
    """The keys of a state's memory, by either runtime."""
    return state.keys if isinstance(state, State) else state[1].numpy()


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("small", 0, 10),
        ("spelling", 0, 45),  # a memory of 20
        ("spelling", 50, 25),
        ("long_memory", 0, 10),
        ("long_memory", 52, 25),  # from 990 words on, of which it keeps 1,000
        ("long_memory", 60, 10),
    ],
)
def test_a_state_may_be_used_again_while_the_newer_has_not_been(
    name, runtime, lines, words, request
):
    """What was drawn first leaves no trace: also where the ring of the memory has turned."""
    writer = request.getfixturevalue(name)[runtime].writer
    scene, other = Scene(temperature=1.3, top_p=1), Scene(temperature=2, top_p=1)
    prompt = LINE * lines + "Ann: zork"
    before = len(writer.vocabulary.split(prompt))
    assert lines != 52 or before < 1000 < before + words - 10
    once, again = writer.start(prompt, 4), writer.start(prompt, 4)
    for _ in range(words):
        expected, once = one_more(writer, once, scene)
        first, after = one_more(writer, again, scene)
        assert first == expected
        one_more(writer, again, scene, [0, 1, 2])
        one_more(writer, writer.redrawn(again, after), other)
        piece, again = one_more(writer, again, scene)
        assert piece == expected
    assert np.array_equal(ring(again), ring(once))
    assert one_more(writer, again, scene)[0] == one_more(writer, once, scene)[0]


def side_by_side(writer, scenes):
    """The pieces of each, written in steps of all that are not at their ends."""
    together = [Writing(writer, scene) for scene in scenes]
    for writing in together:
        writing.start()
    while going := [writing for writing in together if not writing.done]:
        step(going)
    return [writing.chunks for writing in together]


@pytest.mark.parametrize(
    ("name", "runtime"),
    [
        ("small_int8", "torchscript"),
        *((name, runtime) for name in ("small", "spelling", "long_memory") for runtime in RUNTIMES),
    ],
)
def test_side_by_side_each_writes_what_it_writes_alone(name, runtime, request):
    """With prompts, casts, lengths and options of all kinds, some after a memory's ring turned."""
    writer = request.getfixturevalue(name)[runtime].writer
    source = random.Random(11)
    scenes = [random_scene(source, words=16) for _ in range(14)]
    scenes += [random_scene(source, LINE * lines + "Bob:", 16) for lines in (5, 52, 110)]
    source.shuffle(scenes)
    alone = [written(writer, scene) for scene in scenes]
    assert side_by_side(writer, scenes) == alone
    # Nor does it matter who the others are.
    assert side_by_side(writer, scenes[::-4]) == alone[::-4]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_same_scene_many_times_side_by_side_is_the_same_text(spelling, runtime):
    scene = Scene("Ann: zork", cast=["Bob"], seed=3, max_new_tokens=20, temperature=1.3, top_p=1)
    writer = spelling[runtime].writer
    assert side_by_side(writer, [scene] * 7) == [written(writer, scene)] * 7


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_what_is_written_depends_on_nothing_written_meanwhile(spelling, runtime):
    """Scenes take turns on one writer."""
    writer = spelling[runtime].writer
    source = random.Random(9)
    scenes = [dataclasses.replace(random_scene(source), max_new_tokens=20) for _ in range(5)]
    alone = [written(writer, scene) for scene in scenes]
    together = [Writing(writer, scene) for scene in scenes]
    for writing in together:
        writing.start()
    while any(not writing.done for writing in together):
        for writing in together:
            writing.go_on(0)
    assert [writing.chunks for writing in together] == alone


IMPORTS = """
import sys
import serve.models.onnx_writer, serve.models.backends, serve.actions, serve.page.app, serve.server
from serve.config import Config
from serve.scenes.engine import Engine
from serve.metrics import Metrics
import asyncio, pathlib
config = Config(model=pathlib.Path(sys.argv[1]), runtime="onnx")
models = serve.actions.load_models(config)
metrics = Metrics()
engine = Engine(1, 60, metrics)
actions = serve.actions.Actions(models, engine)
serve.server.build_server(actions, engine, metrics, config)
async def write():
    async for text, told in actions.write(serve.actions.scene_of("", 1, max_new_tokens=9)):
        pass
    return text
assert asyncio.run(write())
rooms = {name.partition(".")[0] for name in sys.modules}
print(sorted(rooms & {"torch", "onnx", "job", "export"}), "data.show.read" in sys.modules)
"""


def test_with_onnx_runtime_no_pytorch_is_imported(bundle):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IMPORTS, str(bundle)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[] False\n"
