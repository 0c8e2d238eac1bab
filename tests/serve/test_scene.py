"""Scenes: what is refused, with which sentence; and their JSON, which writes them again."""

import dataclasses
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.command_line import UserError
from serve.actions import scene_of
from serve.scenes.scene import MAX_CAST, MAX_TEXT, PRESETS, RANGES, Scene, clean_text, shortened

TEXTS = ("prompt", "after", "model", "weights")
WHOLE = ("max_new_tokens", "top_k", "no_repeat_ngram_size", "seed")
FIELDS = [field.name for field in dataclasses.fields(Scene)]
HUGE = 10**5000
quick = settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.too_slow])

any_text = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["\ud800", "a\0b", "\r\n", "\x1b[31m", "\u2028", "x" * (MAX_TEXT + 1), "1", "nan", "true"]
)
huge = st.booleans().map(lambda above: HUGE if above else -HUGE)  # too long for Python to print
any_number = (
    st.integers()
    | st.floats()
    | huge
    | st.sampled_from([2**31, 2**63, 1e308, -0.0, math.nan, math.inf, -math.inf])
)
strange = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


def refusal(make, *arguments, **fields):
    """The sentence of the `UserError` that is raised; None where nothing is refused."""
    try:
        make(*arguments, **fields)
    except UserError as mistake:
        text = str(mistake)
        assert len(text.splitlines()) == 1
        assert len(text) < 300
        text.encode("utf-8")
        return text
    return None


@pytest.mark.parametrize("name", FIELDS)
@quick
@given(value=strange)
def test_a_strange_value_is_kept_whole_or_named_in_one_line(name, value):
    told = refusal(Scene, **{name: value})
    if told is not None:
        # The length of a scene is that of two fields.
        assert name in told or (name in ("prompt", "after") and "the scene is full" in told)
        return
    kept = getattr(Scene(**{name: value}), name)
    if name in RANGES:
        low, high = RANGES[name]
        assert low <= kept <= high
        assert kept == value
        assert type(kept) is (int if name in WHOLE else float)
        assert not isinstance(value, bool)
    elif name in TEXTS:
        assert isinstance(value, str)
        assert len(kept) <= MAX_TEXT
        kept.encode("utf-8")
    elif name == "one_line":
        assert kept is value
        assert isinstance(value, bool)
    else:
        assert len(kept) == len(value)
        assert all(isinstance(person, str) for person in kept)


@pytest.mark.parametrize("name", RANGES)
@quick
@given(value=any_number)
def test_a_number_is_kept_exactly_where_it_is_in_range(name, value):
    low, high = RANGES[name]
    good = low <= value <= high and (name not in WHOLE or value == math.floor(value))
    assert (refusal(Scene, **{name: value}) is None) == good


@pytest.mark.parametrize("name", RANGES)
def test_the_ends_of_a_range_belong_to_it(name):
    low, high = RANGES[name]
    for value in (low, high):
        assert getattr(Scene(**{name: value}), name) == value
    step = 1 if name in WHOLE else 1e-9
    for value in (low - step, high + step):
        assert f"{name} must be from {low} to {high}" in refusal(Scene, **{name: value})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"temperature": math.nan}, "temperature must be from 0 to 2, not nan"),
        ({"temperature": True}, "temperature must be a number, not True"),
        ({"temperature": "0.8"}, "temperature must be a number, not '0.8'"),
        ({"top_p": 0}, "top_p must be from 0.01 to 1, not 0"),
        ({"top_k": 1.5}, "top_k must be a whole number, not 1.5"),
        ({"seed": HUGE}, "seed must be from 0 to 2147483647, not so long a number"),
        ({"seed": [HUGE]}, "seed must be a number, not so long a number"),
        ({"seed": 2**31}, "seed must be from 0 to 2147483647, not 2147483648"),
        ({"prompt": None}, "prompt must be a text of at most 12,000 characters"),
        ({"prompt": "x" * (MAX_TEXT + 1)}, "prompt must be a text of at most"),
        ({"prompt": "x" * MAX_TEXT, "after": "y"}, "the scene is full (12,000 characters)"),
        ({"cast": "Ann"}, "cast must be a list of at most 40 names"),
        ({"cast": {"Ann": 1}}, "cast must be a list"),
        ({"cast": ["a"] * (MAX_CAST + 1)}, "cast must be a list of at most 40 names"),
        ({"cast": [["Ann"]]}, "cast must be a text"),
        ({"one_line": 1}, "one_line must be true or false"),
        ({"one_line": "yes"}, "one_line must be true or false"),
    ],
)
def test_what_is_wrong_is_said(fields, said):
    assert said in refusal(Scene, **fields)


