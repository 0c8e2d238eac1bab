"""python -m tests.bench.serving: the real server under real load, all in one run.

One who comes alone, in a browser if there is one; 32 people who write at once; 200 at once, more
than may wait; hostile callers; and 2,000 scenes one after another with an eye on memory. Server and
callers share this machine's cores, so that the figures are a lower bound.
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
from typing import Any

import httpx

from data.command_line import Parser, run
from serve.models.bundles import find_bundles
from tests.bench.training import machine
from tests.serving import Server, functions_of, hostile, serving

PROMPT = "[setting: the coffee shop]\n\n"


def main() -> None:
    """Prints one line for each figure."""
    parser = Parser(prog="python -m tests.bench.serving", description=__doc__.split("\n")[0])
    parser.add_argument("--model", type=pathlib.Path, help="a bundle (default: the newest)")
    parser.add_argument("--runtime", choices=("torchscript", "onnx"), default="torchscript")
    parser.add_argument("--people", type=int, default=32, help="who write at once")
    parser.add_argument("--words", type=int, default=400, help="of each of them")
    parser.add_argument("--crowd", type=int, default=200, help="who come at once")
    parser.add_argument("--hostile", type=int, default=10_000, help="requests of bad intent")
    parser.add_argument("--soak", type=int, default=2_000, help="scenes one after another")
    parser.add_argument("--json", type=pathlib.Path, help="file for the figures")
    options = parser.parse_args()
    model = options.model or find_bundles(pathlib.Path("artifacts"))[0]
    report: dict[str, Any] = {}

    def tell(part: str, figures: Any) -> None:
        report[part] = figures
        print(part, json.dumps(figures), flush=True)

    tell("machine", {**machine(), "model": model.name, "runtime": options.runtime})
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        flags = ("--rate-limit", "", "--runtime", options.runtime, "--log-level", "warning")
        with serving(model, pathlib.Path(folder), *flags) as server:
            tell("start", {"seconds to ready": round(time.monotonic() - began, 2)})
            tell("alone", asyncio.run(alone(server.address)))
            tell("browser", browser(server.address))
            tell("people", asyncio.run(people(server.address, options.people, options.words)))
            tell("crowd", asyncio.run(crowd(server.address, options.crowd)))
            tell("hostile", asyncio.run(attack(server, options.hostile)))
            tell("soak", asyncio.run(soak(server, options.soak)))
            tell("end", {"exit code": server.stop(), "log lines": len(lines(server))})
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def lines(server: Server) -> list[str]:
    """What the server logged, all of it warnings or worse."""
    return server.log.read_text(encoding="utf-8").splitlines()


async def scene(client: httpx.AsyncClient, **arguments: Any) -> dict[str, Any]:
    """One scene as curl asks for it: how it ended, and when how many words were there."""
    asked = time.monotonic()
    answer = await client.post("/gradio_api/call/v2/write", json=arguments)
    if answer.status_code != 200:
        return {"ending": answer.status_code, "seconds": time.monotonic() - asked}
    seen: list[tuple[float, int]] = []
    ending, name = "cut off", ""
    url = f"/gradio_api/call/write/{answer.json()['event_id']}"
    async with client.stream("GET", url) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif name == "generating" and line.startswith("data: "):
                seen.append((time.monotonic(), json.loads(line[6:])[1]["words"]))
            elif name in ("complete", "error"):
                ending = name
    return {"ending": ending, "asked": asked, "seen": seen, "seconds": time.monotonic() - asked}


def client_for(address: str, callers: int) -> httpx.AsyncClient:
    """A client that waits long, for many callers."""
    limits = httpx.Limits(max_connections=callers + 10)
    return httpx.AsyncClient(base_url=address, timeout=180, limits=limits)


async def alone(address: str) -> dict[str, Any]:
    """Milliseconds from the request to the first words on an idle server; the median of 11."""
    async with client_for(address, 1) as client:
        firsts, rates = [], []
        for seed in range(12):
            told = await scene(client, prompt=PROMPT, seed=seed)
            firsts.append(1000 * (told["seen"][0][0] - told["asked"]))
            rates.append(told["seen"][-1][1] / (told["seen"][-1][0] - told["asked"]))
    return {
        "first words, ms": round(statistics.median(firsts[1:])),
        "words a second": round(statistics.median(rates[1:])),
    }


def browser(address: str) -> dict[str, Any]:
    """Seconds until the page can be used, and from the click to the first words on it."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        return {"left out": "no Chromium on this machine"}
    from playwright.sync_api import sync_playwright

    ready, first = [], []
    with sync_playwright() as playwright:
        program = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(6):  # each in a context of its own: nothing is in its cache
            page = program.new_context().new_page()
            began = time.monotonic()
            page.goto(address, wait_until="commit")
            start = page.get_by_role("button", name="Write", exact=True)
            start.wait_for()
            ready.append(time.monotonic() - began)
            page.wait_for_timeout(500)
            page.evaluate(WATCH_FIRST_LINE)
            start.click()
            page.wait_for_function("window.firstLine")
            first.append(page.evaluate("window.firstLine - window.pressed"))
            page.context.close()
        program.close()
    return {
        "page ready, s": round(statistics.median(ready[1:]), 2),
        "page ready in a browser just started, s": round(ready[0], 2),
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


async def people(address: str, count: int, words: int) -> dict[str, Any]:
    """So many write at once: how fast each is, and how long each waits for more."""
    async with client_for(address, count) as client:
        told = await asyncio.gather(
            *(
                scene(client, prompt=PROMPT, seed=seed, max_new_tokens=words)
                for seed in range(count)
            )
        )
    rates, gaps = [], []
    for one in told:
        seen = one.get("seen") or []
        if len(seen) > 1:
            rates.append((seen[-1][1] - seen[0][1]) / (seen[-1][0] - seen[0][0]))
            gaps += [b[0] - a[0] for a, b in itertools.pairwise(seen)]
    return {
        "people": count,
        "ended well": sum(one["ending"] == "complete" for one in told),
        "words a second of the slowest": round(min(rates), 1),
        "words a second of all": round(sum(rates)),
        "gap between words, p50, ms": round(1000 * statistics.median(gaps)),
        "gap between words, p95, ms": round(1000 * statistics.quantiles(gaps, n=20)[-1]),
        "longest gap, ms": round(1000 * max(gaps)),
        "longest wait for the first words, s": round(
            max(one["seen"][0][0] - one["asked"] for one in told if one.get("seen")), 2
        ),
    }


async def crowd(address: str, count: int) -> dict[str, Any]:
    """So many at once, more than may wait: each must end, written or politely refused."""
    async with client_for(address, count) as client:
        told = await asyncio.gather(
            *(scene(client, seed=n, max_new_tokens=60) for n in range(count))
        )
    endings = [str(one["ending"]) for one in told]
    refused = [one["seconds"] for one in told if one["ending"] == 503]
    return {
        "people": count,
        "endings": {name: endings.count(name) for name in sorted(set(endings))},
        "longest, s": round(max(one["seconds"] for one in told), 1),
        "longest wait for a refusal, s": round(max(refused, default=0), 2),
    }


async def attack(server: Server, count: int) -> dict[str, Any]:
    """Hostile requests, eight at a time."""
    source = random.Random(7)
    statuses: dict[int, int] = {}
    leaks = slowest = 0.0
    before = len(lines(server))
    async with client_for(server.address, 8) as client:
        functions = functions_of((await client.get("/config")).json())
        requests = iter([hostile(source, functions) for _ in range(count)])

        async def caller() -> None:
            nonlocal leaks, slowest
            for method, path, body in requests:
                began = time.monotonic()
                answer = await client.request(
                    method, path, content=body, headers={"content-type": "application/json"}
                )
                slowest = max(slowest, time.monotonic() - began)
                status = answer.status_code
                statuses[status] = statuses.get(status, 0) + 1
                leaks += "root:" in answer.text or "Traceback" in answer.text

        await asyncio.gather(*(caller() for _ in range(8)))
        alive = (await scene(client, prompt=PROMPT, seed=1))["ending"]
    logged = lines(server)[before:]
    return {
        "requests": count,
        "answers": {str(status): statuses[status] for status in sorted(statuses)},
        "status 500 and above, but for a full queue": sum(
            number for status, number in statuses.items() if status >= 500 and status != 503
        ),
        "answers that leak": int(leaks),
        "tracebacks in the log": sum("Traceback" in line for line in logged),
        "slowest answer, s": round(slowest, 2),
        "a scene afterwards": alive,
    }


async def soak(server: Server, count: int) -> dict[str, Any]:
    """Scenes one after another; the server's resident memory on the way."""
    memory = []
    async with client_for(server.address, 4) as client:
        for number in range(count + 1):
            if number % max(1, count // 10) == 0:
                memory.append(resident(server.process.pid))
            await scene(client, seed=number, max_new_tokens=30)
    return {"scenes": count, "resident MB at each tenth": memory}


def resident(pid: int) -> int:
    """A process's resident memory in MB."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return round(int(line.split()[1]) / 1024)
    return 0


if __name__ == "__main__":
    run(main)
