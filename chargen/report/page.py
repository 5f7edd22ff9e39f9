"""Self-contained HTML pages: nothing is fetched, they read well on a phone and in dark mode."""

import html
import json
from typing import Any

STYLE = """
:root { color-scheme: light dark; --ground: #fff; --ink: #1b1b1f; --faint: #66666e; --line: #d8d8de; --mark: #2f6fdf; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16161a; --ink: #e8e8ec; --faint: #9c9ca6; --line: #3a3a42; --mark: #7fb0ff; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.3rem; }
.text { font: 1rem/1.7 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.faint { color: var(--faint); }
"""


def page(title: str, body: str, style: str, script: str, data: Any) -> str:
    """Return an HTML document whose `script` finds plain JSON values in the constant `data`.

    Args:
        title: plain text.
        body, style, script: HTML, CSS and JavaScript of our own, inserted as they are.
    """
    values = json.dumps(data).replace("<", "\\u003c")  # or else a text with </script> would end the script
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}{style}</style>\n"
        f"<body>\n<h1>{html.escape(title)}</h1>\n{body}\n"
        f"<script>\nconst data = {values};\n{script}\n</script>\n</html>\n"
    )
