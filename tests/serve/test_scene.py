"""Scenes: the checks of their fields, presets and seeds, and their JSON."""

import dataclasses
import json
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import versions
from data.command_line import UserError
from serve.arguments import clean_text, shortened
from serve.limits import MAX_CAST, MAX_TEXT, OPTION_RANGES, RANDOM_SEEDS
from serve.scenes.scene import PRESETS, Scene, build_scene

TEXTS = ("prompt", "typed", "after", "model", "weights")
FLAGS = ("one_line", "invent_words")
INTEGERS = ("length", "top_k", "no_repeat_ngram_size", "seed")
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
unusual = st.recursive(
    st.none() | st.booleans() | any_number | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=8,
)


def error_of(make, *arguments, **fields):
    """The one line of the `UserError` that is raised; None if none is raised."""
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
@given(value=unusual)
def test_scene_field_is_kept_or_named_in_one_line(name, value):
    message = error_of(Scene, **{name: value})
    if message is not None:
        # The length limit covers both fields together.
        assert name in message or (name in ("prompt", "after") and "the scene is full" in message)
        return
    kept = getattr(Scene(**{name: value}), name)
    if name in OPTION_RANGES:
        low, high = OPTION_RANGES[name]
        assert low <= kept <= high
        assert kept == value
        assert type(kept) is (int if name in INTEGERS else float)
        assert not isinstance(value, bool)
    elif name == "typed" and value is None:
        assert kept is None
    elif name in TEXTS:
        assert isinstance(value, str)
        assert len(kept) <= MAX_TEXT
        kept.encode("utf-8")
    elif name in FLAGS:
        assert kept is value
        assert isinstance(value, bool)
    else:
        assert len(kept) == len(value)
        assert all(isinstance(person, str) for person in kept)


@pytest.mark.parametrize("name", OPTION_RANGES)
@quick
@given(value=any_number)
def test_scene_numbers_are_accepted_exactly_within_their_ranges(name, value):
    low, high = OPTION_RANGES[name]
    good = low <= value <= high and (name not in INTEGERS or value == math.floor(value))
    assert (error_of(Scene, **{name: value}) is None) == good


@pytest.mark.parametrize("name", OPTION_RANGES)
def test_scene_ranges_include_their_ends(name):
    low, high = OPTION_RANGES[name]
    for value in (low, high):
        assert getattr(Scene(**{name: value}), name) == value
    step = 1 if name in INTEGERS else 1e-9
    for value in (low - step, high + step):
        assert f"{name} must be from {low} to {high}" in error_of(Scene, **{name: value})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"temperature": math.nan}, "temperature must be from 0 to 2, not nan"),
        ({"temperature": True}, "temperature must be a number, not True"),
        ({"temperature": "0.8"}, "temperature must be a number, not '0.8'"),
        ({"top_p": 0}, "top_p must be from 0.01 to 1, not 0"),
        ({"top_k": 1.5}, "top_k must be a whole number, not 1.5"),
        ({"seed": HUGE}, "seed must be from 0 to 2147483647, not a number this long"),
        ({"seed": [HUGE]}, "seed must be a number, not a number this long"),
        ({"seed": 2**31}, "seed must be from 0 to 2147483647, not 2147483648"),
        ({"prompt": None}, "prompt must be a text, not None"),
        ({"prompt": "x" * (MAX_TEXT + 1)}, "prompt has 12,001 characters; at most 12,000 are"),
        ({"typed": 1}, "typed must be a text, not 1"),
        ({"prompt": "x" * MAX_TEXT, "after": "y"}, "the scene is full (12,000 characters)"),
        ({"cast": "Ann"}, "cast must be a list of speakers' names, not 'Ann'"),
        ({"cast": {"Ann": 1}}, "cast must be a list of speakers' names"),
        ({"cast": ["a"] * (MAX_CAST + 1)}, "cast has 41 names; at most 40 are allowed"),
        ({"cast": [1]}, "cast must be a list of speakers' names, not [1]"),
        ({"cast": [["Ann"]]}, "cast must be a list of speakers' names"),
        ({"next_speakers": "Ann"}, "next_speakers must be a list of speakers' names"),
        ({"next_speakers": ["a"] * 201}, "next_speakers has 201 names; at most 200 are allowed"),
        ({"one_line": 1}, "one_line must be true or false"),
        ({"one_line": "yes"}, "one_line must be true or false"),
        ({"invent_words": 1}, "invent_words must be true or false"),
        ({"invent_words": None}, "invent_words must be true or false"),
    ],
)
def test_scene_error_messages(fields, message):
    assert message in error_of(Scene, **fields)


