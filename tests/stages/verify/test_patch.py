"""Changes that take too long to compare."""

from stages.verify.patch import Patch


def test_a_comparison_has_an_end():
    old, new = ["xaxb" * 4000], ["xcxd" * 4000]
    edit = f"### a\n<<<<<<< SEARCH\n=======\n{new[0]}\n>>>>>>> REPLACE"
    row = {"response": edit, "paths": ["a"], "before": [None], "after": old}
    stage = Patch(seconds=0.5)
    assert stage.decide(row).columns == {
        "patch_reward": None, "patch_error": "not compared within 0.5 s",
    }  # fmt: skip
    quick = row | {"response": edit.replace(new[0], "x"), "after": ["x"]}
    assert stage.decide(quick).columns == {"patch_reward": 1.0, "patch_error": None}
