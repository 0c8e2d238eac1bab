"""Gradio's internals: the installed version has all of them, and each missing one is an error."""

import importlib

import fastapi
import gradio as gr
import pytest

from data.command_line import UserError
from serve import gradio_compat
from serve.gradio_compat import (
    BODY_FIELDS,
    GRADIO_ROUTES,
    RecentlyUsed,
    check_blocks,
    check_routes,
    endpoint_arguments,
    event_value,
    input_counts,
    limit_concurrency,
    limit_sessions,
    queue_length,
    replace_page,
    route_pattern,
)

ADVICE = "install the version that pyproject.toml names"
ROUTES = [(method, route) for method, routes in GRADIO_ROUTES.items() for route in routes]


@pytest.fixture
def blocks():
    async def shout(text: str, times: int = 1) -> str:
        return text.upper() * times

    with gr.Blocks(analytics_enabled=False) as made:
        box = gr.Textbox()
        box.submit(lambda text: text, box, box, concurrency_id="scenes", api_visibility="private")
        box.change(None, box, None, js="(text) => text", api_visibility="private")
        gr.api(shout, api_name="shout")
    return made


def mounted(blocks):
    app = fastapi.FastAPI()
    gr.mount_gradio_app(app, blocks, path="/", ssr_mode=False)
    return app


def error_of(check, *arguments):
    """The one line of the error that a check raises."""
    with pytest.raises(UserError) as caught:
        check(*arguments)
    text = str(caught.value)
    assert len(text.splitlines()) == 1
    assert text.startswith(f"Gradio {gr.__version__} does not work with this server")
    assert text.endswith(ADVICE)
    return text


def test_installed_gradio_passes_the_checks(blocks):
    check_blocks(blocks)
    check_routes(mounted(blocks))


# Each internal, missing


@pytest.mark.parametrize("name", ["state_session_capacity", "max_threads", "_queue"])
def test_missing_attribute_of_blocks_is_an_error(blocks, name):
    delattr(blocks, name)
    assert f"Blocks.{name}" in error_of(check_blocks, blocks)


def test_missing_event_handlers_are_an_error(blocks):
    blocks.fns.clear()
    assert "Blocks.fns" in error_of(check_blocks, blocks)


@pytest.mark.parametrize("name", ["fn", "inputs", "concurrency_id", "concurrency_limit"])
def test_missing_attribute_of_an_event_handler_is_an_error(blocks, name):
    delattr(blocks.fns[0], name)
    assert f"BlockFunction.{name}" in error_of(check_blocks, blocks)


def test_queue_without_messages_per_session_is_an_error(blocks):
    del blocks._queue.pending_messages_per_session
    assert "Queue.pending_messages_per_session" in error_of(check_blocks, blocks)


def test_queue_with_other_messages_per_session_is_an_error(blocks):
    blocks._queue.pending_messages_per_session = {}
    assert "Queue.pending_messages_per_session" in error_of(check_blocks, blocks)


def test_queue_without_a_length_is_an_error(blocks, monkeypatch):
    monkeypatch.delattr(type(blocks._queue), "__len__")
    assert "Queue.__len__" in error_of(check_blocks, blocks)


def test_event_data_without_its_data_is_an_error(blocks, monkeypatch):
    class Renamed:
        def __init__(self, target, _data):
            self.data = _data

    monkeypatch.setattr(gr, "EventData", Renamed)
    assert "EventData._data" in error_of(check_blocks, blocks)


@pytest.mark.parametrize("name", BODY_FIELDS)
def test_missing_field_of_a_request_body_is_an_error(blocks, monkeypatch, name):
    fields = {**gradio_compat.PredictBody.model_fields}
    del fields[name]
    monkeypatch.setattr(gradio_compat.PredictBody, "__pydantic_fields__", fields)
    assert f"PredictBody.{name}" in error_of(check_blocks, blocks)


@pytest.mark.parametrize(
    ("module", "name"), [("gradio.utils", "LRUCache"), ("gradio.data_classes", "PredictBody")]
)
def test_missing_class_is_an_error_at_import(monkeypatch, module, name):
    monkeypatch.delattr(importlib.import_module(module), name)
    assert name in error_of(importlib.reload, gradio_compat)


