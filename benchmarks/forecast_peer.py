"""bptt's forecaster against neuralforecast's LSTM: accuracy, training time, installed size.

    python benchmarks/forecast_peer.py --peer ~/peer/bin/python --data ../shared/data

`--peer` is a Python that has neuralforecast. Both forecast the oil temperature of ETTh1
(standardized by the training part) by the same windows: 96 steps before, 24 after, 32 units, one
layer, batches of 32 windows, as many training steps, Adam with the same learning rate, squared
error. Trained on 12 months, tested on all windows of months 17 to 20. Each runs in a process of its
own, on two threads; the time is that of fit.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

WINDOW, HORIZON, UNITS, BATCH, RATE, SEED = 96, 24, 32, 32, 1e-3, 0
MONTH = 720  # hours
TRAIN, VALIDATION, TEST = 12 * MONTH, 16 * MONTH, 20 * MONTH


def values(data):
    path = Path(data) / "etth1" / "ETTh1.csv"
    x = np.loadtxt(path, delimiter=",", skiprows=1, usecols=7)[:TEST]
    return (x - x[:TRAIN].mean()) / x[:TRAIN].std()


def ours(z, epochs):
    from bptt import Forecaster

    model = Forecaster(
        window=WINDOW, horizon=HORIZON, units=UNITS, batch_size=BATCH, learning_rate=RATE,
        epochs=epochs, seed=SEED, verbose=False,
    )  # fmt: skip
    began = time.perf_counter()
    model.fit(z[:TRAIN])
    seconds = time.perf_counter() - began
    forecast, actual = model.backtest(z[VALIDATION - WINDOW :])
    return seconds, float(np.mean((forecast - actual) ** 2))


def theirs(z, epochs):
    import logging
    import warnings

    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    import pandas as pd
    import torch
    from neuralforecast import NeuralForecast
    from neuralforecast.losses.pytorch import MSE
    from neuralforecast.models import LSTM
    from neuralforecast.tsdataset import TimeSeriesDataset

    torch.set_num_threads(2)
    steps = epochs * -(-(TRAIN - WINDOW - HORIZON + 1) // BATCH)
    shown = "enable_progress_bar", "logger", "enable_checkpointing", "enable_model_summary"
    quiet = dict.fromkeys(shown, False)
    model = LSTM(
        h=HORIZON, h_train=HORIZON, input_size=WINDOW, encoder_n_layers=1, decoder_layers=1,
        encoder_hidden_size=UNITS, loss=MSE(), max_steps=steps, learning_rate=RATE, batch_size=1,
        windows_batch_size=BATCH, scaler_type="standard", random_seed=SEED, accelerator="cpu",
        **quiet,
    )  # fmt: skip
    hours = pd.date_range("2016-07-01", periods=len(z), freq="h")
    table = pd.DataFrame({"unique_id": "OT", "ds": hours, "y": z.astype(np.float32)})
    forecaster = NeuralForecast([model], freq="h")
    began = time.perf_counter()
    forecaster.fit(table[:TRAIN])
    seconds = time.perf_counter() - began
    fitted = forecaster.models[0]
    data, *_ = TimeSeriesDataset.from_df(table[VALIDATION - WINDOW :])
    fitted.set_test_size(TEST - VALIDATION)
    forecast = np.asarray(fitted.predict(data, step_size=1)).reshape(-1, HORIZON)
    at = VALIDATION + np.arange(len(forecast))[:, np.newaxis] + np.arange(HORIZON)
    return seconds, float(np.mean((forecast - z[at]) ** 2))


SIZES = """
import importlib.metadata as md, os, re, sys
seen, todo, total = set(), sys.argv[1:], 0
while todo:
    name = todo.pop()
    if name in seen:
        continue
    seen.add(name)
    try:
        package = md.distribution(name)
    except md.PackageNotFoundError:
        continue
    places = [package.locate_file(f) for f in package.files or ()]
    total += sum(os.path.getsize(p) for p in places if os.path.exists(p))
    needs = [r for r in package.requires or () if "extra ==" not in r]
    todo += [re.match("[A-Za-z0-9._-]+", r)[0].lower() for r in needs]
print(total / 1e6)
"""


def size(python, *packages):
    """Return the size in MB of packages and everything that they need, as installed."""
    return float(subprocess.check_output([python, "-c", SIZES, *packages]))


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--peer", help="a Python that has neuralforecast")
    options.add_argument("--data", default=str(Path(__file__).parents[2] / "shared" / "data"))
    options.add_argument("--epochs", type=int, default=2)
    options.add_argument("--run", choices=("ours", "theirs"), help="one of them, in this process")
    chosen = options.parse_args()
    if chosen.run:
        run = ours if chosen.run == "ours" else theirs
        print(json.dumps(run(values(chosen.data), chosen.epochs)))
        return
    arguments = ["--data", chosen.data, "--epochs", str(chosen.epochs), "--run"]
    results = {}
    for name, python in (("ours", sys.executable), ("theirs", chosen.peer)):
        out = subprocess.check_output([python, __file__, *arguments, name], text=True)
        results[name] = json.loads(out.strip().splitlines()[-1])
    (own, error), (other, peer) = results["ours"], results["theirs"]
    print(f"MSE, scaled      bptt {error:.4f}   neuralforecast {peer:.4f}")
    print(f"training         bptt {own:.2f} s   neuralforecast {other:.2f} s   {other / own:.1f} x")
    mine = size(sys.executable, "numpy", "safetensors", "typer", "rich")  # without bptt itself
    peers = size(chosen.peer, "neuralforecast")
    print(f"needed packages  bptt {mine:.0f} MB   neuralforecast {peers:.0f} MB")


if __name__ == "__main__":
    main()
