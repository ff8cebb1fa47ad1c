"""The rows of the benchmark: what is compared with whom, and what must come out."""

from typing import NamedTuple

from .cases import CHARACTER_SIZES, PRODUCT, SIZES, Case, flops, valid_steps

# On a machine with 2 cores, float32. Peer's time / ours: above 1 bptt is faster.
FIVE = tuple(SIZES)
MIDDLE = ("small", "medium", "large")
STREAM = ("tiny", "medium", "large")  # of these sizes n_x and n_a only
# A layer reaches its goal too where it runs at this share of the peak: the least demanding counts,
# so that a verdict means the same on every CPU. A batch of one (tiny) is no matrix product.
SHARES = {"small": 0.75, "medium": 0.88, "large": 0.88, "xl": 0.88}
FASTER = 1.1  # instead of a share in the table of shares: times the fastest peer's speed


class Participant(NamedTuple):
    """A contender with something to compute."""

    contender: str
    case: Case
    threads: int = 0  # 0: all that the process may use


class Row(NamedTuple):
    """A table: one comparison at several sizes. Rows of the measure "share" make one table."""

    id: str
    title: str
    case: dict  # of `Case`, but for the size
    peers: tuple[str, ...]
    goals: dict[str, float]
    measure: str = "faster"  # or "ragged", "share": see `judge`
    what: str = ""
    threads: int = 0

    def ours(self, size):
        sizes = CHARACTER_SIZES if self.case["kind"] == "character" else SIZES
        return Participant("bptt", Case(**self.case, size=sizes[size]), self.threads)

    def references(self, size):
        """What ours is compared with: participants of the same rounds."""
        ours = self.ours(size)
        case = ours.case._replace(ragged=False) if self.measure == "ragged" else ours.case
        return [Participant(peer, case, self.threads) for peer in self.peers]

    def participants(self, size):
        """All that take turns: ours, its references, NumPy's product where a share is a goal."""
        found = [self.ours(size), *self.references(size)]
        return found + [product(found[0])] * (self.share(size) is not None)

    def share(self, size):
        """The share of the peak that is a goal beside the row's own, or None."""
        is_layer = self.case["kind"] == "layer" and self.measure != "ragged"
        return SHARES.get(size) if is_layer else None


def product(ours):
    """NumPy's product of square matrices, in the dtype and with the threads of a participant."""
    case = Case("product", PRODUCT, dtype=ours.case.dtype)
    return Participant("numpy", case, ours.threads)


def peak(ours):
    """The yardstick, in the dtype and with the threads of a participant."""
    return Participant("yardstick", Case("peak", (), dtype=ours.case.dtype), ours.threads)


class Figures(NamedTuple):
    """What is known of a row at a size; None where something is missing."""

    figure: float | None = None  # what is held to the goal, see `judge`
    ours: float | None = None  # seconds
    reference: float | None = None  # seconds of the fastest peer, or of the uniform batch
    share: float | None = None  # of the peak, of a layer
    goal: float | None = None  # the least demanding one, in the figure's unit
    held_to: str = ""  # which one that is, where it is not the row's own
    passed: bool | None = None


def judge(row, size, seconds):
    """Hold ours to the least demanding of the row's goals: the longest time that one allows.

    faster  figure: reference's time / ours, at least the goal.
    ragged  figure: ragged time / (uniform time x share of the steps that exist), at most the goal.
    share   figure: our FLOP/s / the peak, at least the goal.

    `seconds` maps a participant to its time (a product's and the peak's: per FLOP). No goal is
    missed while a peer is missing: it might be slow.
    """
    who = row.ours(size)
    ours = seconds.get(who)
    if ours is None:
        return Figures()
    reference = min((seconds[p] for p in row.references(size) if p in seconds), default=None)
    if row.measure == "ragged" and reference is not None:
        steps = valid_steps(who.case)
        reference *= steps / valid_steps(who.case._replace(ragged=False))
    at_peak = time_at(seconds.get(peak(who)), who.case)
    limit, held_to = max(limits(row, size, seconds, reference), default=(None, ""))
    passed = limit is not None and ours <= limit
    if not passed and reference is None and row.peers:
        passed = None
    share = at_peak / ours if at_peak else None
    unit = at_peak if row.measure == "share" else reference
    if not unit or not limit:
        return Figures(None, ours, reference, share, None, held_to, passed)
    figure, goal = unit / ours, unit / limit
    if row.measure == "ragged":
        figure, goal = 1 / figure, 1 / goal
    return Figures(figure, ours, reference, share, goal, held_to, passed)


def limits(row, size, seconds, reference):
    """The time that each goal allows and, where it is not the row's own, its name.

    A layer has a share of the peak for a goal, of the yardstick's speed or of NumPy's product's;
    beside it the row's ratio, in the table of shares `FASTER`.
    """
    who, goal, found = row.ours(size), row.goals[size], []
    if reference is not None:
        ratio = {"faster": 1 / goal, "ragged": goal, "share": 1 / FASTER}[row.measure]
        found.append((ratio * reference, f"{FASTER:g} x peer" * (row.measure == "share")))
    if share := row.share(size):
        name = "" if row.measure == "share" else f"share {share:g}"
        for yardstick, held_to in ((peak(who), name), (product(who), f"{share:g} x product")):
            if yardstick in seconds:
                found.append((time_at(seconds[yardstick], who.case) / share, held_to))
    return found


