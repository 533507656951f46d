"""The gas of every entry point is what benchmarks/gas.json says."""

import json

from benchmarks.__main__ import MARGIN_OVER_FLOOR, SNAPSHOT, TARGETS, our_gas


def test_gas_is_the_committed_snapshot_and_within_its_targets():
    gas, floor = our_gas()
    assert gas == json.loads(SNAPSHOT.read_text()), "gas changed; run `make bench` and commit benchmarks/gas.json"
    assert gas["swap"] <= floor.total + MARGIN_OVER_FLOOR
    for name, target in TARGETS.items():
        assert gas[name] <= target
