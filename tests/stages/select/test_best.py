from pipelines.execution.shards.shard_task import decide
from stages.base import Dropped, Kept
from stages.select.best import Best


def test_the_first_of_the_highest_of_each_question(as_table):
    rows = [("q", 2.0), ("p", 1.0), ("q", 4.0), ("q", 4.0), ("p", None), ("o", None)]
    table = as_table([{"parents": [q], "score": score} for q, score in rows])
    fates = decide(Best(), "fingerprint", table)
    assert [i for i, fate in enumerate(fates) if fate == Kept()] == [1, 2]
    assert fates[0] == Dropped("select.not_best", "2 of 4")
    assert fates[3].reason == "select.not_best"
    assert fates[4] == fates[5] == Dropped("select.not_scored")
