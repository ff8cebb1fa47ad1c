"""Universal parts of speech of English (UD EWT): trained on train, scored on dev."""

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs

from bptt import SequenceTagger
from bptt.readers import read_conll

TASK = Task(
    name="UD English EWT, UPOS",
    measure="accuracy over words, dev",
    reach=">= 92 %",
    floor="each word's most frequent tag 86.1 %",
    published="BiLSTM taggers without pretrained vectors 93-95 %; fine-tuned Transformers 97 % "
    "(on test)",
)
REACH = 0.92
RECIPE = {
    "units": 128, "embedding": 64, "char_units": 32, "dropout": 0.4, "input_dropout": 0.2,
    "batch_size": 32, "epochs": 8, "schedule": "cosine", "learning_rate": 3e-3,
}  # fmt: skip


def measure(arguments):
    folder = arguments.data / "ud_english_ewt"
    X, y = read_conll(folder / "train.tsv")
    X_dev, y_dev = read_conll(folder / "dev.tsv")
    model = SequenceTagger(**with_epochs(RECIPE, arguments))
    _, seconds = timed(model.fit, X, y)
    predicted = np.concatenate(model.predict(X_dev))
    truth = np.concatenate(y_dev)
    known = {word for sentence in X for word in sentence}
    unseen = np.array([word not in known for sentence in X_dev for word in sentence])
    accuracy, on_unseen = np.mean(predicted == truth), np.mean((predicted == truth)[unseen])
    return Result(
        figure=f"{100 * accuracy:.1f} % (unseen words {100 * on_unseen:.1f} %)",
        values={"accuracy": float(accuracy), "unseen": float(on_unseen)},
        reached=bool(accuracy >= REACH),
        model=repr(model),
        train_seconds=seconds,
    )


if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
