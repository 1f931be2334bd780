"""The network: every case before every witness, in the order of evidence."""

from parity.compare import Comparison
from parity.findings import Check, Verdict
from parity_tests.proceedings import Proceedings
from parity_tests.requirements import of, require

INPUTS = ("batch/", "target/")
LAYERS = ("conv1/", "conv2/", "conv3/", "output")


def test_traces_are_sound(comparison: Comparison) -> None:
    """Both traces are whole, fresh, from one request, two processes and one graph."""
    doubts = [finding.message for finding in comparison.findings if finding.check is Check.INTEGRITY]
    assert not doubts, "\n".join(doubts)
    assert comparison.legacy.manifest["side"] == "legacy"
    assert comparison.port.manifest["teacher_sha256"] == comparison.legacy.sha256


def test_weights_map_exactly(comparison: Comparison) -> None:
    """Every parameter the port holds is the original's, bit for bit, in the original's orientation."""
    require(comparison, Check.GIVEN)


def test_inputs_are_exact(comparison: Comparison) -> None:
    """Patches, normalisation and channel selection give the same bits."""
    require(comparison, Check.FORCED, Check.FREE, where=of(*INPUTS))


def test_original_agrees_with_numpy(comparison: Comparison) -> None:
    """Every stage of the original is what float64 numpy makes of the same inputs."""
    require(comparison, Check.REFERENCE)


def test_each_layer_on_the_originals_input(comparison: Comparison) -> None:
    """Each layer of the port, fed what the original's layer was fed, gives what the original gave."""
    require(comparison, Check.FORCED, where=of(*LAYERS, "loss"))


def test_whole_network(comparison: Comparison) -> None:
    """From the input on its own, the port's activations and loss are the original's."""
    require(comparison, Check.FREE, where=of(*LAYERS, "loss"))


def test_each_gradient_on_the_originals_input(comparison: Comparison) -> None:
    """Each gradient, computed from the original's activations and gradients, is the original's."""
    require(comparison, Check.FORCED, where=of("grad/"))


def test_gradients(comparison: Comparison) -> None:
    """Back from the loss on its own, every gradient is the original's, the input's included."""
    require(comparison, Check.FREE, where=of("grad/"))


def test_first_recorded_step(comparison: Comparison) -> None:
    """Velocity and weights after the first step recorded are the original's: step 1 in float64, the last in float32."""
    first = min(comparison.legacy.manifest["training"]["recorded"])
    require(comparison, Check.TRAJECTORY, where=of(f"step/{first:04d}/"))


def test_many_steps(comparison: Comparison) -> None:
    """After 200 steps both are where float64 numpy says, float32 as near as the original's own float32."""
    require(comparison, Check.TRAJECTORY, Check.TRUTH, where=of("step/"))


def test_loss_curve(comparison: Comparison) -> None:
    """The losses of 200 steps are the original's."""
    require(comparison, Check.TRAJECTORY, Check.TRUTH, where=of("loss/curve"))


def test_every_stage_is_forced(comparison: Comparison) -> None:
    """Each stage computed from others was judged on the original's own inputs, none left out."""
    computed = {finding.stage for finding in comparison.findings if finding.check is Check.REFERENCE}
    forced = {finding.stage for finding in comparison.findings if finding.check is Check.FORCED}
    inputs = {node["stage"]: node["inputs"] for node in comparison.legacy.manifest["graph"]}
    assert forced <= computed
    assert [stage for stage in computed - forced if inputs[stage]] == []
    assert forced


def test_probe_sets_prove_every_stage(proceedings: Proceedings) -> None:
    """Together the probe sets prove every stage and reach every branch: nothing is vacuous, nothing unexercised."""
    for name, docket in proceedings.dockets().items():
        assert docket.verdict is Verdict.PASS, (name, docket.unproven)


def test_nothing_is_left_out(proceedings: Proceedings) -> None:
    """Every case was judged, and each compared what its graph promises."""
    assert set(proceedings.comparisons) == set(proceedings.cases)
    for case, comparison in proceedings.comparisons.items():
        stages = {node["stage"] for node in comparison.legacy.manifest["graph"]}
        assert stages <= {finding.stage for finding in comparison.findings if finding.elements}, case.id
