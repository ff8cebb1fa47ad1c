"""`bptt convert`, `bptt run`, and `bptt info` of files of other programs."""

import wave

import numpy as np
import pytest

import bptt
from bptt.interop import ResidualNetwork, load, to_nam, to_rtneural, to_torch
from bptt.interop.wav import Sound, read_wav, write_wav
from bptt.layers import LSTM, Dense
from bptt.network import Network


def amplifier(kind=Network, n_in=1):
    network = kind([LSTM(n_in, 4), Dense(4, 1)])
    return network, network.init(np.random.default_rng(0))


def test_info_shows_a_state_dict_layer_by_layer(run):
    to_torch(amplifier(), "a.pt")
    status, out, err = run("info", "a.pt")
    assert (status, err) == (0, "")
    assert out.startswith("a.pt: PyTorch (zip)\n")
    assert "lstm0: LSTM(1, 4)" in out
    assert "dense0: Dense(4, 1)" in out
    assert "bptt runs 2 parts" in out


def test_info_says_that_a_model_runs_as_a_whole_or_why_not(run, tmp_path):
    to_nam(amplifier(), "a.nam", sample_rate=48000)
    out = run("info", "a.nam")[1]
    assert "sample_rate: 48000" in out
    assert "bptt runs it as a whole" in out
    (tmp_path / "w.nam").write_text('{"architecture": "WaveNet", "weights": []}')
    status, out, err = run("info", "w.nam")
    assert (status, out) == (2, "")
    assert "WaveNet of NAM; expected an LSTM" in err


def test_convert_takes_models_of_bptt_and_of_others(run, trained):
    to_torch(amplifier(), "a.pt")
    status, out, _ = run("convert", "a.pt", "a.nam", "--module", "lstm0", "--module", "dense0")
    assert status == 0
    assert out.splitlines()[-1] == "a.nam: LSTM(1, 4), Dense(4, 1); 101 parameters"
    x = np.ones((1, 5, 1), np.float32)
    network, parameters = amplifier()
    expected = network.forward(x, parameters)[0]
    np.testing.assert_array_equal(load("a.nam").run(x), expected)
    assert run("convert", trained, "own.safetensors")[0] == 0
    model = bptt.load(trained)
    back = load("own.safetensors").modules["lstm0"].parameters
    np.testing.assert_array_equal(back["lstm0.Wf"], model.parameters_["lstm0.Wf"])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("a.pt", "a.pt"), "read by this command"),
        (("a.pt", "a.txt"), "a.txt has .txt; expected one of"),
        (("a.pt", "b.pt"), "holds 2 modules and does not say how they are connected"),
        (("a.pt", "b.pt", "--module", "x"), "no module 'x'"),
        (("missing.pt", "b.pt"), "missing.pt cannot be read"),
    ],
)
def test_mistakes_of_convert(run, arguments, words):
    to_torch(amplifier(), "a.pt")
    status, _, err = run("convert", *arguments)
    assert status == 2
    assert words in err


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_run_gives_the_network_s_outputs_with_the_bits_of_the_input(run, bits, channels):
    network, parameters = amplifier(ResidualNetwork)
    to_rtneural((network, parameters), "a.json")
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (9000, channels)).astype(np.float32)
    write_wav("in.wav", Sound(samples, 44100, bits))
    heard = read_wav("in.wav")
    assert np.abs(heard.samples - samples).max() <= 0.51 * 2 ** (1 - bits) + 1e-7
    assert run("run", "a.json", "in.wav", "out.wav") == (0, "", "")
    with wave.open("out.wav") as file:
        assert (file.getsampwidth(), file.getframerate()) == (bits // 8, 44100)
    y = network.forward(heard.samples.T[:, :, np.newaxis], parameters)[0][:, :, 0].T
    assert np.abs(read_wav("out.wav").samples - y).max() <= 0.51 * 2 ** (1 - bits) + 1e-6


def test_run_says_what_does_not_fit(run, tmp_path):
    write_wav("in.wav", Sound(np.full((100, 1), 0.99, np.float32), 44100, 16))
    to_nam(amplifier(n_in=2), "knob.nam", sample_rate=48000)
    assert "knobs has 0 values; expected 1" in run("run", "knob.nam", "in.wav", "o.wav")[2]
    status, _, err = run("run", "knob.nam", "in.wav", "o.wav", "--knob", "0.5", "--prewarm", "0.1")
    assert status == 0
    assert "44100 samples a second; knob.nam was made for 48000" in err
    network, parameters = amplifier(ResidualNetwork)
    parameters["dense0.by"] += 1
    to_rtneural((network, parameters), "loud.json")
    assert "samples are beyond full scale" in run("run", "loud.json", "in.wav", "o.wav")[2]
    (tmp_path / "no.wav").write_bytes(b"RIFF1234")
    status, _, err = run("run", "loud.json", "no.wav", "o.wav")
    assert status == 2
    assert "no.wav" in err
