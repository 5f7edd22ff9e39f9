"""Self-contained HTML pages, put together from the files in `assets/`; they need no network, and can use none."""

import base64
import hashlib
import html
import json
from importlib import resources
from typing import Any


def page(title: str, name: str, data: Any, *parts: str) -> str:
    """Return an HTML document that fits a phone and follows dark mode.

    Browsers run its own script and no other, and let it connect to nothing.

    Args:
        title: plain text.
        name: which page: its body, style and script are `assets/<name>.html`, `.css` and `.js`; those called `page`
            go before.
        data: plain JSON values, which the script finds in the constant `data`.
        parts: names of more scripts, which go between.
    """
    values = json.dumps(data).replace("<", "\\u003c")  # a text with </script> would end the script
    style = "\n" + "".join(asset(f"{part}.css") for part in ("page", name))
    script = f"\nconst data = {values};\n" + "".join(asset(f"{part}.js") for part in ("page", *parts, name))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(style, script)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<link rel="icon" href="data:,">\n'
        f"<title>{html.escape(title)}</title>\n<style>{style}</style>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{asset(f'{name}.html')}"
        f"<script>{script}</script>\n</html>\n"
    )


def asset(name: str) -> str:
    """Return the text of a file in `assets/`."""
    return (resources.files("chargen.report") / "assets" / name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    """Return a Content-Security-Policy that allows this style, this script, and workers that it makes."""
    return (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)} 'wasm-unsafe-eval';"
        " worker-src blob:; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
