"""Everything that relies on Gradio's internals, and the checks that they exist.

Gradio documents none of these names, so any release may change them. `check_blocks` and
`check_routes` run when the server is built: with an unsuitable Gradio it ends with one line instead
of a broken page. pyproject.toml bounds the version.
"""

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

import fastapi
import gradio as gr
from starlette.routing import Match, Mount

from data.command_line import UserError

try:
    from gradio.context import Context
    from gradio.data_classes import PredictBody
    from gradio.utils import LRUCache, get_function_params
except ImportError as error:
    raise UserError(
        f"Gradio {gr.__version__} does not work with this server ({error}): install the version "
        "that pyproject.toml names"
    ) from None

# The routes of Gradio that the page and the API's clients use. Its others (uploads, files by path,
# proxies, recordings) are not reachable.
GRADIO_ROUTES: dict[str, tuple[str, ...]] = {
    "GET": (
        *("/", "/config", "/theme.css", "/robots.txt", "/manifest.json", "/favicon.ico"),
        *("/pwa_icon", "/pwa_icon/{size}"),
        *("/static/{path:path}", "/assets/{path:path}", "/svelte/{path:path}"),
        *("/gradio_api/info", "/gradio_api/openapi.json", "/gradio_api/startup-events"),
        *("/gradio_api/app_id", "/gradio_api/theme.css", "/gradio_api/queue/data"),
        "/gradio_api/heartbeat/{session_hash}",
        *("/gradio_api/call/{api_name}/{event_id}", "/gradio_api/call/v2/{api_name}/{event_id}"),
    ),
    "POST": (
        *("/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/reset"),
        *("/gradio_api/call/{api_name}", "/gradio_api/call/v2/{api_name}"),
    ),
}
# Gradio's API page offers an MCP server, which this server does not have.
HIDE_MCP = '.api-docs .snippet:has(img[src*="/mcp-"]) { display: none }'
IDENTIFIER = r"[A-Za-z0-9_-]{1,80}"
PARAMETERS = {
    "path": r"[\w./@+-]{1,200}",
    "size": r"\d{1,4}",
    "file": r"[\w.-]{1,80}",
}  # others are identifiers

CALL = re.compile(rf"/gradio_api/call/(?P<v2>v2/)?(?P<name>{IDENTIFIER})/?")
# Requests that start a computation.
QUEUED = re.compile(rf"/gradio_api/queue/join/?|{CALL.pattern}")
# Requests for the results of a computation, by its id or by the session that started it.
RESULT = re.compile(
    rf"/gradio_api/call/(?:v2/)?(?P<name>{IDENTIFIER})/(?P<event>{IDENTIFIER})/?"
    r"|/gradio_api/queue/data/?"
)
# The fields of a request's body that are let through, with their types.
BODY_FIELDS: dict[str, tuple[type, ...]] = {
    "data": (list,),
    "fn_index": (int, type(None)),
    "trigger_id": (int, type(None)),
    "session_hash": (str, type(None)),
    "event_id": (str, type(None)),
    "event_data": (dict, type(None)),
    "simple_format": (bool,),
    "batched": (bool, type(None)),
}
FILE_KEY = "meta"  # of an object that Gradio takes for an uploaded file


def route_pattern(templates: Iterable[str]) -> re.Pattern[str]:
    """A regular expression for paths of any of FastAPI's route templates, with or without a "/"."""

    def parameter(match: re.Match[str]) -> str:
        return PARAMETERS.get(match[1], IDENTIFIER)

    paths = (re.sub(r"\\\{(\w+)(?::path)?\\\}", parameter, re.escape(path)) for path in templates)
    return re.compile("(?:" + "|".join(path.removesuffix("/") for path in paths) + ")/?")


class RecentlyUsed(LRUCache):
    """Gradio's cache, in which reading counts as use: an active session is never the oldest."""

    def __getitem__(self, key: str) -> Any:
        self.move_to_end(key)
        return super().__getitem__(key)


def limit_concurrency(blocks: gr.Blocks, scenes: int, short_tasks: int) -> None:
    """Sets how many events run concurrently: those with concurrency id "scenes", and all others."""
    for function in blocks.fns.values():
        of_scenes = function.concurrency_id == "scenes"
        function.concurrency_limit = scenes if of_scenes else short_tasks
        if not of_scenes:
            function.concurrency_id = "short_tasks"
    blocks.max_threads = scenes + short_tasks


def limit_sessions(blocks: gr.Blocks, sessions: int) -> None:
    """Sets how many sessions Gradio keeps in memory.

    By default it keeps a copy of the page's state for the last 10,000 sessions and the unread
    messages of 2,000 of them. Call it after `Blocks.queue`, which makes a new queue.
    """
    blocks.state_session_capacity = sessions
    blocks._queue.pending_messages_per_session = RecentlyUsed(sessions)


def replace_page(blocks: gr.Blocks, build: Callable[[], gr.Blocks], head: str) -> bool:
    """Replaces the page for those who open it from now on. Pages that are open stay usable.

    Args:
        blocks: the app that runs, and goes on answering all events.
        build: builds the page again, with other values in its components.
        head: the HTML for the head of the document.

    Returns:
        False if the new page has other components or events, such as a button more: the page is
        not replaced then.
    """
    before, Context.id = Context.id, blocks._id  # the same components have the same ids
    try:
        new = build()
    finally:
        Context.id = max(before, Context.id)
    config = new.get_config_file()
    if _outline(config) != _outline(blocks.config):
        return False
    blocks.title = new.title
    parts = ("components", "dependencies", "layout", "page", "title")
    blocks.config = {**blocks.config, **{part: config[part] for part in parts}, "head": head}
    return True


