"""The attention bench measures what it says, at sizes of seconds."""

import pytest
import torch

from daneel.errors import ConfigError
from daneel.evaluation import evidence
from daneel.evaluation.bench import attention as bench
from daneel.evaluation.bench import key_search


def test_a_small_run_records_every_row(tmp_path, capsys):
    """Exactness is met, decoding is measured, and a GPU is measured or said not to be."""
    options = bench.Options(
        parts=("exact", "decode", "gpu"),
        decode_tokens=(512,),
        needles=20,
        gpu_tokens=(8192,),
        results=tmp_path,
    )
    assert bench.run(options) == 0
    found = {item.key: item for item in evidence.load(bench.BENCH, tmp_path)}
    for name in ("sdpa", "blockwise"):
        assert found["exact, float32", "largest error", name].met
        assert found["exact, bfloat16", "largest error", name].met
    for who in ("index", "dense"):
        assert found["512 keys, topics", "needles found", who].figure == 100
    assert found["512 keys, topics", "needles lost", "index"].met
    rate = found["forward, 8192 tokens", "arithmetic", "attention"].figure
    assert (rate is None) == (not torch.cuda.is_available())
    printed = capsys.readouterr().out
    assert (evidence.NOT_MEASURED in printed) == (not torch.cuda.is_available())


@pytest.mark.parametrize("kernel", ["sdpa", "blockwise"])
def test_memory_of_a_process_is_printed_in_mib(kernel, capsys):
    """What one pass adds to the peak; here the whole test process is the one measured."""
    assert bench.main([kernel, "600"]) == 0
    assert 0 <= float(capsys.readouterr().out) < 200


@pytest.mark.parametrize("noise", [0.3, float("inf")])
def test_a_haystack_has_its_needles(noise):
    """Unit keys, distinct places, and the needles stand out only where there are topics."""
    stack = key_search.haystack(2048, 16, noise)
    torch.testing.assert_close(stack.keys.norm(dim=-1), torch.ones(1, 2048, 2))
    assert len(set(stack.places.tolist())) == 16
    alike = stack.keys[0, :-1] * stack.keys[0, 1:]
    assert (float(alike.sum(-1).median()) > 0.8) == (noise < 1)


def test_options_refuse_what_cannot_be_measured():
    """By the name of the field."""
    with pytest.raises(ConfigError, match="needles is 0"):
        bench.Options(needles=0)
    with pytest.raises(ConfigError, match="decode_tokens is"):
        bench.Options(decode_tokens=())