@pytest.mark.parametrize(("method", "template"), ROUTES)
def test_missing_route_is_an_error(method, template):
    """Gradio's app without one of the routes."""
    gradio_app, app = fastapi.FastAPI(openapi_url=None), fastapi.FastAPI()
    for each in ROUTES:
        if each != (method, template):
            gradio_app.add_api_route(each[1], lambda: None, methods=[each[0]])
    app.mount("/", gradio_app)
    assert f"the route {method} {template}" in error_of(check_routes, app)


# What the internals are used for


def test_concurrency_limits_of_scenes_and_short_tasks(blocks):
    limit_concurrency(blocks, 3, 7)
    limits = [(each.concurrency_id, each.concurrency_limit) for each in blocks.fns.values()]
    assert limits == [("scenes", 3), ("short_tasks", 7), ("short_tasks", 7)]
    assert blocks.max_threads == 10


def test_session_limit_keeps_the_sessions_in_use(blocks):
    limit_sessions(blocks, 2)
    assert blocks.state_session_capacity == 2
    messages = blocks._queue.pending_messages_per_session
    assert isinstance(messages, RecentlyUsed)
    messages["one"], messages["two"] = 1, 2
    assert messages["one"] == 1  # in use: "two" is the oldest now
    messages["three"] = 3
    assert list(messages) == ["one", "three"]


def test_queue_length_of_an_idle_server(blocks):
    assert queue_length(blocks) == 0


def test_inputs_and_arguments_of_event_handlers_and_endpoints(blocks):
    assert input_counts(blocks) == {0: 1, 2: 2}
    assert endpoint_arguments(blocks) == {"shout": {"text": True, "times": False}}


@pytest.mark.parametrize(
    ("sent", "value"), [({"line": 3}, 3), ({}, None), (None, None), ([1], None), ("line", None)]
)
def test_event_value_of_any_value_from_the_browser(sent, value):
    assert event_value(gr.EventData(None, sent), "line") == value


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *(("/", True), ("/a/b", True), ("/a/b/", True), ("/a/" + "b" * 81, False), ("/a", False)),
        *(
            ("/s/x/y.js", True),
            ("/s/x y", False),
            ("/i/12", True),
            ("/i/x", False),
            ("/a/b/c", False),
        ),
    ],
)
def test_route_pattern_of_templates(path, allowed):
    pattern = route_pattern(["/", "/a/{name}", "/s/{path:path}", "/i/{size}"])
    assert bool(pattern.fullmatch(path)) == allowed


def page_of(title, *labels):
    with gr.Blocks(title=title) as blocks:
        fields = [gr.Textbox(label=label) for label in labels]
        gr.Button("go").click(lambda *_: "x", fields, fields[0])
    return blocks


def test_page_is_replaced_by_one_with_the_same_components_only():
    blocks = page_of("one", "a", "b")
    before = len(blocks.config["components"])
    assert replace_page(blocks, lambda: page_of("two", "c", "d"), "<style></style>")
    labels = [each["props"].get("label") for each in blocks.config["components"]]
    assert (blocks.title, blocks.config["title"], len(labels)) == ("two", "two", before)
    assert "c" in labels
    assert "a" not in labels
    assert blocks.config["head"] == "<style></style>"
    kept = blocks.config
    assert not replace_page(blocks, lambda: page_of("three", "e", "f", "g"), "")
    assert (blocks.title, blocks.config) == ("two", kept)
    other = page_of("four", "h")  # its components have ids of their own
    assert min(each["id"] for each in other.config["components"]) > max(
        each["id"] for each in kept["components"]
    )


def test_definition_of_a_component_writes_no_interface_file(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    source = "import gradio as gr\n\n\nclass OwnBox(gr.Textbox):\n    EVENTS = ['own']\n"
    (tmp_path / "own_box.py").write_text(source)
    importlib.import_module("own_box")
    assert not (tmp_path / "own_box.pyi").exists()
