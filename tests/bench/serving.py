"""python -m tests.bench.serving: load test of the real server.

A single client; a browser, if there is one; 32 concurrent clients, with one scene and with three
takes each; 200 concurrent clients, more than the queue holds; hostile requests; and 2,000 scenes in
sequence while memory is sampled. Server and clients share this machine's cores, so that the figures
are a lower bound. A connection that breaks is counted as lost.
"""

import asyncio
import contextlib
import itertools
import json
import pathlib
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx

from data.command_line import Parser, run
from serve.limits import DEFAULT_TAKES
from serve.models.bundles import find_bundles
from tests.bench.runs import machine
from tests.serving import Server, functions_of, hostile, serving

PROMPT = "[setting: the coffee shop]\n\n"


def main() -> None:
    """Prints one line for each figure."""
    parser = Parser(prog="python -m tests.bench.serving", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=pathlib.Path, help="bundle to serve (default: the newest)")
    parser.add_argument("--runtime", choices=("torchscript", "onnx"), default="torchscript")
    parser.add_argument("--clients", type=int, default=32, help="concurrent clients")
    parser.add_argument("--words", type=int, default=400, help="words that each of them asks for")
    parser.add_argument(
        "--overload", type=int, default=200, help="concurrent clients, more than fit"
    )
    parser.add_argument(
        "--hostile", type=int, default=10_000, help="malformed and malicious requests"
    )
    parser.add_argument("--models", type=int, default=12, help="models of the server that starts")
    parser.add_argument("--soak", type=int, default=2_000, help="scenes in sequence")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    options = parser.parse_args()
    model = options.model or find_bundles(pathlib.Path("artifacts"))[0]
    report: dict[str, Any] = {}

    def record(part: str, figures: Any) -> None:
        report[part] = figures
        print(part, json.dumps(figures), flush=True)

    record("machine", {**machine(), "model": model.name, "runtime": options.runtime})
    with tempfile.TemporaryDirectory() as folder:
        record("start with several models", starts(model, pathlib.Path(folder), options))
        start = time.monotonic()
        flags = ("--rate-limit", "", "--runtime", options.runtime, "--log-level", "warning")
        with serving(model, pathlib.Path(folder), *flags) as server:
            record("start", {"seconds to ready": round(time.monotonic() - start, 2)})
            record("single client", asyncio.run(single_client(server.address)))
            record("browser", browser(server.address))
            for takes in (1, DEFAULT_TAKES):
                load = concurrent_clients(server.address, options.clients, options.words, takes)
                record(f"concurrent clients, takes: {takes}", asyncio.run(load))
            record("overload", asyncio.run(overload(server.address, options.overload)))
            record("hostile requests", asyncio.run(hostile_requests(server, options.hostile)))
            record("soak", asyncio.run(soak(server, options.soak)))
            record("shutdown", {"exit code": server.stop(), "log lines": len(lines(server))})
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def starts(model: pathlib.Path, folder: pathlib.Path, options: Any) -> dict[str, Any]:
    """The time until a server of many models is ready, of which it loads one."""
    artifacts = folder / "artifacts"
    for number in range(options.models):
        shutil.copytree(model, artifacts / f"show-{number}")
    seconds = []
    for _ in range(3):
        start = time.monotonic()
        flags = ("--artifacts", str(artifacts), "--runtime", options.runtime)
        with serving(None, folder, *flags) as server:
            seconds.append(round(time.monotonic() - start, 2))
            assert len(httpx.get(f"{server.address}/readyz").json()["models"]) == options.models
    return {"models": options.models, "seconds to ready": seconds}


def lines(server: Server) -> list[str]:
    """The lines of the server's log, all of level warning or above."""
    return server.log.read_text(encoding="utf-8").splitlines()