def test_whole_numbers_may_come_as_floats():
    scene = Scene(max_new_tokens=7.0, seed=3.0, temperature=1)
    assert [type(scene.max_new_tokens), type(scene.seed)] == [int, int]
    assert isinstance(scene.temperature, float)


def test_new_lines_are_plain_and_no_half_character_is_left():
    scene = Scene("a\r\nb\rc\0d\ud83d", cast=["Ann\0"], model="m\ud800")
    assert scene.prompt == "a\nb\ncd?"
    assert scene.cast == ("Ann",)
    assert scene.model == "m?"


@quick
@given(any_text)
def test_cleaning_twice_is_cleaning_once(text):
    if len(text) <= MAX_TEXT:
        once = clean_text(text, "text")
        assert clean_text(once, "text") == once
        assert "\r" not in once
        assert "\0" not in once


@quick
@given(strange)
def test_a_strange_value_is_shown_short(value):
    shown = shortened(value)
    assert len(shown) <= 43
    assert "\n" not in shown
    shown.encode("utf-8")


scenes = st.builds(
    Scene,
    prompt=st.text(max_size=200),
    after=st.text(max_size=50),
    one_line=st.booleans(),
    cast=st.lists(st.text(max_size=20), max_size=5),
    model=st.text(max_size=20),
    weights=st.text("0123456789abcdef", max_size=16),
    **{
        name: (
            st.integers(*ends)
            if name in WHOLE
            else st.floats(*ends) | st.integers(math.ceil(ends[0]), int(ends[1]))
        )
        for name, ends in RANGES.items()
    },
)


@quick
@given(scenes)
def test_a_scene_comes_back_from_its_json_as_it_was(scene):
    text = scene.to_json()
    assert Scene.from_json(text) == scene
    assert Scene.from_json(text).to_json() == text
    # Whatever a link or a file's program makes of the letters.
    assert Scene.from_json(json.dumps(json.loads(text), indent=1)) == scene


@pytest.mark.parametrize("letter", ["x", '"', "\n", "\\", "é", "🎬", "\x01"])
def test_the_longest_scene_comes_back_too(letter):
    scene = Scene(letter * 10_000, after=letter * 2_000, cast=["Ann"] * MAX_CAST)
    assert Scene.from_json(scene.to_json()) == scene


@quick
@given(any_text | st.binary().map(lambda b: b.decode("latin-1")) | strange)
def test_no_text_but_a_scenes_json_is_read(text):
    assert refusal(Scene.from_json, text)


@quick
@given(strange)
def test_no_json_but_a_scenes_is_read(value):
    try:
        text = json.dumps(value)
    except ValueError:  # a number too long for Python to print
        return
    assert refusal(Scene.from_json, text)


@quick
@given(st.dictionaries(st.sampled_from([*FIELDS, "format", "version", "x"]), strange), st.data())
def test_fields_of_any_kind_are_read_or_named(fields, data):
    whole = {"format": "cold-open-scene", "version": 1, **fields}
    if data.draw(st.booleans()):
        whole.pop(data.draw(st.sampled_from(sorted(whole))))
    try:
        text = json.dumps(whole)
    except ValueError:
        return
    told = refusal(Scene.from_json, text)
    if told is None:
        assert whole["version"] == 1
        assert set(whole) <= {*FIELDS, "format", "version"}


