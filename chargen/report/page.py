"""Self-contained HTML pages, put together from the files in `assets/`; they need no network."""

import html
import json
from importlib import resources
from typing import Any


def page(title: str, name: str, data: Any) -> str:
    """Return an HTML document that fits a phone and follows dark mode.

    Args:
        title: plain text.
        name: which page: its body, style and script are `assets/<name>.html`, `.css` and `.js`; those called `page`
            go before.
        data: plain JSON values, which the script finds in the constant `data`.
    """
    values = json.dumps(data).replace("<", "\\u003c")  # a text with </script> would end the script
    style, script = ("".join(_asset(f"{part}.{kind}") for part in ("page", name)) for kind in ("css", "js"))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{style}</style>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{_asset(f'{name}.html')}"
        f"<script>\nconst data = {values};\n{script}</script>\n</html>\n"
    )


def _asset(name: str) -> str:
    return (resources.files("chargen.report") / "assets" / name).read_text("utf-8")
