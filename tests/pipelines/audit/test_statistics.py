"""Coefficients and intervals against published examples, closed forms and simulation."""

import math
import random

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from pipelines.audit import agreement
from pipelines.audit.bias import Game, markdown, style_controlled
from pipelines.audit.figures import ac1
from pipelines.audit.intervals import by_cluster, mean_by_cluster, prediction_powered


def table(text):
    """Raters as lines, units as columns, "." for no rating."""
    raters = [
        [None if label == "." else int(label) for label in line.split()]
        for line in text.strip().splitlines()
    ]
    return [list(unit) for unit in zip(*raters, strict=True)]


# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section D.
FOUR = table("""
1 2 3 3 2 1 4 1 2 . . .
1 2 3 3 2 2 4 1 2 5 . 3
. 3 3 3 2 3 4 2 2 5 1 .
1 2 3 3 2 4 4 1 2 5 1 .
""")
# Gwet (2002), Inter-Rater Reliability: 125 units, of which two raters differ on 7.
RARE = [["+", "+"]] * 118 + [["+", "-"]] * 5 + [["-", "+"]] * 2
# Fleiss' kappa, the worked example with 14 raters, 10 units and 5 labels.
FOURTEEN = [
    [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
    [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
]  # fmt: skip


def test_krippendorffs_own_example():
    assert agreement.krippendorff_alpha(FOUR) == pytest.approx(0.743, abs=5e-4)
    assert agreement.krippendorff_alpha(FOUR, "interval") == pytest.approx(0.849, abs=5e-4)


def test_a_label_that_is_nearly_always_given():
    """Where kappa falls below nought though 94% agree, and AC1 does not."""
    assert agreement.raw(RARE) == pytest.approx(0.944)
    assert agreement.cohen_kappa(RARE) == pytest.approx(-0.0234, abs=5e-5)
    assert agreement.gwet_ac1(RARE) == pytest.approx(0.9408, abs=5e-5)


def test_fleiss_worked_example():
    units = [[label for label, n in enumerate(counts) for _ in range(n)] for counts in FOURTEEN]
    assert agreement.raw(units) == pytest.approx(0.378, abs=5e-4)
    assert agreement.fleiss_kappa(units) == pytest.approx(0.210, abs=5e-4)


@pytest.mark.parametrize(
    "figure",
    [agreement.raw, agreement.cohen_kappa, agreement.fleiss_kappa, agreement.gwet_ac1,
     agreement.krippendorff_alpha],
)  # fmt: skip
def test_what_every_coefficient_does(figure):
    same = [["a", "a"], ["b", "b"], ["a", "a"], ["c", "c"]]
    assert figure(same) == pytest.approx(1)
    assert math.isnan(figure([["a", None], [None, "b"]]))
    draw = random.Random(2)
    chance = [[draw.choice("ab"), draw.choice("ab")] for _ in range(20_000)]
    assert figure(chance) == pytest.approx(0.5 if figure is agreement.raw else 0, abs=0.02)
    swapped = [unit[::-1] for unit in RARE]
    assert figure(swapped) == pytest.approx(figure(RARE))


def test_cohens_kappa_is_that_of_scikit_learn():
    draw = random.Random(4)
    for _ in range(50):
        units = [[draw.choice("abc"), draw.choice("aab")] for _ in range(draw.randint(3, 40))]
        theirs = cohen_kappa_score(*zip(*units, strict=True))
        ours = agreement.cohen_kappa(units)
        assert (math.isnan(theirs) and math.isnan(ours)) or ours == pytest.approx(theirs)


def test_nominal_alpha_by_its_definition():
    """1 - Do / De, with both as means over pairs of values, spelled out."""
    units = [[v for v in unit if v is not None] for unit in FOUR]
    units = [unit for unit in units if len(unit) > 1]
    values = [v for unit in units for v in unit]
    observed = sum(
        sum(a != b for i, a in enumerate(unit) for j, b in enumerate(unit) if i != j)
        / (len(unit) - 1)
        for unit in units
    ) / len(values)
    pairs = [(a, b) for i, a in enumerate(values) for j, b in enumerate(values) if i != j]
    expected = sum(a != b for a, b in pairs) / len(pairs)
    assert agreement.krippendorff_alpha(FOUR) == pytest.approx(1 - observed / expected)


def test_an_interval_counts_questions_and_not_answers():
    """Ten copies of each row are no more evidence than one."""
    draw = random.Random(1)
    values = [draw.random() for _ in range(60)]
    mean = lambda some: sum(some) / len(some)  # noqa: E731
    once = by_cluster(values, range(60), mean)
    copies = by_cluster(values * 10, [n % 60 for n in range(600)], mean)
    alone = by_cluster(values * 10, range(600), mean)
    assert copies.high - copies.low == pytest.approx(once.high - once.low, rel=0.15)
    assert alone.high - alone.low < 0.5 * (once.high - once.low)
    expected = 2 * 1.96 * np.std(values) / np.sqrt(60)
    assert once.high - once.low == pytest.approx(expected, rel=0.15)


def test_prediction_powered_intervals_cover():
    """A judge that is wrong on the whole, and few gold labels: still 95% hold the true mean."""
    random_ = np.random.default_rng(5)
    truth, covered, widths, plain = 0.4, 0, [], []
    for _ in range(400):
        gold = random_.random(1000) < truth
        judged = np.clip(gold * 0.8 + 0.3 + random_.normal(0, 0.1, 1000), 0, 2)
        few = slice(0, 100)
        known = [float(g) if i < 100 else None for i, g in enumerate(gold)]
        found = prediction_powered(judged, known, range(1000))
        covered += found.low <= truth <= found.high
        widths.append(found.high - found.low)
        plain.append(2 * 1.96 * gold[few].std() / 10)
    assert 0.92 <= covered / 400 <= 0.98
    assert np.mean(widths) < 0.6 * np.mean(plain), "better than the gold labels alone"


def test_prediction_powered_intervals_cover_where_rows_come_in_questions():
    """Five answers to a question are one piece of evidence, labelled together."""
    random_ = np.random.default_rng(6)
    covered = 0
    for _ in range(300):
        truth = np.repeat(random_.random(200) < 0.4, 5)
        judged = truth * 0.6 + 0.3
        known = [float(g) if i < 250 else None for i, g in enumerate(truth)]
        found = prediction_powered(judged, known, [i // 5 for i in range(1000)], (0, 1))
        covered += found.low <= 0.4 <= found.high
        assert 0 <= found.low <= found.high <= 1
    assert 0.91 <= covered / 300 <= 0.99


def test_style_that_decides_alone_has_a_finite_share():
    """A judge that always takes the longer answer: at equal style neither side wins."""
    for seed in range(5):
        draw = random.Random(seed)
        games, firsts = [], []
        for n in range(200):
            sizes = (draw.randint(10, 1000), draw.randint(10, 1000))
            games.append(Game(n, float(sizes[0] > sizes[1]), sizes, (0, 0)))
            firsts.append(draw.random() < 0.5)
        assert style_controlled(games, firsts) == pytest.approx(0.5, abs=0.15)


def test_gwets_raw_ratings_of_four_raters():
    """`cac.raw4raters` of irrCAC (Gwet): ratings are missing, and a unit is rated once."""
    assert agreement.gwet_ac1(FOUR, 5) == pytest.approx(0.77544, abs=5e-6)
    assert agreement.fleiss_kappa(FOUR) == pytest.approx(0.76117, abs=5e-6)


def test_coins_do_not_agree_by_ac1():
    """Whether or not there could be a tie, and whether or not one was said."""
    draw = random.Random(3)
    units = [[draw.choice(("chosen", "rejected")) for _ in range(2)] for _ in range(5000)]
    (figure,) = ac1("judge", "AC1", units, list(map(str, range(5000))))
    assert figure.value == pytest.approx(0, abs=0.05)
    (with_tie,) = ac1("judge", "AC1", [*units, ("tie", "chosen")], list(map(str, range(5001))))
    assert (with_tie.value, with_tie.rows) == (figure.value, 5000)
    ties = [("tie", "tie")] * 20
    (few,) = ac1("judge", "AC1", [*units[:4], *ties], list(map(str, range(24))))
    assert few.low is None, "what is decided counts"


def test_a_share_that_is_none_or_all_is_no_point():
    """0 of 5: Clopper and Pearson's 0 to 0.5218."""
    none, all_ = (mean_by_cluster([share] * 5, range(5), (0, 1)) for share in (0.0, 1.0))
    assert (none.low, none.high) == (0, pytest.approx(0.52182, abs=5e-6))
    assert (all_.low, all_.high) == (pytest.approx(0.47818, abs=5e-6), 1)
    copies = mean_by_cluster([0.0] * 500, [n // 100 for n in range(500)], (0, 1))
    assert copies == none, "a hundred rows of a request are worth one"
    lean = mean_by_cluster([0.5] * 5, range(5), (-0.5, 0.5))
    assert (lean.low, lean.high) == (pytest.approx(all_.low - 0.5), 0.5)


def test_differences_are_no_share():
    """One of twenty that is 1 more: nothing says that the mean is above nought."""
    for one in (1.0, -1.0):
        found = mean_by_cluster([one] + [0.0] * 19, range(20), (-1, 1))
        assert found.low < 0 < found.high
    assert math.isnan(mean_by_cluster([0.0] * 20, range(20), (-1, 1)).low)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("count", [5, 10, 60])
def test_intervals_of_a_share_cover(share, count):
    random_ = np.random.default_rng(8)
    drawn = (random_.random((300, count)) < share).astype(float)
    found = [mean_by_cluster(list(values), range(count), (0, 1)) for values in drawn]
    assert np.mean([each.low <= share <= each.high for each in found]) >= 0.93


@pytest.mark.parametrize("count", [5, 10, 60])
def test_intervals_of_a_mean_cover(count):
    """Of two rows that are alike in each cluster."""
    random_ = np.random.default_rng(9)
    clusters = [n // 2 for n in range(2 * count)]
    found = [
        mean_by_cluster(list(np.repeat(random_.normal(size=count), 2)), clusters)
        for _ in range(500)
    ]
    assert np.mean([each.low <= 0 <= each.high for each in found]) == pytest.approx(0.95, abs=0.02)


def test_an_interval_of_a_share_by_cluster_covers():
    """Rows of a request that mostly say the same: the interval is that of requests."""
    random_ = np.random.default_rng(10)
    covered, clusters = [], [n // 10 for n in range(400)]
    for _ in range(300):
        values = np.repeat(random_.random(40) < 0.3, 10) ^ (random_.random(400) < 0.02)
        found = mean_by_cluster(list(values.astype(float)), clusters, (0, 1))
        covered.append(found.low <= 0.308 <= found.high)
    assert 0.93 <= np.mean(covered) <= 0.99


def test_clusters_of_unequal_size_are_worth_fewer():
    """Else an interval of one request of 100 rows and 19 of two holds the mean in 3 cases of 10."""
    random_ = np.random.default_rng(11)
    sizes = np.maximum(1, random_.lognormal(1.5, 1.2, 20).astype(int))
    covered = []
    for _ in range(300):
        values = np.concatenate([np.full(size, random_.normal()) for size in sizes])
        clusters = [n for n, size in enumerate(sizes) for _ in range(size)]
        found = mean_by_cluster(list(values), clusters)
        covered.append(found.low <= 0 <= found.high)
    assert np.mean(covered) >= 0.92
    one = [0] * 100 + [n // 2 for n in range(2, 40)]
    assert math.isnan(mean_by_cluster(list(random_.normal(size=138)), one).low)
    gold = [float(n % 2) for n in range(138)] + [None] * 138
    judged = list(random_.random(276))
    assert math.isnan(prediction_powered(judged, gold, [*one, *range(100, 238)]).low)


@pytest.mark.parametrize("count", [4, 9])
def test_few_clusters_have_no_interval(count):
    values = [float(n % 3) for n in range(count)]
    assert math.isnan(by_cluster(values, range(count), np.mean).low)
    assert math.isnan(mean_by_cluster(values, range(count)).low) == (count < 5)
    gold = [value if n < count else None for n, value in enumerate(values * 9)]
    assert math.isnan(prediction_powered(values * 9, gold, range(9 * count)).low)


def test_prediction_powered_intervals_cover_with_ten_labels():
    random_ = np.random.default_rng(7)
    covered = 0
    for _ in range(500):
        gold = random_.random(500) < 0.4
        judged = np.clip(gold * 0.5 + 0.3 + random_.normal(0, 0.2, 500), 0, 1)
        known = [float(g) if i < 10 else None for i, g in enumerate(gold)]
        found = prediction_powered(judged, known, range(500))
        covered += found.low <= 0.4 <= found.high
    assert 0.92 <= covered / 500 <= 0.98


@pytest.mark.parametrize(
    "text", ["\n" * 40_000, " " * 40_000, "x.__init__() " * 3_000, "1" * 40_000]
)
def test_markdown_is_counted_in_time(text):
    assert markdown(text) == 0


@pytest.mark.parametrize(
    ("text", "count"),
    [("# A\n\n- b\n* c\n1. d\n**e** and __f__", 6), ("a __init__ b", 1), ("x.__init__()", 0),
     ("2 * 3 * 4", 0), ("a\n\n\n- b", 1), ("```py\n# no heading\n- no item\n```\n# one", 1)],
)  # fmt: skip
def test_what_counts_as_markdown(text, count):
    assert markdown(text) == count


def test_style_is_taken_out():
    """Preferences of which both quality and style are known: at equal style quality is left."""
    draw = random.Random(9)
    games, firsts = [], []
    for n in range(4000):
        long, short = draw.randint(10, 1000), draw.randint(10, 1000)
        style = 1.5 * (long - short) / (long + short)
        p = 1 / (1 + math.exp(-(0.4 + style)))
        first = draw.random() < 0.5
        sizes = (long, short) if first else (short, long)
        games.append(Game(n, p if first else 1 - p, sizes, (0, 0)))
        firsts.append(first)
    same = style_controlled(games, firsts)
    assert same == pytest.approx(1 / (1 + math.exp(-0.4)), abs=0.005)


def styled(sizes, p):
    """Games in both orders of pairs with the sizes (chosen, rejected), preferred by `p` of them."""
    games, firsts = [], []
    for n, (chosen, rejected) in enumerate(sizes):
        lean = p((chosen - rejected) / (chosen + rejected))
        games += [Game(n, lean, (chosen, rejected), (0, 0)),
                  Game(n, 1 - lean, (rejected, chosen), (0, 0))]  # fmt: skip
        firsts += [True, False]
    return style_controlled(games, firsts)


@pytest.mark.parametrize("noise", [0, 1, 10])
def test_style_that_is_always_on_one_side_has_no_share(noise):
    """Whether the longer side wins for its length cannot be told."""
    draw = random.Random(2)
    sizes = [(300 + draw.randint(-noise, noise), 100) for _ in range(100)]
    assert math.isnan(styled(sizes, lambda difference: 0.8))


@pytest.mark.parametrize("count", [20, 500])
def test_style_that_takes_all_leaves_half(count):
    draw = random.Random(3)
    sizes = [(draw.randint(200, 1000), draw.randint(50, 800)) for _ in range(count)]
    logistic = lambda difference: 1 / (1 + math.exp(-3 * difference))  # noqa: E731
    assert styled(sizes, logistic) == pytest.approx(0.5, abs=0.01)
    assert styled(sizes, lambda difference: 0.8) == pytest.approx(0.8, abs=0.001)
