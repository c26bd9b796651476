"""A screen as SVG."""

import io
import re

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

# Calm on light pages and on dark ones.
THEME = TerminalTheme(
    (24, 26, 31),
    (208, 211, 216),
    [
        (40, 44, 52),
        (238, 102, 102),
        (123, 200, 120),
        (226, 185, 93),
        (97, 160, 232),
        (190, 130, 220),
        (95, 180, 190),
        (208, 211, 216),
    ],
)
# What a browser has by itself: a page that shows the picture loads nothing else.
FONTS = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"


def svg(coloured, columns, title):
    """`coloured` is what `tmux capture-pane -e -p` prints."""
    console = Console(
        record=True, width=columns, file=io.StringIO(), force_terminal=True, color_system="truecolor", legacy_windows=False
    )
    text = Text.from_ansi(coloured.rstrip("\n"))
    console.print(text, no_wrap=True, overflow="crop", crop=False)
    drawn = console.export_svg(title=title, theme=THEME, unique_id="screen")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"font-family: [^;]*;", f"font-family: {FONTS};", drawn)
    drawn = re.sub(r"<!--.*?-->\s*", "", drawn, flags=re.DOTALL)
    return "\n".join(line.rstrip() for line in drawn.splitlines()) + "\n"


def words(drawn):
    """The words of a picture, without the times in it."""
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    text = " ".join(texts).replace("&#160;", " ")
    return re.findall(r"[A-Za-z][A-Za-z'-]+", re.sub(r"\S*\d\S*", " ", text))
