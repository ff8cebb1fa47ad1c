"""Cells and lines of tables in Markdown."""


def number(z):
    """Three significant digits."""
    if z is None:
        return "-"
    return f"{z:.0f}" if z >= 999.5 else f"{z:.3g}"  # not 1e+03


def line(cells):
    return "| " + " | ".join(str(c) for c in cells) + " |"
