"""Tiny Shakespeare: the first 90 % to train on, the last 10 % scored, the state carried through."""

from common import Result, Task, parser, run, timed, with_epochs

from bptt import LanguageModel
from bptt.corpus import read_text

RECIPES = {  # minutes of training on two cores -> what fits in them
    6: {
        "units": 512, "dropout": 0.4, "batch_size": 32, "seq_length": 100, "epochs": 11,
        "schedule": "cosine", "warmup": 100, "learning_rate": 3e-3,
    },
    20: {
        "units": 640, "dropout": 0.5, "batch_size": 32, "seq_length": 100, "epochs": 18,
        "schedule": "cosine", "warmup": 100, "learning_rate": 3e-3,
    },
}  # fmt: skip
REACH = {6: 1.52, 20: 1.47}


def measure(arguments):
    text = read_text(arguments.data / "tinyshakespeare" / "input.txt")
    n = int(0.9 * len(text))
    model = LanguageModel(**with_epochs(RECIPES[arguments.minutes], arguments))
    _, seconds = timed(model.fit, text[:n], validation=text[n:])
    nats = model.score(text[n:])
    reach = REACH[arguments.minutes]
    return Result(
        figure=f"{nats:.3f}",
        values={"nats": nats, "minutes": arguments.minutes, "history": model.history_},
        reached=nats <= reach and seconds <= 60 * arguments.minutes,
        model=repr(model),
        train_seconds=seconds,
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--minutes", type=int, choices=[6, 20], default=6, help="of training")
    chosen = options.parse_args()
    task = Task(
        name=f"tiny Shakespeare, {chosen.minutes} minutes",
        measure="nats per character, last 10 %",
        reach=f"<= {REACH[chosen.minutes]}, trained within {chosen.minutes} min",
        floor="5-gram 1.669",
        published="nanoGPT 1.470 (6 layers, 384); 3 layers, 384: minLSTM 1.555, minGRU 1.548, "
        "Transformer 1.547; PyTorch LSTM 256, dropout 0.2, 12 epochs: 1.535 in 7 min here",
    )
    run(task, measure, chosen)
