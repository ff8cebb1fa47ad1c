"""Tiny Shakespeare: the first 90 % to train on, the last 10 % scored, the state carried through."""

from common import Result, Task, parser, run, timed, with_epochs

from bptt import LanguageModel
from bptt.corpus import read_text

RECIPE = {
    "units": 512, "dropout": 0.4, "batch_size": 32, "seq_length": 100, "epochs": 11,
    "schedule": "cosine", "warmup": 100, "learning_rate": 3e-3,
}  # fmt: skip
TASK = Task(
    name="tiny Shakespeare",
    measure="nats per character, last 10 %",
    reach="<= 1.52, trained within 6 min; <= 1.47 within 20",
    floor="5-gram 1.669",
    published="nanoGPT 1.470 (6 layers, 384); 3 layers, 384: minLSTM 1.555, minGRU 1.548, "
    "Transformer 1.547; PyTorch LSTM 256, dropout 0.2, 12 epochs: 1.535 in 7 min here",
)


def measure(arguments):
    text = read_text(arguments.data / "tinyshakespeare" / "input.txt")
    n = int(0.9 * len(text))
    model = LanguageModel(**with_epochs(RECIPE, arguments))
    _, seconds = timed(model.fit, text[:n], validation=text[n:])
    nats = model.cross_entropy(text[n:])
    within = (nats <= 1.52 and seconds <= 6 * 60) and (nats <= 1.47 and seconds <= 20 * 60)
    return Result(
        figure=f"{nats:.3f}",
        values={"nats": nats, "history": model.history_},
        reached=within,
        model=repr(model),
        train_seconds=seconds,
    )


if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
