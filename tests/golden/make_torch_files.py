"""Write the files of tests/golden/torch_files with torch; run by hand.

state.pt and legacy.th hold the state dict of a bidirectional GRU of two layers below a linear
layer, checkpoint.ckpt one of bfloat16 with Python numbers, an optimizer's state and NumPy scalars
beside it; expected.npz has an input and torch's outputs.
"""

from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from torch import nn

FOLDER = Path(__file__).with_name("torch_files")


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(2, 3, 2, batch_first=True, bidirectional=True)
        self.fc = nn.Linear(6, 2)

    def forward(self, x):
        return self.fc(self.rnn(x)[0])


torch.manual_seed(0)
model = Model()
x = torch.randn(2, 5, 2)
arrays = {"x": x.numpy(), "y": model(x).detach().numpy()}
torch.save(model.state_dict(), FOLDER / "state.pt")
torch.save(model.state_dict(), FOLDER / "legacy.th", _use_new_zipfile_serialization=False)
half = Model().to(torch.bfloat16)
torch.save(
    {
        "epoch": 7,
        "hparams": Namespace(units=3),
        "best": np.float64(0.25),
        "mean": np.array([1.0, 2.0], np.float32),
        "classes": ["a", "b"],
        "state_dict": half.state_dict(),
        "optimizer": torch.optim.Adam(half.parameters()).state_dict(),
    },
    FOLDER / "checkpoint.ckpt",
)
arrays["y_half"] = half.float()(x).detach().numpy()
np.savez_compressed(FOLDER / "expected.npz", **arrays)
print(torch.__version__)
