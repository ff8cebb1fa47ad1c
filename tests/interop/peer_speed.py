"""Time imported models against their own programs: python -m tests.interop.peer_speed

Not collected by pytest: needs the corpus, and torch, Keras and ONNX Runtime. Each contender runs
in a process of its own with one thread; outputs are compared first; rounds are taken in turns.
"""

import json
import multiprocessing
import os
import sys
import time

import numpy as np

from tests.support.interop import CORPUS

ROUNDS, SECONDS = 11, 0.1
KERAS = ("keras3-emg-lstm16", "keras3-qqq-gru", "keras3-rul-lstm4-bn")
ONNX = ("onnx-dtln-1", "onnx-gtcrn-nodes", "onnx-nnsplit-byte-bilstm", "onnx-silero-vad-16k-op15",
        "onnx-burn-lstm_bidirectional")  # fmt: skip
TORCH = {
    "torch-emotion-bilstm": "bilstm",
    "torch-stock-lstm-1x16": "lstm",
    "torch-legacy-basic-classifier": "_seq2seq_encoder._module",
}


def inputs(task):
    """Return the inputs of a task by name, without those of single nodes."""
    with np.load(CORPUS / task / "vectors.npz") as arrays:
        given = {k[3:]: v for k, v in arrays.items() if k.startswith("in.")}
    if task in TORCH:
        return {"x": given[f"{TORCH[task]}.x"]}
    return {k.removeprefix("graph."): v for k, v in given.items() if not k.startswith("node")}


def path_of(task):
    about = json.loads((CORPUS / task / "task.json").read_text())
    return CORPUS / task / about["files"][0]


def ours(task):
    from bptt.interop import load

    model, given = load(path_of(task)), inputs(task)
    if task in TORCH:
        model = model.modules[TORCH[task]]
    if task in ONNX:
        return lambda: next(iter(model.graph.run(given).values()))
    return lambda: model.run(given["x"])


def theirs(task):
    given = inputs(task)
    if task in ONNX:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(path_of(task), options, ["CPUExecutionProvider"])
        return lambda: session.run(None, given)[0]
    import torch

    torch.set_num_threads(1)
    x = torch.from_numpy(given["x"])
    if task in KERAS:
        import keras

        model = keras.models.load_model(path_of(task), compile=False)

        def call():
            with torch.no_grad():
                return model(x, training=False).cpu().numpy()

        return call
    state = torch.load(path_of(task), map_location="cpu", weights_only=True)
    while "state_dict" in state or "model_state_dict" in state:
        state = state.get("state_dict") or state["model_state_dict"]
    start = f"{TORCH[task]}."
    own = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
    module = torch.nn.LSTM(x.shape[2], own["weight_hh_l0"].shape[1], batch_first=True,
                           bidirectional="weight_hh_l0_reverse" in own)  # fmt: skip
    module.load_state_dict(own)

    def run():
        with torch.no_grad():
            return module(x)[0].numpy()

    return run


def worker(which, task, pipe):
    """Send the output, then the microseconds of a call each time that one is wanted."""
    try:
        call = {"ours": ours, "theirs": theirs}[which](task)
        y = call()
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}"[:200])
        return
    pipe.send(y)
    for _ in range(3):  # a plan is made by the second call
        call()
    began = time.perf_counter()
    call()
    number = max(1, int(SECONDS / (time.perf_counter() - began)))
    while pipe.recv():
        began = time.perf_counter()
        for _ in range(number):
            call()
        pipe.send((time.perf_counter() - began) / number * 1e6)


def compare(task):
    """Return the row of a task."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for which in ("ours", "theirs"):
        here, there = context.Pipe()
        processes.append(context.Process(target=worker, args=(which, task, there), daemon=True))
        processes[-1].start()
        there.close()
        pipes.append(here)
    outputs = [pipe.recv() for pipe in pipes]
    for y in outputs:
        if isinstance(y, str):
            return f"| {task} | {y} | | | |"
    difference = float(np.abs(outputs[0] - outputs[1]).max())
    np.testing.assert_allclose(*outputs, rtol=1e-4, atol=2e-5)
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for pipe, own in zip(pipes, times, strict=True):
            pipe.send(True)
            own.append(pipe.recv())
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(False)
        process.join()
    a, b = map(np.median, times)
    return f"| {task} | {a:.1f} | {b:.1f} | {b / a:.2f} | {difference:.1e} |"


def main():
    print("| task | bptt, us | own program, us | ratio | difference |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for task in sys.argv[1:] or [*KERAS, *ONNX, *TORCH]:
        print(compare(task), flush=True)


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch"}
    main()
