"""ETTh1, horizon 24: trained on 12 months, tested on every window of the last 4 of 20.

Months have 30 days, as in Informer (Zhou et al. 2021). Values are scaled with mean and standard
deviation of the training part; the MSE is that of scaled values over all test windows.
"""

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs

from bptt import Forecaster
from bptt.readers import read_series

HORIZON = 24
MONTH = 30 * 24  # hours
TRAIN, VALIDATION, TEST = 12 * MONTH, 16 * MONTH, 20 * MONTH  # ends
FLOOR = {"OT": 0.034, "all": 0.423}
PUBLISHED = {"OT": "LSTMa 0.114", "all": "LSTMa 0.650"}
RECIPES = {
    "OT": {"window": 96, "units": 32, "epochs": 4, "learning_rate": 1e-3},
    "all": {
        "window": 96, "units": 64, "dropout": 0.2, "batch_size": 64, "epochs": 5,
    },
}  # fmt: skip


def naive(z):
    """Return the MSE of the last value and of the same hour yesterday over all test windows."""
    starts = np.arange(VALIDATION, TEST - HORIZON + 1)
    hours = starts[:, np.newaxis] + np.arange(HORIZON)
    last, yesterday = z[starts - 1][:, np.newaxis], z[hours - HORIZON]
    return [float(np.mean((z[hours] - guess) ** 2)) for guess in (last, yesterday)]


def measure(arguments):
    name = arguments.series
    columns = ["OT"] if name == "OT" else None
    (x,), _ = read_series(arguments.data / "etth1" / "ETTh1.csv", columns=columns)
    x = x[:TEST].astype(np.float64)
    mean, scale = x[:TRAIN].mean(axis=0), x[:TRAIN].std(axis=0)
    last, yesterday = naive((x - mean) / scale)
    TASKS[name].floor = f"last value {last:.4f}, same hour yesterday {yesterday:.4f}"
    recipe = RECIPES[name]
    model = Forecaster(**with_epochs(recipe, arguments), horizon=HORIZON, patience=3)
    validation = x[TRAIN - recipe["window"] : VALIDATION]
    _, seconds = timed(model.fit, x[:TRAIN], validation=validation)
    forecast, actual = model.backtest(x[VALIDATION - recipe["window"] :])
    assert len(forecast) == TEST - VALIDATION - HORIZON + 1
    mse = float(np.mean(((forecast - actual) / scale) ** 2))
    return Result(
        figure=f"{mse:.4f}",
        values={"mse": mse, "last": last, "yesterday": yesterday, "history": model.history_},
        reached=mse < min(FLOOR[name], last, yesterday),
        model=repr(model),
        train_seconds=seconds,
    )


TASKS = {
    name: Task(
        name=f"ETTh1, {'oil temperature' if name == 'OT' else 'seven series'}, horizon 24",
        measure="MSE, scaled, all test windows",
        reach=f"< {FLOOR[name]}",
        floor="",
        published=PUBLISHED[name] + " (Informer, 2021)",
    )
    for name in FLOOR
}

if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("series", choices=list(TASKS), help="oil temperature alone, or all seven")
    chosen = options.parse_args()
    run(TASKS[chosen.series], measure, chosen)
