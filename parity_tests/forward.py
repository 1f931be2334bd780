"""The forward pass alone, judged: all that a deployed network has, and seconds where training steps take minutes."""

from itertools import takewhile

from parity.compare import Comparison
from parity.integrity import check_pair
from parity.stages import judge_stages
from parity.trace import Record


def compare_forward(legacy: Record, port: Record, request: Record) -> Comparison:
    """As `parity.compare`, up to the loss: whether the traces may be compared, then every stage before a gradient."""
    doubts = check_pair(legacy, port, request=request)
    stages = judge_stages(legacy, port, request=request, truth={}) if not doubts else ()
    forward = takewhile(lambda finding: not finding.stage.startswith("grad/"), stages)
    return Comparison(legacy, port, (*doubts, *forward), {})