def time_at(seconds_per_operation, case):
    """Seconds of a layer's products at a given speed; None where there is none."""
    if seconds_per_operation is None or case.kind != "layer":
        return None
    return flops(case) * seconds_per_operation


def _goals(sizes, *goals):
    return dict(zip(sizes, goals, strict=True))


LAYER = {"kind": "layer"}
BOTH = "Gradients of the parameters, of x and of the initial state, from gradients on every output "
BOTH += "and on the final state."
PACKED = (
    "Lengths uniform from 10 to 100 % of T_x, in no order; padded batch in, padded batch out. "
    "PyTorch: pack_padded_sequence(enforce_sorted=False), nn.LSTM, pad_packed_sequence. "
)
INFERENCE, DOUBLE = {"backward": False}, {"dtype": "float64"}
COMPUTED = [  # the table of shares: a layer, its peers, its threads (0: all)
    (LAYER | INFERENCE, ("torch", "ort"), 1),
    (LAYER | INFERENCE, ("torch", "ort"), 0),
    (LAYER, ("torch",), 1),
    (LAYER, ("torch", "jax"), 0),
    (LAYER | DOUBLE | INFERENCE, ("torch",), 1),
    (LAYER | DOUBLE | INFERENCE, ("torch",), 0),
    (LAYER | DOUBLE, ("torch",), 1),
    (LAYER | DOUBLE, ("torch",), 0),
    (LAYER | {"cell": "gru_reset_after"}, ("torch",), 0),
    (LAYER | {"cell": "gru"}, (), 0),
    (LAYER | {"cell": "rnn"}, ("torch",), 0),
]
ROWS = [
    Row(
        "lstm-fwd", "LSTM forward vs PyTorch", LAYER | INFERENCE, ("torch",),
        _goals(FIVE, 4, 1.7, 1.4, 1.15, 1.1), what="Inference: no tape, inference_mode.",
    ),
    Row(
        "lstm", "LSTM forward + backward vs PyTorch", LAYER, ("torch",),
        _goals(FIVE, 4, 1.7, 1.25, 1.15, 1.1), what=BOTH,
    ),
    Row(
        "gru", "GRU (reset after) forward + backward vs PyTorch",
        LAYER | {"cell": "gru_reset_after"}, ("torch",),
        _goals(FIVE, 60, 6, 3, 1.5, 1.1), what=BOTH,
    ),
    Row(
        "rnn", "RNN (tanh) forward + backward vs PyTorch", LAYER | {"cell": "rnn"}, ("torch",),
        _goals(FIVE, 40, 8, 3, 1.3, 1.1), what=BOTH,
    ),
    Row(
        "lstm-fwd-ort", "LSTM forward vs ONNX Runtime", LAYER | INFERENCE, ("ort",),
        _goals(FIVE, 1.4, 1.05, 1.15, 1.05, 1.05), what="Inference.",
    ),
    Row(
        "lstm-jax", "LSTM forward + backward vs JAX", LAYER, ("jax",),
        _goals(FIVE, 3, 3, 3.5, 2, 1.6), what=BOTH,
    ),
    Row(
        "ragged", "Ragged LSTM forward + backward vs PyTorch packed",
        LAYER | {"ragged": True}, ("torch",), _goals(MIDDLE, 10, 8, 5), what=PACKED + BOTH,
    ),
    Row(
        "float64", "LSTM forward + backward in float64 vs PyTorch",
        LAYER | DOUBLE, ("torch",), _goals(MIDDLE, 5, 3, 2), what=BOTH,
    ),
    Row(
        "stream-ort", "One streaming LSTM step through Python vs ONNX Runtime",
        {"kind": "stream"}, ("ort",), _goals(STREAM, 3.5, 2, 1.3),
        what="Batch 1, state fed back; NumPy array in, NumPy array out.",
    ),
    Row(
        "stream-torch", "One streaming LSTM step through Python vs PyTorch LSTMCell",
        {"kind": "stream"}, ("torch",), _goals(STREAM, 8, 4, 2.5),
        what="Batch 1, inference mode entered once for all steps; tensor in, tensor out.",
    ),
    Row(
        "ragged-cost", "Ragged time / (uniform time x valid share), LSTM forward + backward",
        LAYER | {"ragged": True}, ("bptt",), _goals(("medium", "large"), 1.15, 1.15), "ragged",
        "bptt against itself. 1: padding costs nothing.",
    ),
    Row(
        "character", "Character model, one training step vs PyTorch",
        {"kind": "character"}, ("torch",), _goals(CHARACTER_SIZES, 2.2, 1.8, 1.5),
        what="Embedding (64), LSTM, output layer, loss, clipping, Adam; 96 characters and the "
        "unknown one. Size: units x layers.",
    ),
    Row(
        "course", "bptt.lstm_forward + lstm_backward, float64 vs bptt.equations",
        {"kind": "course", "dtype": "float64"}, ("numpy",), _goals(("small", "medium"), 8, 8),
        what="The course functions, output layer and caches included, against the NumPy loop.",
    ),
    *(
        Row("share", "Share of the peak", case, peers, SHARES, "share", threads=threads)
        for case, peers, threads in COMPUTED
    ),
]  # fmt: skip
