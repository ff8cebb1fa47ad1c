"""480 short series of motions: one global model, one model for each series, seasonal naive.

BasicMotions (UEA archive): 80 recordings of 100 steps at 10 Hz, six sensors each; here 480 series
of one value, each standardized by its first 80 steps. Trained on these; forecasts of 10 steps from
steps 80, 85 and 90. The naive forecast is the better one of the last value and the last 10 steps
(one second). A model of one series is trained for eight times as many epochs.
"""

import numpy as np
from common import Result, Task, parser, run, timed, with_epochs

from bptt import Forecaster
from bptt.readers import read_ts

TRAIN, HORIZON, WINDOW = 80, 10, 20
RECIPE = {"window": WINDOW, "horizon": HORIZON, "units": 32, "epochs": 5, "learning_rate": 3e-3}


def series(folder):
    """Return the series, each (100, 1), standardized by their first 80 steps."""
    (first, _), (second, _) = (
        read_ts(folder / "basic_motions" / f"BasicMotions_{part}.ts") for part in ("TRAIN", "TEST")
    )
    X = [*first, *second]
    columns = [np.asarray(x, np.float64)[:, [j]] for x in X for j in range(x.shape[1])]
    return [(c - c[:TRAIN].mean()) / c[:TRAIN].std() for c in columns]


def tested(model, x):
    return model.backtest(x, windows=3, stride=5)


def measure(arguments):
    X = series(arguments.data)
    recipe = with_epochs(RECIPE, arguments) | {"verbose": False}
    model, seconds = timed(Forecaster(**recipe).fit, [x[:TRAIN] for x in X])
    ours = tested(model, X).metrics()
    naive = min(
        model.backtest(X, windows=3, stride=5, season=s).metrics()["MAE"][1] for s in (1, 10)
    )
    alike = recipe | {"epochs": 8 * recipe["epochs"]}  # one series has few steps of training
    local = [tested(Forecaster(**alike).fit(x[:TRAIN]), x) for x in X]
    alone = float(np.mean([np.abs(t.forecast - t.actual).mean() for t in local]))
    mae = ours["MAE"][0]
    TASK.floor = f"one model for each series {alone:.4f}, seasonal naive {naive:.4f}"
    return Result(
        figure=f"{mae:.4f}",
        values={"mae": mae, "mase": ours["MASE"][0], "one for each": alone, "naive": naive},
        reached=bool(mae < min(alone, naive)),
        model=repr(model),
        train_seconds=seconds,
    )


TASK = Task(
    name="480 short series of motions, horizon 10",
    measure="MAE, scaled, last 20 steps",
    reach="< one model for each series and < seasonal naive",
    floor="",
    published="none on this split",
)

if __name__ == "__main__":
    run(TASK, measure, parser(__doc__).parse_args())
