"""The API's documentation: names, types and descriptions of all arguments and results."""

import json
import re

import gradio as gr
import pytest

from serve.actions import Actions
from serve.api import add_api
from serve.api_schema import ARGUMENTS, RETURNS, SAMPLING
from serve.instrumentation import Instrumentation
from serve.limits import (
    LOW_TEMPERATURE,
    MAX_ALTERNATIVES,
    MAX_LINE_TOKENS,
    MAX_TAKES,
    MAX_TEXT,
    OPTION_RANGES,
)
from serve.metrics import Metrics
from serve.models.load import Models
from serve.openapi import openapi
from serve.scenes.engine import Engine
from serve.scenes.generation import ENDINGS
from serve.scenes.scene import PRESETS, Scene
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def endpoints(small):
    """The endpoints as the API page and /gradio_api/info describe them."""
    metrics = Metrics()
    actions = Actions(Models([small["onnx"]]), Engine(1, 60, metrics))
    with gr.Blocks(analytics_enabled=False) as blocks:
        add_api(blocks, actions, Instrumentation(metrics, log_prompts=False))
    return blocks.get_api_info()["named_endpoints"]


def test_every_argument_and_result_has_a_name_a_type_and_a_description(endpoints):
    for endpoint in endpoints.values():
        assert endpoint["description"]
        for each in endpoint["parameters"]:
            assert each["label"] == each["parameter_name"] in ARGUMENTS
            kind = each["python_type"]
            assert kind["description"].endswith(".")
            assert kind["type"] not in ("", "Any")
            assert "None" not in kind["type"]
            assert each["example_input"] != "..." or each["type"]["type"] == "string"
        for each in endpoint["returns"]:
            assert each["python_type"]["description"].endswith(".")
            assert "Any" not in each["python_type"]["type"]


def test_results_are_named_as_documented(endpoints):
    assert {name.strip("/") for name in endpoints} == set(RETURNS)
    for name, returns in RETURNS.items():
        assert [each["label"] for each in endpoints[f"/{name}"]["returns"]] == list(returns)


def test_defaults_are_those_of_the_functions(endpoints):
    defaults = {
        each["parameter_name"]: (each["parameter_has_default"], each["parameter_default"])
        for each in endpoints["/write"]["parameters"]
    }
    assert defaults["length"] == (True, Scene().length)
    assert defaults["temperature"] == (True, None)
    assert defaults["cast"] == (True, [])
    required = [
        each["parameter_name"]
        for each in endpoints["/rewrite_line"]["parameters"]
        if not each["parameter_has_default"]
    ]
    assert required == ["text", "line"]


def test_ranges_are_those_that_a_scene_accepts():
    for name, (low, high) in OPTION_RANGES.items():
        assert (ARGUMENTS[name]["minimum"], ARGUMENTS[name]["maximum"]) == (low, high)
        whole = ARGUMENTS[name]["type"] == "integer"
        assert whole == (Scene.__dataclass_fields__[name].type is int)
    assert ARGUMENTS["preset"]["enum"] == list(PRESETS)


def test_document_lists_every_endpoint_with_its_arguments_and_results(endpoints):
    document = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    rows = {}
    for line in document.splitlines():
        if line.startswith("| `/"):
            name, arguments, results = (cell.strip() for cell in line.strip("|").split("|"))
            rows[name.strip("`")] = (arguments, results)
    assert set(rows) == set(endpoints)
    sampling = {*SAMPLING}
    for name, endpoint in endpoints.items():
        names = {each["parameter_name"] for each in endpoint["parameters"]}
        arguments, results = rows[name]
        listed = {*re.findall(r"`(\w+)`", arguments)}
        if "the same and" in arguments:
            listed |= {*re.findall(r"`(\w+)`", rows["/write"][0])}
        assert listed == names - sampling
        for each in endpoint["returns"]:
            assert f"`{each['label']}`" in results
    for name in ARGUMENTS:
        assert f"`{name}`" in document.partition("## Arguments")[2]


def test_document_states_the_limits_and_presets():
    document = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name, numbers in PRESETS.items():
        assert f"| `{name}` | {numbers['temperature']} | {numbers['top_p']} |" in document
    for number in (MAX_TEXT, MAX_LINE_TOKENS, MAX_TAKES, MAX_ALTERNATIVES):
        assert f"{number:,}" in document
    for ended in ENDINGS:
        assert f"`{ended}`" in document
    assert f"Below temperature {LOW_TEMPERATURE}" in document


@pytest.mark.parametrize("password", [False, True])
def test_openapi_lists_both_requests_of_every_endpoint(endpoints, password):
    document = openapi({"named_endpoints": endpoints}, "The Cafe", "/prefix", password)
    assert json.loads(json.dumps(document)) == document
    assert document["servers"] == [{"url": "/prefix"}]
    assert ("security" in document) == password
    paths = document["paths"]
    for name in RETURNS:
        assert "post" in paths.pop(f"/gradio_api/call/v2/{name}")
        assert "get" in paths.pop(f"/gradio_api/call/{name}/{{event_id}}")
    assert set(paths) == {"/healthz", "/readyz"}


def test_openapi_names_arguments_with_types_and_defaults(endpoints):
    document = openapi({"named_endpoints": endpoints}, "", "", password=False)
    post = document["paths"]["/gradio_api/call/v2/write"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    assert list(body["properties"]) == [
        each["parameter_name"] for each in endpoints["/write"]["parameters"]
    ]
    assert body["properties"]["seed"]["type"] == "integer"
    assert body["properties"]["seed"]["nullable"]
    assert body["properties"]["length"]["default"] == Scene().length
    assert "required" not in body
    assert all("oneOf" not in each for each in body["properties"].values())
    alternative = document["paths"]["/gradio_api/call/v2/take_alternative"]["post"]
    body = alternative["requestBody"]["content"]["application/json"]["schema"]
    assert body["required"] == ["text", "word", "alternative"]
    responses = post["responses"]
    assert set(responses) == {"200", "400", "401", "404", "413", "429", "503"}
