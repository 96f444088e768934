"""The pictures of the plugins of a run."""

import base64
import io
from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

from hmesh.environment.errors import InputError, Problem
from hmesh.runs.pictures.figure_layout import Drawing
from hmesh.runs.plugins.registered import PICTURES, Registered

if TYPE_CHECKING:
    from hmesh.runs.pictures.run_data import RunData


def pictures_of_plugins(data: "RunData") -> "list[tuple[str, Callable[[RunData], Drawing]]]":
    """Return the pictures that the plugins of a run registered, by name."""
    plugins = data.run.scenario.plugins
    return [
        (name, _checked(registered))
        for name, registered in sorted(PICTURES.items())
        if registered.plugin in ("", *plugins)
    ]


def _checked(registered: Registered) -> "Callable[[RunData], Drawing]":
    """Return what draws a picture of a plugin, held to what it returns."""

    def draw(data: "RunData") -> Drawing:
        try:
            drawing = registered.function(data)
        except InputError:
            raise
        except Exception as error:
            message = f"cannot be drawn: {type(error).__name__}: {error}"
            raise InputError([Problem(registered.place, message)]) from error
        if not isinstance(drawing, Drawing):
            message = f"returns {type(drawing).__name__}"
            raise InputError([Problem(registered.place, message, "a Drawing of hmesh.plugins")])
        return drawing

    return draw


def embedded(data: "RunData") -> str:
    """Return the pictures of the plugins of a run as parts of an HTML page."""
    from hmesh.runs.pictures.picture_form import PictureForm, styled

    parts = []
    for name, draw in pictures_of_plugins(data):
        with styled():
            drawing = draw(data)
            title = escape(drawing.finding)
            if drawing.figure is None:
                parts.append(f"<p>{title}</p>")
                continue
            file = io.BytesIO()
            PictureForm().save(drawing.figure, file, name, drawing.finding)
        picture = base64.b64encode(file.getvalue()).decode()
        source = f"data:image/png;base64,{picture}"
        parts.append(
            f'<figure id="picture-{name}"><img src="{source}" alt="{title}" '
            f'style="max-width: 100%"><figcaption>{title}</figcaption></figure>'
        )
    return "".join(parts)
