"""The OpenAPI description of the API, without the routes of Gradio that this server refuses."""

from typing import Any

ERRORS = {
    400: "An argument is missing, unknown or malformed.",
    401: "The server needs a password.",
    404: "There is no such endpoint or result.",
    413: "The request body is too large.",
    429: "Too many requests.",
    503: "The queue is full.",
}
ERROR = {
    "type": "object",
    "properties": {"detail": {"type": "string"}, "error": {"type": "string"}},
    "description": "The same sentence twice.",
}
EVENTS = (
    "Server-sent events. `generating` holds the results so far, `complete` the last ones, both "
    "as a JSON array; `error` holds an object whose `error` is a sentence; `heartbeat` is empty."
)


def openapi(info: dict[str, Any], title: str, server: str, password: bool) -> dict[str, Any]:
    """An OpenAPI 3 document.

    Args:
        info: the endpoints, as Gradio's `Blocks.get_api_info` describes them.
        server: the prefix of all paths.
        password: whether requests need HTTP Basic authentication.
    """
    paths: dict[str, Any] = {}
    for path, endpoint in info["named_endpoints"].items():
        name = path.strip("/")
        paths[f"/gradio_api/call/v2/{name}"] = {"post": start(name, endpoint)}
        paths[f"/gradio_api/call/{name}/{{event_id}}"] = {"get": fetch(name, endpoint)}
    for path, text in (
        ("/healthz", "Whether the server is alive."),
        ("/readyz", "Whether the server accepts requests, and its models; 503 at shutdown."),
    ):
        answer = response(text, {"type": "object"})
        paths[path] = {
            "get": {"summary": text, "responses": {"200": answer}, "security": []}  # no password
        }
    document: dict[str, Any] = {
        "openapi": "3.0.3",
        "info": {
            "title": title,
            "version": "1",
            "description": "A call has two requests: POST starts it and answers with an event_id; "
            "GET streams its results. Each result is fetched once.",
        },
        "servers": [{"url": server or "/"}],
        "paths": paths,
    }
    if password:
        document["components"] = {
            "securitySchemes": {"password": {"type": "http", "scheme": "basic"}}
        }
        document["security"] = [{"password": []}]
    return document


def start(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The operation that starts a call."""
    properties, required = {}, []
    for each in endpoint["parameters"]:
        schema = plain(each["type"])
        if not each["parameter_has_default"]:
            required.append(each["parameter_name"])
        elif each["parameter_default"] is not None:
            schema["default"] = each["parameter_default"]
        else:
            schema["nullable"] = True
        properties[each["parameter_name"]] = schema
    body: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        body["required"] = required
    event = {"type": "object", "properties": {"event_id": {"type": "string"}}}
    return {
        "operationId": name,
        "summary": endpoint["description"].partition(". ")[0].rstrip("."),
        "description": endpoint["description"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"200": response("The call has started.", event), **errors(*ERRORS)},
    }


def fetch(name: str, endpoint: dict[str, Any]) -> dict[str, Any]:
    """The operation that streams a call's results."""
    results = ", ".join(f"{each['label']}: {each['python_type']['type']}"
                        for each in endpoint["returns"])  # fmt: skip
    stream = {
        "description": f"{EVENTS} The array: [{results}].",
        "content": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    event = {"name": "event_id", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "operationId": f"{name}_results",
        "summary": f"Streams the results of {name}",
        "parameters": [event],
        "responses": {"200": stream, **errors(401, 404, 429)},
    }


def errors(*statuses: int) -> dict[str, Any]:
    """The error responses of an operation."""
    return {str(status): response(ERRORS[status], ERROR) for status in statuses}


def response(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A response with a JSON body."""
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without what only Gradio reads."""
    return {key: value for key, value in schema.items() if key != "additional_description"}
