"""The zoo: every known way that this port can go wrong, as mutations that the judge must catch, at the right stage."""

from parity_tests.mutation import Mutation
from parity_tests.zoo_data_path import DATA_PATH
from parity_tests.zoo_inputs import INPUTS
from parity_tests.zoo_network import NETWORK
from parity_tests.zoo_products import PRODUCTS
from parity_tests.zoo_training import TRAINING

ROWS = tuple(f"Z{number:02d}" for number in range(1, 41))
"""The published list of mistakes."""
ZOO: tuple[Mutation, ...] = INPUTS + NETWORK + TRAINING + DATA_PATH + PRODUCTS
