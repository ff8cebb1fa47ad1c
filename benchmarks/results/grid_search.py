"""scikit-learn's grid search over units and learning rate on Japanese vowels, two at a time."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # each of the two processes has one core

from common import clock, parser, timed
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from bptt import SequenceClassifier
from bptt.readers import read_ts

GRID = {"units": [16, 32, 64], "learning_rate": [0.002, 0.005, 0.01]}


def main(arguments):
    folder = f"{arguments.data}/japanese_vowels/JapaneseVowels_"
    training, test = read_ts(f"{folder}TRAIN.ts"), read_ts(f"{folder}TEST.ts")
    model = SequenceClassifier(
        cell="gru",
        bidirectional=True,
        pooling="mean",
        epochs=arguments.epochs or 30,
        validation_fraction=0,
        seed=arguments.seed,
    )
    folds = StratifiedKFold(3, shuffle=True, random_state=arguments.seed)
    search = GridSearchCV(model, GRID, cv=folds, n_jobs=2)
    _, seconds = timed(search.fit, training.X, training.y, progress="silent")
    results = search.cv_results_
    for point, mean, deviation in zip(
        results["params"], results["mean_test_score"], results["std_test_score"], strict=True
    ):
        print(f"{point}: {mean:.3f} +- {deviation:.3f}")
    fits = len(results["params"]) * 3 + 1
    print(f"best       {search.best_params_}: {search.best_score_:.3f} in cross-validation")
    print(f"test       {search.score(test.X, test.y):.3f} on the 370 test sequences")
    print(f"time       {fits} fits in {clock(seconds)}, two at a time")


if __name__ == "__main__":
    sys.exit(main(parser(__doc__).parse_args()))
