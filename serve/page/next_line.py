"""The field that chooses who speaks the next line: one speaker, or anyone but one."""

from typing import Any

import gradio as gr

from data.command_line import UserError
from serve.actions import Facts
from serve.page.widgets import EVENT

ANYONE, ONLY, NOT = "anyone", "only ", "not "


def add_next_line(model: gr.Dropdown, facts: list[Facts]) -> gr.Dropdown:
    """Adds the field to the Blocks that are being built.

    Args:
        model: the name of the model that writes; its speakers are the choices.
    """
    field = gr.Dropdown(
        choices_of(facts[0]["speakers"]),
        value=ANYONE,
        label="Next line by",
        elem_id="next-line",
        min_width=130,
    )

    def update(name: Any) -> gr.Dropdown:
        known = next((fact["speakers"] for fact in facts if fact["name"] == name), [])
        return gr.Dropdown(choices=choices_of(known), value=ANYONE)

    model.change(update, model, field, **EVENT)
    return field


def choices_of(speakers: list[str]) -> list[str]:
    """The choices for some speakers: anyone, each of them alone, all but each of them."""
    return [ANYONE, *(ONLY + name for name in speakers), *(NOT + name for name in speakers)]


def next_speakers(choice: Any, cast: list[str], speakers: list[str]) -> list[str]:
    """Who may speak the next line; an empty list is the whole cast.

    Args:
        choice: one of `choices_of`.
        cast: the chosen cast; empty is everyone.
        speakers: all speakers of the show, in any case.

    Raises:
        UserError: if nobody is left.
    """
    if not isinstance(choice, str) or choice in ("", ANYONE):
        return []
    if choice.startswith(ONLY):
        return [choice.removeprefix(ONLY)]
    name = choice.removeprefix(NOT)
    others = [each for each in cast or speakers if each.lower() != name.lower()]
    if not others:
        raise UserError(f"nobody but {name} is in the cast: tick more names, or choose {ANYONE}")
    return others
