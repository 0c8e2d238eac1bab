"""The page itself: build_app(backend) -> Blocks. Nothing is loaded or launched at import."""

import pathlib
import random
import time
from collections.abc import Iterator

import gradio as gr

from data.command_line import UserError
from serve.backends import MAX_NEW_TOKENS, MAX_PROMPT, RANGES, Settings, TorchScriptBackend
from serve.layout import sentence_case, to_html

CSS = pathlib.Path(__file__).with_name("page.css")
SECONDS_BETWEEN_UPDATES = 0.05  # faster than the eye, and a tenth of the words' number
CHIPS = 8
HINT = '<div class="script"><p class="hint">The scene appears here as it is written.</p></div>'
# Runs in the browser, so that no file is ever kept on the server.
DOWNLOAD = """(text) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "text/plain;charset=utf-8"}));
  link.download = "cold-open.txt";
  link.click();
  URL.revokeObjectURL(link.href);
}"""


def build_app(backend: TorchScriptBackend) -> gr.Blocks:
    """The page for one loaded model."""

    def write(
        prompt: str,
        max_new_tokens: float,
        temperature: float,
        top_k: float,
        top_p: float,
        min_p: float,
        repetition_penalty: float,
        seed: str,
    ) -> Iterator[tuple[str, str, str]]:
        """Writes a scene; yields (scene as HTML, as text, a note with the seed) as it grows."""
        try:
            settings = Settings(
                prompt,
                max_new_tokens,
                temperature,
                top_k,
                top_p,
                min_p,
                repetition_penalty,
                read_seed(seed),
            )
        except UserError as mistake:
            raise gr.Error(str(mistake), print_exception=False) from None
        unknown = backend.unknown_words(settings.prompt)
        note = f"Seed {settings.seed}"
        if unknown:
            words = ", ".join(unknown[:10])
            note += f" · {backend.show} has never heard: {words}"
        text, shown = "", 0.0
        for piece in backend.stream(settings):
            text += piece
            if time.monotonic() - shown > SECONDS_BETWEEN_UPDATES:
                shown = time.monotonic()
                yield present(text, note)
        yield present(text, note)

    def present(text: str, note: str) -> tuple[str, str, str]:
        script = sentence_case(text, backend.speakers)
        return to_html(script), script, note

    with gr.Blocks(title=f"Cold Open: {backend.show}", analytics_enabled=False) as app:
        gr.Markdown(
            f"# Cold Open\nA small network that has read every script of **{backend.show}** "
            "writes a new scene.",
            elem_classes="masthead",
        )
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                prompt = gr.Textbox(
                    label="How the scene begins",
                    placeholder="Leave it empty, type a line, or pick who speaks first",
                    lines=4,
                    max_length=MAX_PROMPT,
                    elem_id="prompt",
                )
                with gr.Row(elem_classes="chips"):
                    chips = [
                        gr.Button(f"{name.title()}:", size="sm")
                        for name in backend.speakers[:CHIPS]
                    ]
                with gr.Row():
                    start = gr.Button("Write", variant="primary", elem_id="write")
                    stop = gr.Button("Stop", variant="stop", elem_id="stop")
                length = gr.Slider(
                    10, MAX_NEW_TOKENS, 200, step=10, label="Length", info="words and punctuation"
                )
                temperature = gr.Slider(
                    *RANGES["temperature"],
                    0.8,
                    step=0.05,
                    label="Temperature",
                    info="low is safe, high is wild",
                )
                seed = gr.Textbox(  # gr.Number shows an empty field as 0
                    label="Seed",
                    placeholder="empty: another scene each time",
                    info="the same seed and settings write the same scene",
                )
                with gr.Accordion("Finer controls", open=False):
                    top_p = gr.Slider(
                        *RANGES["top_p"], 0.95, step=0.01, label="Top-p", info="1 is off"
                    )
                    top_k = gr.Slider(0, 200, 0, step=1, label="Top-k", info="0 is off")
                    min_p = gr.Slider(
                        *RANGES["min_p"], 0, step=0.01, label="Min-p", info="0 is off"
                    )
                    penalty = gr.Slider(
                        *RANGES["repetition_penalty"],
                        1,
                        step=0.05,
                        label="Repetition penalty",
                        info="1 is off",
                    )
            with gr.Column(scale=3, min_width=300):
                scene = gr.HTML(HINT, elem_id="scene")
                note = gr.Markdown("", elem_id="note")
                text = gr.Textbox(visible=False)
                download = gr.Button("Download .txt", size="sm", elem_id="download")

        settings = [prompt, length, temperature, top_k, top_p, min_p, penalty, seed]
        outputs = [scene, text, note]
        writing = gr.on(
            [start.click, prompt.submit],
            write,
            settings,
            outputs,
            api_name="write",
            show_progress="hidden",
            trigger_mode="once",
            concurrency_limit=4,
        )
        stop.click(None, cancels=[writing], api_visibility="private")
        download.click(None, text, js=DOWNLOAD, api_visibility="private")
        for chip, name in zip(chips, backend.speakers, strict=False):
            chip.click(
                lambda prompt, name=name: begin(prompt, name),
                prompt,
                prompt,
                show_progress="hidden",
                api_visibility="private",
            )
    app.queue(max_size=32)
    return app


def begin(prompt: str, speaker: str) -> str:
    """The prompt with a new line for a speaker, after a blank one if the scene has begun."""
    before = prompt.strip()
    return (f"{before}\n\n" if before else "") + f"{speaker.title()}: "


def read_seed(typed: str) -> int:
    """The seed that was typed, or another one each time where none was."""
    typed = str(typed or "").strip()
    if not typed:
        return random.randrange(10**6)
    if not (typed.isascii() and typed.isdigit()):
        raise UserError(f"the seed must be a whole number, 0 or above, not {typed[:40]}")
    return int(typed)


class NoUploads:
    """ASGI middleware: Gradio takes uploads even for a page that has no use for a file."""

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"].rstrip("/").endswith("/upload"):
            headers = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": b"this page takes no files\n"})
            return
        await self.app(scope, receive, send)
