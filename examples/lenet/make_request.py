"""What both sides are given: python make_request.py REQUEST.npz float64 (or float32)."""

import sys

import numpy as np

from parity.question import probe_images, probe_weights, write_question

SHAPES = {"conv1": (4, 1, 4, 4), "conv2": (6, 4, 3, 3), "dense1": (24, 24), "dense2": (24, 5)}

random = np.random.RandomState(0)
given = probe_weights(SHAPES, random)
given["images"] = probe_images((10, 1, 16, 15), random)
given["labels"] = np.arange(10) % 5
training = {"steps": 5, "recorded": [1, 5], "batch_size": 4, "learning_rate": 0.01, "momentum": 0.9}
write_question(sys.argv[1], given, dtype=sys.argv[2], **training)
