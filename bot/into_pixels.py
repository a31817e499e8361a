"""`python into_pixels.py`: make the SVG on standard input into a PNG on standard output, with the letters beside this
file.

A program of its own: the library holds the interpreter for a tenth of a second, in which no patient is answered.
"""

import sys
from pathlib import Path


def main() -> None:
    """Draw one picture."""
    import resvg_py  # noqa: PLC0415  the bot asks this file for its place only

    fonts = Path(__file__).parent / "fonts"
    png = resvg_py.svg_to_bytes(
        svg_string=sys.stdin.buffer.read().decode(),
        skip_system_fonts=True,
        font_files=[str(fonts / f"Roboto-{weight}.ttf") for weight in ("Regular", "Bold")],
    )
    sys.stdout.buffer.write(png)


if __name__ == "__main__":
    main()