def _outline(config: Any) -> list[tuple[Any, ...]]:
    """The components of a page and its events with their inputs and outputs."""
    event = ("id", "targets", "inputs", "outputs", "api_name", "backend_fn")
    return [(each["id"], each["type"]) for each in config["components"]] + [
        tuple(each[part] for part in event) for each in config["dependencies"]
    ]


def queue_length(blocks: gr.Blocks) -> int:
    """The number of requests in the queue."""
    return len(blocks._queue)


def describe_endpoint(
    blocks: gr.Blocks,
    name: str,
    argument: Callable[[str, str], dict[str, Any]],
    returns: dict[str, dict[str, Any]],
) -> None:
    """Names and describes the arguments and results of an endpoint that `gr.api` added.

    `gr.api` calls them "1st", "2nd" and so on, and has no descriptions.

    Args:
        argument: the JSON schema of an argument, by the names of endpoint and argument.
        returns: the JSON schema of each result by its name.
    """
    function = next(each for each in blocks.fns.values() if each.api_name == name)
    parameters = [each[0] for each in get_function_params(function.fn)]
    schemas = {each: argument(name, each) for each in parameters}
    for components, named in ((function.inputs, schemas), (function.outputs, returns)):
        for component, (label, schema) in zip(components, named.items(), strict=True):
            component.label = label
            # Gradio reads the description of an argument here, and of a result in "description".
            component._api_info = {
                **schema,
                "additional_description": schema.get("description", ""),
            }
            if component.value is None:
                component.example_payload = functools.partial(example, schema)


def example(schema: dict[str, Any]) -> Any:
    """A value of a JSON schema, for the examples of the API page."""
    if schema["type"] in ("integer", "number"):
        return schema.get("example", schema["minimum"])
    return {"string": "...", "array": [], "object": {}, "boolean": False}[schema["type"]]


def has_session(blocks: gr.Blocks, session: str) -> bool:
    """Whether a session has, or had lately, a request in the queue."""
    return session in blocks._queue.pending_messages_per_session


def has_result(blocks: gr.Blocks, event: str) -> bool:
    """Whether the result of a request is still to be fetched: of no unknown or used id."""
    queue = blocks._queue
    session = event  # of a request without a session
    if event not in queue.pending_event_ids_session.get(session, ()):
        sessions = queue.pending_event_ids_session.items()
        session = next((name for name, events in sessions if event in events), "")
    return has_session(blocks, session)


def event_value(event: gr.EventData, name: str) -> Any:
    """A value that the browser sent with an event, unchecked; None if it is missing."""
    return event._data.get(name) if isinstance(event._data, dict) else None


def input_counts(blocks: gr.Blocks) -> dict[int, int]:
    """For each event handler on the server, by its number: how many values it takes."""
    return {number: len(each.inputs) for number, each in blocks.fns.items() if each.fn}


def endpoint_arguments(blocks: gr.Blocks) -> dict[str, dict[str, bool]]:
    """The arguments of each named endpoint in order; True for a required one."""
    endpoints = blocks.get_api_info()["named_endpoints"]
    return {
        name.strip("/"): {
            each["parameter_name"]: not each["parameter_has_default"]
            for each in endpoint["parameters"]
        }
        for name, endpoint in endpoints.items()
    }


def check_blocks(blocks: gr.Blocks) -> None:
    """Checks that the attributes used above exist; call it before any of them is used.

    Raises:
        UserError: names what is missing, and Gradio's version.
    """
    queue = getattr(blocks, "_queue", None)
    functions = list(getattr(blocks, "fns", {}).values())
    checks = {
        "Blocks.state_session_capacity": hasattr(blocks, "state_session_capacity"),
        "Blocks.max_threads": hasattr(blocks, "max_threads"),
        "Blocks._id": isinstance(getattr(blocks, "_id", None), int),
        "Blocks.config": hasattr(blocks, "config"),
        "Blocks.get_config_file": hasattr(blocks, "get_config_file"),
        "Blocks.fns": bool(functions),
        "Blocks._queue": queue is not None,
        "Queue.__len__": hasattr(queue, "__len__"),
        "Queue.pending_messages_per_session": isinstance(
            getattr(queue, "pending_messages_per_session", None), LRUCache
        ),
        "Queue.pending_event_ids_session": isinstance(
            getattr(queue, "pending_event_ids_session", None), dict
        ),
        "EventData._data": hasattr(gr.EventData(None, {}), "_data"),
    }
    for name in ("fn", "inputs", "concurrency_id", "concurrency_limit"):
        checks[f"BlockFunction.{name}"] = all(hasattr(each, name) for each in functions)
    for name in BODY_FIELDS:
        checks[f"PredictBody.{name}"] = name in PredictBody.model_fields
    _require(checks)


def check_routes(app: fastapi.FastAPI) -> None:
    """Checks that Gradio, mounted on `app`, has all `GRADIO_ROUTES`.

    Raises:
        UserError: names the missing routes, and Gradio's version.
    """
    routes = [route for mount in app.routes if isinstance(mount, Mount) for route in mount.routes]

    def exists(method: str, template: str) -> bool:
        path = re.sub(r"\{[^}]*\}", "x", template)
        scope = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
        return any(route.matches(scope)[0] is Match.FULL for route in routes)

    _require(
        {
            f"the route {method} {template}": exists(method, template)
            for method, templates in GRADIO_ROUTES.items()
            for template in templates
        }
    )


def _require(checks: dict[str, bool]) -> None:
    if missing := [name for name, exists in checks.items() if not exists]:
        raise UserError(
            f"Gradio {gr.__version__} does not work with this server (it lacks "
            f"{', '.join(missing[:3])}): install the version that pyproject.toml names"
        )