@pytest.mark.parametrize("field", ["temperature", "cast", "prompt", "one_line", "strange"])
def test_json_nested_deep_is_a_mistake_like_any_other(field):
    # Somewhere in between, Python can still read it and cannot show it any more.
    for depth in [10, 500, *range(850, 1001), 3_000, 15_000]:
        value = "[" * depth + "]" * depth
        text = f'{{"format": "cold-open-scene", "version": 1, "{field}": {value}}}'
        assert refusal(Scene.from_json, text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "this is not a scene's JSON"),
        ("{", "this is not a scene's JSON"),
        ("1" * 6000, "this is not a scene's JSON"),
        ("[]", "it lacks format = 'cold-open-scene'"),
        ('{"format": "x"}', "it lacks format"),
        ('{"format": "cold-open-scene"}', "version is not 1"),
        ('{"format": "cold-open-scene", "version": 2}', "version is not 1"),
        ('{"format": "cold-open-scene", "version": 1, "top_q": 1}', "a scene has no 'top_q'"),
        ('{"format": "cold-open-scene", "version": 1, "top_p": NaN}', "top_p must be from"),
        ('{"format": "cold-open-scene", "version": 1, "top_p": 1e999}', "top_p must be from"),
        (None, "a scene's JSON must be a text"),
        (" " * 10**6, "a scene's JSON must be a text, of a scene's length"),
    ],
)
def test_what_is_wrong_with_a_json_is_said(text, said):
    assert said in refusal(Scene.from_json, text)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_gives_its_numbers_and_a_number_given_wins(name):
    scene = scene_of(name, 1)
    assert {key: getattr(scene, key) for key in PRESETS[name]} == PRESETS[name]
    assert scene_of(name, 1, temperature=0.3, top_p=None).temperature == 0.3
    assert scene_of(name, 1, temperature=0.3, top_p=None).top_p == PRESETS[name]["top_p"]


def test_presets_are_bolder_one_after_another_and_balanced_is_the_default():
    heat = [numbers["temperature"] for numbers in PRESETS.values()]
    assert heat == sorted(heat)
    assert scene_of("balanced", 0) == scene_of("", 0) == scene_of(None, 0) == Scene()


@pytest.mark.parametrize("preset", ["tame", ["wild"], {}, 1, "\ud800", [HUGE], True])
def test_another_preset_is_refused(preset):
    told = refusal(scene_of, preset)
    assert "there is no preset" in told
    assert "faithful, balanced, wild" in told


@pytest.mark.parametrize("seed", ["", "  ", None])
def test_without_a_seed_one_is_drawn(seed):
    seeds = {scene_of("", seed).seed for _ in range(20)}
    assert len(seeds) > 10
    assert all(0 <= seed < 10**6 for seed in seeds)


@pytest.mark.parametrize(("seed", "number"), [(" 12 ", 12), ("007", 7), (5, 5), (5.0, 5), (0, 0)])
def test_a_seed_may_be_typed(seed, number):
    assert scene_of("", seed).seed == number


@pytest.mark.parametrize(
    "seed", ["-1", "1.5", "abc", "١٢", "²", "1_0", "9" * 30, "9" * 10, "0x1", -1, 1.5, [], True]
)
def test_a_seed_that_is_no_seed_is_named(seed):
    assert "seed must be" in refusal(scene_of, "", seed)


@pytest.mark.parametrize("name", ["preset", "seed", *FIELDS])
@quick
@given(value=strange)
def test_what_comes_over_the_wire_is_used_or_named(name, value):
    fields = {"seed": 1, name: value}
    told = refusal(scene_of, **fields)
    if told is not None:
        assert name in told or "the scene is full" in told
