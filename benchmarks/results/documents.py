"""Short texts, each a document: US names, or tunes in ABC notation; 80/10/10, test part scored."""

from common import Result, Task, parser, run, thirds, timed, with_epochs

from bptt import LanguageModel
from bptt.corpus import read_documents

TASKS = {
    "names": Task(
        name="US names",
        measure="nats per character and end mark, test 10 %",
        reach="<= 2.00",
        floor="5-gram 2.037",
        published="makemore: Transformer (200 K parameters) about 1.92, RNN and GRU about 2.0",
    ),
    "tunes": Task(
        name="Nottingham tunes, ABC",
        measure="nats per character and end mark, test 10 % of the tunes",
        reach="<= 1.10",
        floor="5-gram 1.352",
        published="none for this encoding",
    ),
}
REACH = {"names": 2.00, "tunes": 1.10}
RECIPES = {
    "names": {
        "units": 128, "embedding": 32, "dropout": 0.3, "batch_size": 64, "epochs": 25,
        "schedule": "cosine", "learning_rate": 3e-3, "patience": 5,
    },
    "tunes": {
        "units": 256, "dropout": 0.3, "batch_size": 16, "seq_length": 96, "epochs": 25,
        "schedule": "cosine", "learning_rate": 3e-3, "patience": 5,
    },
}  # fmt: skip


def read(arguments):
    if arguments.task == "names":
        return read_documents(arguments.data / "names_us" / "names.txt", "line")
    return read_documents(sorted((arguments.data / "nottingham_abc").glob("*.abc")), "paragraph")


def measure(arguments):
    training, validation, test = thirds(read(arguments))
    model = LanguageModel(**with_epochs(RECIPES[arguments.task], arguments))
    _, seconds = timed(model.fit, training, validation=validation)
    nats = model.cross_entropy(test)
    return Result(
        figure=f"{nats:.3f}",
        values={
            "nats": nats,
            "validation": model.cross_entropy(validation),
            "history": model.history_,
        },
        reached=nats <= REACH[arguments.task],
        model=repr(model),
        train_seconds=seconds,
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("task", choices=list(TASKS))
    chosen = options.parse_args()
    run(TASKS[chosen.task], measure, chosen)
