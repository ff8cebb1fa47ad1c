"""The diagrams of the notebooks and the site, as SVG: ``python -m bptt.course.pictures FOLDER``."""

import sys
from html import escape
from pathlib import Path

FORWARD, BACKWARD, LINE, GATE, STATE = "#1f5fa8", "#b3401f", "#555555", "#e7effa", "#f6ead2"
SIGMA, TIMES = "\N{GREEK SMALL LETTER SIGMA}", "\N{MULTIPLICATION SIGN}"


class Drawing:
    """Shapes in a picture; the origin is at the top left."""

    def __init__(self, width: int, height: int, title: str):
        self.width: int = width
        self.height: int = height
        self.title: str = title
        self.parts: list[str] = []

    def text(
        self, x: float, y: float, text: str, size: int = 15, color: str = "#222222",
        anchor: str = "middle",
    ) -> None:  # fmt: skip
        """A text at (x, y)."""
        self.parts.append(
            f'<text x="{x}" y="{y + size * 0.35:g}" font-size="{size}" fill="{color}" '
            f'text-anchor="{anchor}">{_sub(text)}</text>'
        )

    def box(
        self, x: float, y: float, text: str, width: int = 74, height: int = 38, fill: str = GATE,
        round_: int = 6,
    ) -> None:  # fmt: skip
        """A box around (x, y) with a text in it."""
        self.parts.append(
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}" '
            f'height="{height}" rx="{round_}" fill="{fill}" stroke="{LINE}"/>'
        )
        if text:
            self.text(x, y, text)

    def operation(self, x: float, y: float, text: str) -> None:
        """A sign in a circle."""
        self.parts.append(f'<circle cx="{x}" cy="{y}" r="13" fill="white" stroke="{LINE}"/>')
        self.text(x, y, text, 16)

    def arrow(
        self, *points: tuple[float, float], color: str = LINE, dashed: bool = False,
        width: float = 1.6,
    ) -> None:  # fmt: skip
        """A line through points, with an arrow's head at the last."""
        path = "M" + " L".join(f"{x:g},{y:g}" for x, y in points)
        name = {LINE: "line", FORWARD: "forward", BACKWARD: "backward"}[color]
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dash} '
            f'marker-end="url(#{name})"/>'
        )

    def save(self, path: Path) -> None:
        """Write the picture to a file."""
        heads = "".join(
            f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="{color}"/></marker>'
            for name, color in (("line", LINE), ("forward", FORWARD), ("backward", BACKWARD))
        )
        path.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
            f'viewBox="0 0 {self.width} {self.height}" role="img" '
            f'font-family="Helvetica, Arial, sans-serif"><title>{escape(self.title)}</title>'
            f'<defs>{heads}</defs><rect width="100%" height="100%" rx="8" fill="white"/>'
            + "".join(self.parts) + "</svg>\n"
        )  # fmt: skip


def _sub(text):
    """Write "a_prev" with its second part as an index."""
    first, _, index = text.partition("_")
    if not index or " " in text or "@" in text:
        return escape(text)
    return f'{escape(first)}<tspan dy="4" font-size="11">{escape(index)}</tspan>'


def rnn_cell() -> Drawing:
    """One step of the plain RNN."""
    d = Drawing(560, 250, "One step of the plain RNN")
    d.box(300, 125, "", 330, 150, "#fafafa", 12)
    d.box(235, 95, "Waa", 60, fill=GATE)
    d.box(235, 160, "Wax", 60, fill=GATE)
    d.operation(305, 125, "+")
    d.box(365, 125, "tanh", 56)
    for y, name in ((95, "a_prev"), (160, "xt")):
        d.text(40, y, name)
        d.arrow((66, y), (205, y), color=FORWARD)
    d.arrow((265, 95), (296, 116), color=FORWARD)
    d.arrow((265, 160), (296, 134), color=FORWARD)
    d.text(305, 178, "ba", 13)
    d.arrow((305, 169), (305, 139), color=FORWARD)
    d.arrow((318, 125), (337, 125), color=FORWARD)
    d.arrow((393, 125), (500, 125), color=FORWARD)
    d.text(528, 125, "a_next")
    d.arrow((430, 125), (430, 34), color=FORWARD)
    d.text(430, 20, "softmax(Wya a + by) = y", 13)
    return d