async def scene(client: httpx.AsyncClient, takes: int = 1, **arguments: Any) -> dict[str, Any]:
    """Requests one scene as curl does: how it ends and when its words arrive, those of all takes.

    It ends with "complete", "error", "cut off", a refusal's status, or "lost" with an error's name.
    """
    endpoint = "write"
    if takes > 1:
        endpoint, arguments["n"] = "takes", takes
    sent = time.monotonic()
    seen: list[tuple[float, int]] = []
    ending: Any = "cut off"
    try:
        answer = await client.post(f"/gradio_api/call/v2/{endpoint}", json=arguments)
        if answer.status_code == 200:
            url = f"/gradio_api/call/{endpoint}/{answer.json()['event_id']}"
            async for name, data in events(client, url):
                if name == "generating":
                    facts = data[1] if takes > 1 else [data[1]]
                    seen.append((time.monotonic(), sum(each.get("words", 0) for each in facts)))
                elif name in ("complete", "error"):
                    ending = name
        else:
            ending = answer.status_code
    except httpx.TransportError as error:
        ending = f"lost ({type(error).__name__})"
    return {"ending": ending, "sent": sent, "seen": seen, "seconds": time.monotonic() - sent}


async def events(client: httpx.AsyncClient, url: str) -> AsyncIterator[tuple[str, Any]]:
    """The server-sent events of a response: (name, data)."""
    name = ""
    async with client.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def lost(scenes: list[dict[str, Any]]) -> int:
    """How many requests ended with a broken connection."""
    return sum(str(one["ending"]).startswith(("lost", "cut off")) for one in scenes)


def client_for(address: str, callers: int) -> httpx.AsyncClient:
    """An HTTP client with a long timeout and a connection for each caller."""
    limits = httpx.Limits(max_connections=callers + 10)
    return httpx.AsyncClient(base_url=address, timeout=180, limits=limits)


async def single_client(address: str) -> dict[str, Any]:
    """Time to first words and speed on an idle server; the median of 11."""
    async with client_for(address, 1) as client:
        firsts, rates = [], []
        for seed in range(12):
            one = await scene(client, prompt=PROMPT, seed=seed)
            firsts.append(1000 * (one["seen"][0][0] - one["sent"]))
            rates.append(one["seen"][-1][1] / (one["seen"][-1][0] - one["sent"]))
    return {
        "time to first words, ms": round(statistics.median(firsts[1:])),
        "words per second": round(statistics.median(rates[1:])),
    }


