"""The network: two convolutions, two fully connected layers, and the input's normalisation."""

import torch
from torch import Tensor, nn
from torch.nn import functional

# Mean and standard deviation of the 60,000 training images as pixel / 255.
MEAN, DEVIATION = 0.1307, 0.3081


class DigitClassifier(nn.Module):
    """Images [n, 1, 28, 28] as pixel / 255 -> logits [n, 10], one per digit.

    The normalisation is a part of the network, so that whoever calls the served model sends plain
    pixel / 255 and cannot get it wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3)
        self.hidden = nn.Linear(32 * 5 * 5, 128)
        self.logits = nn.Linear(128, 10)

    def forward(self, image: Tensor) -> Tensor:
        features = (image - MEAN) / DEVIATION
        features = functional.max_pool2d(functional.relu(self.conv1(features)), 2)
        features = functional.max_pool2d(functional.relu(self.conv2(features)), 2)
        return self.logits(functional.relu(self.hidden(torch.flatten(features, 1))))