def lstm_cell() -> Drawing:
    """One step of the LSTM."""
    d = Drawing(720, 360, "One step of the LSTM")
    d.box(370, 175, "", 520, 270, "#fafafa", 12)
    d.text(52, 75, "c_prev")
    d.text(52, 265, "a_prev")
    d.text(52, 300, "xt")
    d.arrow((80, 75), (218, 75), color=FORWARD, width=2.4)
    d.operation(232, 75, TIMES)
    d.arrow((245, 75), (388, 75), color=FORWARD, width=2.4)
    d.operation(402, 75, "+")
    d.arrow((415, 75), (670, 75), color=FORWARD, width=2.4)
    d.text(696, 75, "c_next")
    d.arrow((80, 265), (150, 265), (150, 282), (540, 282), color=FORWARD)
    d.arrow((74, 300), (150, 300), (150, 284), color=FORWARD)
    gates = ((232, f"{SIGMA}  ft", "Wf"), (322, f"{SIGMA}  it", "Wi"), (402, "tanh cct", "Wc"))
    for x, gate, name in (*gates, (540, f"{SIGMA}  ot", "Wo")):
        d.box(x, 220, gate, 72)
        d.arrow((x, 282), (x, 239), color=FORWARD)
        d.text(x + 20, 262, name, 12, "#666666")
    d.arrow((232, 201), (232, 88), color=FORWARD)
    d.operation(402, 150, TIMES)
    d.arrow((402, 201), (402, 163), color=FORWARD)
    d.arrow((322, 201), (322, 150), (389, 150), color=FORWARD)
    d.arrow((402, 137), (402, 88), color=FORWARD)
    d.operation(540, 150, TIMES)
    d.arrow((540, 201), (540, 163), color=FORWARD)
    d.box(600, 112, "tanh", 50, 30)
    d.arrow((600, 75), (600, 97), color=FORWARD)
    d.arrow((600, 127), (600, 150), (553, 150), color=FORWARD)
    d.arrow((527, 150), (480, 150), (480, 325), (670, 325), color=FORWARD)
    d.text(696, 325, "a_next")
    return d


def gru_cell() -> Drawing:
    """One step of the GRU."""
    d = Drawing(700, 330, "One step of the GRU, reset gate before the product")
    d.box(360, 165, "", 500, 250, "#fafafa", 12)
    d.text(50, 70, "a_prev")
    d.text(50, 270, "xt")
    d.arrow((78, 70), (480, 70), color=FORWARD, width=2.4)
    d.box(200, 170, f"{SIGMA}  rt", 64)
    d.box(300, 170, f"{SIGMA}  ut", 64)
    d.box(420, 170, "tanh cct", 76)
    d.arrow((68, 270), (420, 270), (420, 189), color=FORWARD)
    d.arrow((200, 270), (200, 189), color=FORWARD)
    d.arrow((300, 270), (300, 189), color=FORWARD)
    d.arrow((170, 70), (170, 130), (190, 151), color=FORWARD)
    d.arrow((270, 70), (270, 130), (290, 151), color=FORWARD)
    d.operation(362, 120, TIMES)
    d.arrow((232, 170), (246, 170), (246, 120), (349, 120), color=FORWARD)
    d.arrow((362, 70), (362, 107), color=FORWARD)
    d.arrow((375, 120), (405, 151), color=FORWARD)
    d.box(540, 70, "ut · cct + (1 - ut) · a", 160, 36, STATE)
    d.arrow((332, 170), (344, 170), (344, 222), (520, 222), (520, 88), color=FORWARD)
    d.arrow((458, 170), (560, 170), (560, 88), color=FORWARD)
    d.arrow((620, 70), (650, 70), color=FORWARD, width=2.4)
    d.text(676, 70, "a_next")
    return d