def test_scene_converts_whole_floats_to_integers():
    scene = Scene(length=7.0, seed=3.0, temperature=1)
    assert [type(scene.length), type(scene.seed)] == [int, int]
    assert isinstance(scene.temperature, float)


def test_scene_texts_have_plain_line_ends_and_no_lone_surrogates():
    scene = Scene("a\r\nb\rc\0d\ud83d", cast=["Ann\0"], model="m\ud800")
    assert scene.prompt == "a\nb\ncd?"
    assert scene.cast == ("Ann",)
    assert scene.model == "m?"


@quick
@given(any_text)
def test_clean_text_is_idempotent(text):
    if len(text) <= MAX_TEXT:
        once = clean_text(text, "text")
        assert clean_text(once, "text") == once
        assert "\r" not in once
        assert "\0" not in once


@quick
@given(unusual)
def test_shortened_value_fits_one_message_line(value):
    shown = shortened(value)
    assert len(shown) <= 43
    assert "\n" not in shown
    shown.encode("utf-8")


scenes = st.builds(
    Scene,
    prompt=st.text(max_size=200),
    after=st.text(max_size=50),
    one_line=st.booleans(),
    invent_words=st.booleans(),
    cast=st.lists(st.text(max_size=20), max_size=5),
    model=st.text(max_size=20),
    weights=st.text("0123456789abcdef", max_size=16),
    **{
        name: (
            st.integers(*ends)
            if name in INTEGERS
            else st.floats(*ends) | st.integers(math.ceil(ends[0]), int(ends[1]))
        )
        for name, ends in OPTION_RANGES.items()
    },
)


@quick
@given(scenes)
def test_scene_json_round_trip(scene):
    text = scene.to_json()
    assert Scene.from_json(text) == scene
    assert Scene.from_json(text).to_json() == text
    # Other JSON writers may escape or format differently.
    assert Scene.from_json(json.dumps(json.loads(text), indent=1)) == scene


@pytest.mark.parametrize("letter", ["x", '"', "\n", "\\", "é", "🎬", "\x01"])
def test_scene_json_round_trip_of_the_longest_scene(letter):
    scene = Scene(letter * 10_000, after=letter * 2_000, cast=["Ann"] * MAX_CAST)
    assert Scene.from_json(scene.to_json()) == scene


@quick
@given(any_text | st.binary().map(lambda b: b.decode("latin-1")) | unusual)
def test_scene_json_rejects_other_texts(text):
    assert error_of(Scene.from_json, text)


@quick
@given(unusual)
def test_scene_json_rejects_other_json(value):
    try:
        text = json.dumps(value)
    except ValueError:  # a number too long for Python to print
        return
    assert error_of(Scene.from_json, text)


@quick
@given(st.dictionaries(st.sampled_from([*FIELDS, "format", "version", "x"]), unusual), st.data())
def test_scene_json_fields_of_any_type_are_read_or_rejected(fields, data):
    whole = {"format": "cold-open-scene", "version": versions.SCENE, **fields}
    if data.draw(st.booleans()):
        whole.pop(data.draw(st.sampled_from(sorted(whole))))
    try:
        text = json.dumps(whole)
    except ValueError:
        return
    message = error_of(Scene.from_json, text)
    if message is None:
        assert whole["version"] == versions.SCENE
        assert set(whole) <= {*FIELDS, "format", "version"}


