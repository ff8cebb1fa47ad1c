"""Names by nationality: 18 classes, names de-duplicated, stratified 80/20.

The floor is fitted on the same split: a logistic regression of scikit-learn on character n-grams,
its n, its C and its class weights chosen by cross-validation on the training part.
"""

import warnings
from collections import Counter

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from bptt import SequenceClassifier
from bptt.corpus import read_documents

TASK = Task(
    name="names by nationality",
    measure="accuracy / macro-F1, test",
    reach="above a character n-gram logistic regression",
    floor="",  # below
    published="none (the tutorial shows a confusion matrix)",
)
# Fitted with --fit-floor (ten minutes on one core): the best by accuracy, and by macro-F1.
FLOORS = {"accuracy": (0.8310, 0.479), "f1_macro": (0.8279, 0.519)}
RECIPE = {
    "cell": "lstm", "units": 192, "bidirectional": True, "embedding": 64, "pooling": "max",
    "dropout": 0.5, "input_dropout": 0.3, "batch_size": 64, "epochs": 25, "schedule": "cosine",
    "learning_rate": 3e-3, "optimizer": "adamw", "weight_decay": 0.01,
}  # fmt: skip
MODELS = 3  # their probabilities are averaged
WEIGHTS = (
    0.25  # a language's names weigh (mean count / count) to this power: Russian has half of all
)


def split(data, seed=0):
    """Return training and test names and their languages."""
    pairs = sorted(
        {
            (name.strip(), path.stem)
            for path in (data / "names_by_nationality").glob("*.txt")
            for name in read_documents(path, "line")
        }
    )
    names, languages = zip(*pairs, strict=True)
    return train_test_split(
        list(names), list(languages), test_size=0.2, stratify=languages, random_state=seed
    )


def scores(truth, predicted):
    return accuracy_score(truth, predicted), f1_score(truth, predicted, average="macro")


def logistic_regression(X, y, scoring):
    """Fit the floor: TF-IDF of character n-grams, the best of a small grid by the given score."""
    pipeline = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", sublinear_tf=True), LogisticRegression(max_iter=300)
    )
    grid = {
        "tfidfvectorizer__ngram_range": [(1, 3), (1, 4), (1, 5)],
        "logisticregression__C": [3, 10, 30],
        "logisticregression__class_weight": [None, "balanced"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GridSearchCV(pipeline, grid, scoring=scoring, cv=3).fit(X, y)


def measure(arguments):
    X, X_test, y, y_test = split(arguments.data)
    floors = FLOORS
    if arguments.fit_floor:
        fitted = {by: logistic_regression(X, y, by).predict(X_test) for by in FLOORS}
        floors = {by: scores(y_test, predicted) for by, predicted in fitted.items()}
    texts = (f"{100 * a:.1f} % / {f1:.3f} (chosen by {by})" for by, (a, f1) in floors.items())
    TASK.floor = "logistic regression " + ", ".join(texts)
    counts = Counter(y)
    mean = len(y) / len(counts)
    weights = {language: (mean / n) ** WEIGHTS for language, n in counts.items()}
    singles, probabilities, total = [], [], 0.0
    for seed in range(arguments.seed, arguments.seed + MODELS):
        recipe = with_epochs(RECIPE, arguments) | {"seed": seed, "class_weight": weights}
        model = SequenceClassifier(**recipe)
        _, seconds = timed(model.fit, X, y)
        total += seconds
        probabilities.append(model.predict_proba(X_test))
        singles.append(scores(y_test, model.classes_[probabilities[-1].argmax(axis=1)]))
        print(f"seed {seed}: {100 * singles[-1][0]:.1f} % / {singles[-1][1]:.3f}", flush=True)
    together = np.mean(probabilities, axis=0).argmax(axis=1)
    accuracy, f1 = scores(y_test, model.classes_[together])
    one, one_f1 = np.mean(singles, axis=0)
    return Result(
        figure=f"{100 * accuracy:.1f} % / {f1:.3f} (one model: {100 * one:.1f} % / {one_f1:.3f})",
        values={"accuracy": accuracy, "macro_f1": f1, "singles": singles, "floors": floors},
        reached=all(accuracy > a and f1 > f for a, f in floors.values()),
        model=f"{MODELS} x {model.set_params(class_weight=None)!r}, class weights",
        train_seconds=total,
    )


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--fit-floor", action="store_true", help="fit the floor again, too")
    run(TASK, measure, options.parse_args())