def through_time() -> Drawing:
    """Four steps, forward and backward."""
    d = Drawing(720, 290, "Backpropagation through time: forward in blue, gradients in orange")
    xs = (150, 310, 470, 630)
    for t, x in enumerate(xs, 1):
        d.box(x, 140, "cell", 80, 50, STATE)
        d.text(x, 245, f"x<{t}>")
        d.arrow((x - 8, 230), (x - 8, 167), color=FORWARD)
        d.arrow((x + 8, 167), (x + 8, 230), color=BACKWARD, dashed=True)
        d.text(x + 30, 200, f"dx<{t}>", 12, BACKWARD, "start")
        d.text(x, 38, f"loss<{t}>")
        d.arrow((x - 8, 113), (x - 8, 52), color=FORWARD)
        d.arrow((x + 8, 52), (x + 8, 113), color=BACKWARD, dashed=True)
        d.text(x + 14, 82, f"da<{t}>", 12, BACKWARD, "start")
        left = x - 106 if t == 1 else xs[t - 2] + 42
        d.arrow((left, 130), (x - 42, 130), color=FORWARD)
        d.arrow((x - 42, 152), (left, 152), color=BACKWARD, dashed=True)
    d.text(16, 130, "a0", anchor="start")
    d.text(8, 156, "da0", 13, BACKWARD, "start")
    d.text(360, 275, "da_next of a step = da<t> of its own loss + da_prev of the step after it", 13)
    return d


def ragged_batch() -> Drawing:
    """Which steps of a ragged batch exist."""
    d = Drawing(560, 230, "A ragged batch: the steps that exist are computed, packed by step")
    lengths, size = (6, 3, 0, 5), 44
    for i, n in enumerate(lengths):
        d.text(52, 52 + i * 38, f"length {n}", 13)
        for t in range(6):
            d.box(130 + t * size, 52 + i * 38, f"{t + 1}" if t < n else "", size - 6, 30,
                  GATE if t < n else "#f4f4f4")  # fmt: skip
    for t in range(6):
        d.text(130 + t * size, 22, f"t = {t + 1}", 12, "#666666")
    running = [sum(t < n for n in lengths) for t in range(6)]
    d.text(52, 212, "computed", 13)
    for t, n in enumerate(running):
        d.text(130 + t * size, 212, str(n), 14, FORWARD)
    d.text(430, 110, "outputs on", 13, anchor="start")
    d.text(430, 128, "padding are 0", 13, anchor="start")
    return d


def truncation() -> Drawing:
    """Three windows of truncated backpropagation."""
    d = Drawing(700, 190, "Truncated backpropagation: the state is carried, the gradient is not")
    for w in range(3):
        left = 30 + w * 220
        d.box(left + 100, 80, "", 200, 60, "#fafafa", 8)
        for t in range(4):
            d.box(left + 28 + t * 48, 80, "", 36, 34, STATE)
            if t:
                d.arrow((left - 2 + t * 48 - 0, 74), (left + 10 + t * 48, 74), color=FORWARD)
                d.arrow(
                    (left + 10 + t * 48, 88), (left - 2 + t * 48, 88), color=BACKWARD, dashed=True
                )
        d.text(left + 100, 128, f"window {w + 1}", 13)
        if w:
            d.arrow((left - 24, 74), (left + 8, 74), color=FORWARD, width=2.6)
    d.text(
        350,
        165,
        "blue: the state goes on into the next window; orange: the gradient ends at its edge",
        13,
    )
    return d


DRAWINGS = (rnn_cell, lstm_cell, gru_cell, through_time, ragged_batch, truncation)


def write(folder: str | Path) -> None:
    """Write every picture into a folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    for draw in DRAWINGS:
        draw().save(Path(folder) / f"{draw.__name__}.svg")


if __name__ == "__main__":
    write(sys.argv[1])