def browser(address: str) -> dict[str, Any]:
    """Seconds until the page is usable, and milliseconds from a click to the first words on it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        return {"skipped": "no Chromium on this machine"}
    from playwright.sync_api import sync_playwright

    ready, first = [], []
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(6):  # each in a new context, with an empty cache
            page = program.new_context().new_page()
            loading = time.monotonic()
            page.goto(address, wait_until="commit")
            start = page.get_by_role("button", name="Write", exact=True)
            start.wait_for()
            ready.append(time.monotonic() - loading)
            page.wait_for_timeout(500)
            page.evaluate(WATCH_FIRST_LINE)
            start.click()
            page.wait_for_function("window.firstLine")
            first.append(page.evaluate("window.firstLine - window.pressed"))
            page.context.close()
        program.close()
    return {
        "page ready, s": round(statistics.median(ready[1:]), 2),
        "page ready in a newly started browser, s": round(ready[0], 2),
        "click to first words on the screen, ms": round(statistics.median(first[1:])),
    }


WATCH_FIRST_LINE = """() => {
  const press = () => { window.pressed = performance.now(); };
  document.querySelector("#write").addEventListener("click", press, true);
  new MutationObserver(() => {
    if (!window.firstLine && document.querySelector("#scene :is(.line, .heading)")) {
      requestAnimationFrame(() => { window.firstLine ||= performance.now(); });
    }
  }).observe(document.querySelector("#scene"), { childList: true, subtree: true });
}"""


async def concurrent_clients(address: str, count: int, words: int, takes: int) -> dict[str, Any]:
    """Speed of each of `count` concurrent clients, and the gaps between their words.

    Args:
        takes: of each client; the speed is that of one of them.
    """
    async with client_for(address, count) as client:
        scenes = await asyncio.gather(
            *(scene(client, takes, prompt=PROMPT, seed=seed, length=words) for seed in range(count))
        )
    rates, gaps = [], []
    for one in scenes:
        seen = one.get("seen") or []
        if len(seen) > 1:
            seconds = seen[-1][0] - seen[0][0]
            rates.append((seen[-1][1] - seen[0][1]) / seconds / takes)
            gaps += [b[0] - a[0] for a, b in itertools.pairwise(seen)]
    return {
        "clients": count,
        "completed": sum(one["ending"] == "complete" for one in scenes),
        "lost": lost(scenes),
        "words per second of the slowest": round(min(rates, default=0), 1),
        "words per second in total": round(takes * sum(rates)),
        "gap between words, p50, ms": round(1000 * statistics.median(gaps)),
        "gap between words, p95, ms": round(1000 * statistics.quantiles(gaps, n=20)[-1]),
        "longest gap, ms": round(1000 * max(gaps)),
        "longest time to first words, s": round(
            max(one["seen"][0][0] - one["sent"] for one in scenes if one.get("seen")), 2
        ),
    }


async def overload(address: str, count: int) -> dict[str, Any]:
    """More clients than the queue holds: each request must end with a scene or with status 503."""
    async with client_for(address, count) as client:
        scenes = await asyncio.gather(*(scene(client, seed=n, length=60) for n in range(count)))
    endings = [str(one["ending"]) for one in scenes]
    refused = [one["seconds"] for one in scenes if one["ending"] == 503]
    return {
        "clients": count,
        "endings": {name: endings.count(name) for name in sorted(set(endings))},
        "lost": lost(scenes),
        "longest request, s": round(max(one["seconds"] for one in scenes), 1),
        "longest time to a refusal, s": round(max(refused, default=0), 2),
    }


async def hostile_requests(server: Server, count: int) -> dict[str, Any]:
    """Malformed and malicious requests by eight concurrent clients."""
    source = random.Random(7)
    statuses: dict[int, int] = {}
    leaks = slowest = broken = 0.0
    before = len(lines(server))
    async with client_for(server.address, 8) as client:
        functions = functions_of((await client.get("/config")).json())
        requests = iter([hostile(source, functions) for _ in range(count)])

        async def caller() -> None:
            nonlocal leaks, slowest, broken
            for method, path, body in requests:
                sent = time.monotonic()
                try:
                    answer = await client.request(
                        method, path, content=body, headers={"content-type": "application/json"}
                    )
                except httpx.TransportError:
                    broken += 1
                    continue
                slowest = max(slowest, time.monotonic() - sent)
                status = answer.status_code
                statuses[status] = statuses.get(status, 0) + 1
                leaks += "root:" in answer.text or "Traceback" in answer.text

        await asyncio.gather(*(caller() for _ in range(8)))
        alive = (await scene(client, prompt=PROMPT, seed=1))["ending"]
    logged = lines(server)[before:]
    return {
        "requests": count,
        "lost": int(broken),
        "responses": {str(status): statuses[status] for status in sorted(statuses)},
        "status 500 and above, except 503 of a full queue": sum(
            number for status, number in statuses.items() if status >= 500 and status != 503
        ),
        "responses that leak": int(leaks),
        "tracebacks in the log": sum("Traceback" in line for line in logged),
        "slowest response, s": round(slowest, 2),
        "scene afterwards": alive,
    }


async def soak(server: Server, count: int) -> dict[str, Any]:
    """Scenes in sequence; the server's resident memory after each tenth of them."""
    memory, scenes = [], []
    async with client_for(server.address, 4) as client:
        for number in range(count + 1):
            if number % max(1, count // 10) == 0:
                memory.append(resident(server.process.pid))
            scenes.append(await scene(client, seed=number, length=30))
    return {"scenes": count, "lost": lost(scenes), "resident MB after each tenth": memory}


def resident(pid: int) -> int:
    """A process's resident memory in MB."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024)
    return 0


if __name__ == "__main__":
    run(main)