@pytest.mark.parametrize("field", ["temperature", "cast", "prompt", "one_line", "unusual"])
def test_scene_json_rejects_deep_nesting(field):
    # At some depths Python's json parses the value and its repr fails.
    for depth in [10, 500, *range(850, 1001), 3_000, 15_000]:
        value = "[" * depth + "]" * depth
        text = f'{{"format": "cold-open-scene", "version": 3, "{field}": {value}}}'
        assert error_of(Scene.from_json, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this is not a scene's JSON"),
        ("{", "this is not a scene's JSON"),
        ("1" * 6000, "this is not a scene's JSON"),
        ("[]", "it lacks format = 'cold-open-scene'"),
        ('{"format": "x"}', "it lacks format"),
        ('{"format": "cold-open-scene"}', "this program reads 3"),
        ('{"format": "cold-open-scene", "version": 2}', "has version 2, this program reads 3"),
        ('{"format": "cold-open-scene", "version": 3, "top_q": 1}', "a scene has no field 'top_q'"),
        ('{"format": "cold-open-scene", "version": 3, "top_p": NaN}', "not a scene's JSON"),
        ('{"format": "cold-open-scene", "version": 3, "top_p": 1e999}', "not a scene's JSON"),
        (None, "a scene's JSON must be a text"),
        (" " * 10**6, "a scene's JSON must be a text of at most 192,000 characters"),
    ],
)
def test_scene_json_error_messages(text, message):
    assert message in error_of(Scene.from_json, text)


@pytest.mark.parametrize("name", PRESETS)
def test_preset_numbers_are_overridden_by_given_options(name):
    scene = build_scene(name, 1)
    assert {key: getattr(scene, key) for key in PRESETS[name]} == PRESETS[name]
    assert build_scene(name, 1, temperature=0.3, top_p=None).temperature == 0.3
    assert build_scene(name, 1, temperature=0.3, top_p=None).top_p == PRESETS[name]["top_p"]


def test_presets_rise_in_temperature_and_balanced_is_the_default():
    heat = [numbers["temperature"] for numbers in PRESETS.values()]
    assert heat == sorted(heat)
    assert build_scene("balanced", 0) == build_scene("", 0) == build_scene(None, 0) == Scene()


@pytest.mark.parametrize("preset", ["tame", ["wild"], {}, 1, "\ud800", [HUGE], True])
def test_unknown_preset_is_an_error(preset):
    message = error_of(build_scene, preset)
    assert "preset must be one of safe, balanced, wild, not" in message


@pytest.mark.parametrize("seed", ["", "  ", None])
def test_missing_seed_is_random(seed):
    seeds = {build_scene("", seed).seed for _ in range(20)}
    assert len(seeds) > 10
    assert all(0 <= seed < RANDOM_SEEDS for seed in seeds)


@pytest.mark.parametrize(("seed", "number"), [(" 12 ", 12), ("007", 7), (5, 5), (5.0, 5), (0, 0)])
def test_seed_may_be_text(seed, number):
    assert build_scene("", seed).seed == number


@pytest.mark.parametrize(
    "seed", ["-1", "1.5", "abc", "١٢", "²", "1_0", "9" * 30, "9" * 10, "0x1", -1, 1.5, [], True]
)
def test_invalid_seed_is_named(seed):
    assert "seed must be" in error_of(build_scene, "", seed)


@pytest.mark.parametrize("name", ["preset", "seed", *FIELDS])
@quick
@given(value=unusual)
def test_build_scene_uses_or_names_any_value(name, value):
    fields = {"seed": 1, name: value}
    message = error_of(build_scene, **fields)
    if message is not None:
        assert name in message or "the scene is full" in message
