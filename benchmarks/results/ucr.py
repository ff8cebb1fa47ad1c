"""Sequence classification on the official splits of the UEA and UCR archives."""

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs

from bptt import SequenceClassifier
from bptt.readers import read_ts

FILES = {
    "vowels": "japanese_vowels/JapaneseVowels",
    "italy": "italy_power_demand/ItalyPowerDemand",
    "motions": "basic_motions/BasicMotions",
    "plaid": "plaid/PLAID",
}
TASKS = {
    "vowels": Task(
        name="Japanese vowels",
        measure="accuracy, test, mean of 5 seeds",
        reach=">= 97 %",
        floor="1-NN on channel means 93.5 %, means and deviations 94.6 %",
        published="DTW 94.9, ROCKET 96.2, LSTM 79.7, LSTNet 98.1, TCN 98.9, Transformer 98.7 %",
    ),
    "italy": Task(
        name="Italy power demand",
        measure="accuracy, test, mean of 5 seeds",
        reach="> 52.2 %",
        floor="1-NN on mean and deviation 52.2 %",
        published="1-NN DTW 95, LSTM-FCN about 96 %",
    ),
    "motions": Task(
        name="basic motions",
        measure="accuracy, test, mean of 5 seeds",
        reach="> 92.5 %",
        floor="1-NN on means and deviations 92.5 %",
        published="DTW and most networks 97.5-100 %",
    ),
    "plaid": Task(
        name="PLAID",
        measure="accuracy, test, mean of 5 seeds",
        reach="> 70.4 %",
        floor="majority 16.2 %, 1-NN on mean and deviation 70.4 %",
        published="1-NN DTW about 84 %",
    ),
}
REACH = {"vowels": 0.97, "italy": 0.522, "motions": 0.925, "plaid": 0.704}
COMMON = {"bidirectional": True, "schedule": "cosine", "learning_rate": 3e-3}
RECIPES = {
    "vowels": {"units": 100, "pooling": "mean", "dropout": 0.4, "batch_size": 27, "epochs": 60},
    "italy": {"units": 64, "pooling": "mean", "dropout": 0.2, "batch_size": 16, "epochs": 100},
    "motions": {
        "cell": "gru",
        "units": 64,
        "pooling": "max",
        "dropout": 0.3,
        "batch_size": 8,
        "epochs": 100,
    },
    "plaid": {
        "cell": "gru",
        "units": 96,
        "pooling": "max",
        "dropout": 0.5,
        "batch_size": 16,
        "epochs": 100,
    },
}


FRAME = 10  # samples of a step: PLAID is a current that swings hundreds of times


def frames(x):
    """Cut one channel into frames; arcsinh, because currents of 1 mA and of 20 A both matter."""
    x = np.arcsinh(x / 1e-3)
    return x[: len(x) // FRAME * FRAME].reshape(-1, FRAME)


def measure(arguments):
    path = arguments.data / FILES[arguments.task]
    X, y = read_ts(f"{path}_TRAIN.ts")
    X_test, y_test = read_ts(f"{path}_TEST.ts")
    if arguments.task == "plaid":
        X, X_test = list(map(frames, X)), list(map(frames, X_test))
    accuracies, total = [], 0.0
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        recipe = with_epochs(COMMON | RECIPES[arguments.task], arguments) | {"seed": seed}
        model = SequenceClassifier(**recipe)
        _, seconds = timed(model.fit, X, y, progress="silent")
        total += seconds
        accuracies.append(float(np.mean(model.predict(X_test) == np.array(y_test))))
        print(f"seed {seed}: {100 * accuracies[-1]:.1f} %, {seconds:.0f} s", flush=True)
    mean, least = np.mean(accuracies), min(accuracies)
    reach = REACH[arguments.task]
    return Result(
        figure=f"{100 * mean:.1f} % (least {100 * least:.1f} %)",
        values={"accuracies": accuracies},
        reached=bool(mean >= reach if arguments.task == "vowels" else mean > reach),
        model=repr(model),
        train_seconds=total,
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("task", choices=list(TASKS))
    options.add_argument("--runs", type=int, default=5, help="seeds: --seed, --seed + 1, ...")
    chosen = options.parse_args()
    run(TASKS[chosen.task], measure, chosen)
