"""War and Peace: 80/10/10 in order; the middle tenth chooses the epoch, the last is scored."""

from common import Result, Task, parser, run, timed, with_epochs

from bptt import LanguageModel
from bptt.corpus import read_text

TASK = Task(
    name="War and Peace",
    measure="nats per character, last 10 %",
    reach="<= 1.25, trained within 15 min",
    floor="6-gram 1.344, 5-gram 1.383",
    published="LSTM 256: 1.189, 512: 1.161; two layers of 512: 1.092; best 1.077; 20-gram 1.195 "
    "(Karpathy et al. 2015; with CR LF line ends, about 2 % lower for the same model)",
)
REACH = 1.25
RECIPE = {
    "units": 512, "dropout": 0.2, "batch_size": 64, "seq_length": 100, "epochs": 8,
    "schedule": "cosine", "warmup": 100, "learning_rate": 3e-3,
}  # fmt: skip


def measure(arguments):
    text = read_text(arguments.data / "war_and_peace" / "input.txt")
    a, b = int(0.8 * len(text)), int(0.9 * len(text))
    model = LanguageModel(**with_epochs(RECIPE, arguments), patience=3)
    _, seconds = timed(model.fit, text[:a], validation=text[a:b])
    nats = model.cross_entropy(text[b:])
    return Result(
        figure=f"{nats:.3f}",
        values={"nats": nats, "history": model.history_},
        reached=nats <= REACH and seconds <= 15 * 60,
        model=repr(model),
        train_seconds=seconds,
    )


if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
