"""Publishing with the real client over real HTTP, to a hub on loopback that can be made to fail."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from pipelines.publish import hub as door
from pipelines.publish import release
from pipelines.publish.changes import between
from pipelines.publish.hub import Repository
from pipelines.publish.licenses import licensed
from pipelines.publish.publish import publish, review
from stages.errors import RunError, UserError
from tests.support.loopback_hub import READER, WRITER, Entry, Fault, serving

pytestmark = pytest.mark.slow
BOWERBIRD = Path(sys.executable).parent / "bowerbird"
NAME = "org/small"


@pytest.fixture
def hub():
    with serving() as running:
        yield running


@pytest.fixture
def client(hub, tmp_path, monkeypatch):
    """This process's client, pointed at the hub on loopback."""
    address = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(door, "_WAITS_S", (0.0, 0.1, 0.2))
    monkeypatch.setenv("HF_TOKEN", WRITER)


@pytest.fixture
def folder(small_recipe, run_recipe, tmp_path):
    """Make a release: `folder(seed)`."""

    def make(seed=3, formats=("trl-sft", "rows")):
        run, store = run_recipe(small_recipe(seed=seed))
        known = licensed(run, {"dataset": "mit"}, ())
        return release.make(store, run, formats, known, NAME, tmp_path / f"release{seed}")

    return make


def push(folder, *, private=False, tag=None):
    repository = Repository(NAME)
    remote, _ = review(repository, folder, private=private, tag=tag)
    return publish(repository, folder, remote, private=private, tag=tag)


def commits(hub):
    """Commits to `main` after the first, which the hub itself makes."""
    return len(hub.repos[NAME].history) - 1 if NAME in hub.repos else 0


def holds(hub, folder):
    """Whether `main` is the release, whole."""
    repo = hub.repos[NAME]
    tree = {p: e.content for p, e in repo.commits[repo.head].items() if p != ".gitattributes"}
    return tree == {str(p.relative_to(folder)): p.read_bytes() for p in files(folder)}


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_one_commit_and_a_tag(hub, client, folder):
    made = folder()
    commit = push(made, tag="v1.0.0")
    assert holds(hub, made)
    assert commits(hub) == 1
    assert hub.repos[NAME].tags == {"v1.0.0": commit}
    assert hub.repos[NAME].head == commit
    assert not hub.repos[NAME].private
    large = {p for p, e in hub.repos[NAME].commits[commit].items() if e.sha256}
    assert large == {f"{place}/train-00000-of-00001.parquet" for place in ("data", "rows")}


def test_the_same_again_changes_nothing(hub, client, folder):
    made = folder()
    commit = push(made, tag="v1.0.0")
    assert push(made, tag="v1.0.0") == commit
    assert commits(hub) == 1


def test_the_next_release_replaces_the_last_and_leaves_what_is_not_its_own(hub, client, folder):
    push(folder(seed=3), tag="v1")
    repo = hub.repos[NAME]
    strange = {"LICENSE": Entry(b"mit"), "data/train-00001-of-00002.parquet": Entry(b"x", "0" * 64)}
    repo.commit(repo.commits[repo.head] | strange)
    made = folder(seed=4)
    remote, changes = review(Repository(NAME), made, private=False, tag="v2")
    assert changes.deleted == ("data/train-00001-of-00002.parquet",)
    assert "README.md" in changes.changed
    assert not changes.added
    publish(Repository(NAME), made, remote, private=False, tag="v2")
    tree = repo.commits[repo.head]
    assert tree["LICENSE"].content == b"mit"
    assert "data/train-00001-of-00002.parquet" not in tree
    assert between(made, Repository(NAME).look().files) == type(changes)()
    assert sorted(repo.tags) == ["v1", "v2"]


def test_a_branch_that_moved_is_not_overwritten(hub, client, folder):
    push(folder(seed=3))
    repo = hub.repos[NAME]
    moved = []

    def somebody_commits():
        if not moved:
            moved.append(repo.commit(repo.commits[repo.head] | {"NOTES.md": Entry(b"mine")}))

    hub.before["commit"].append(somebody_commits)
    made = folder(seed=4)
    with pytest.raises(RunError, match="moved while the release was on its way"):
        push(made)
    assert repo.head == moved[0]
    push(made)
    tree = repo.commits[repo.head]
    assert tree["NOTES.md"].content == b"mine"
    assert tree["README.md"].content == (made / "README.md").read_bytes()


@pytest.mark.parametrize("status", [409, 412])
def test_both_ways_of_saying_that_it_moved(hub, client, folder, status):
    made = folder()
    hub.faults.append(Fault("POST .*/commit/", status=status))
    with pytest.raises(RunError, match="moved"):
        push(made)
    assert commits(hub) == 0


@pytest.mark.parametrize("after", [True, False], ids=["applied", "not applied"])
@pytest.mark.parametrize("fault", [{"status": 500}, {"status": 504}, {"drop": True}], ids=str)
def test_an_answer_that_is_lost(hub, client, folder, fault, after):
    """Whether the commit was applied or not: in the end it is there, once."""
    made = folder()
    hub.faults.append(Fault("POST .*/commit/", after=after, **fault))
    commit = push(made, tag="v1")
    assert holds(hub, made)
    assert commits(hub) == 1
    assert hub.repos[NAME].tags == {"v1": commit}
    assert not any(f.times for f in hub.faults), "the fault was not met"


def test_a_lost_answer_and_then_somebody_else(hub, client, folder):
    """A commit of another's between two attempts is not built upon unseen."""
    made = folder()
    push(folder(seed=4))
    repo = hub.repos[NAME]
    hub.faults.append(Fault("POST .*/commit/"))
    hub.before["commit"].append(lambda: repo.commit({"theirs.txt": Entry(b"1")}))
    with pytest.raises(RunError, match="moved"):
        push(made)
    assert set(repo.commits[repo.head]) == {"theirs.txt"}


def test_a_hub_that_stays_out_of_order(hub, client, folder):
    made = folder()
    hub.faults.append(Fault("POST .*/commit/", times=99))
    with pytest.raises(RunError, match="did not say whether it took the commit"):
        push(made)
    assert commits(hub) == 0
    hub.faults.clear()
    push(made)
    assert holds(hub, made)


@pytest.mark.parametrize("after", [True, False], ids=["applied", "not applied"])
def test_a_tag_whose_answer_is_lost(hub, client, folder, after):
    made = folder()
    hub.faults.append(Fault("POST .*/tag/", after=after))
    commit = push(made, tag="v1")
    assert hub.repos[NAME].tags == {"v1": commit}


def test_a_tag_that_is_taken_is_found_before_anything_is_sent(hub, client, folder):
    push(folder(seed=3), tag="v1")
    with pytest.raises(UserError, match="has the tag v1 already"):
        push(folder(seed=4), tag="v1")
    assert commits(hub) == 1
    with pytest.raises(UserError, match="'v 1' is no name for a tag"):
        push(folder(seed=4), tag="v 1")


def test_another_schema_is_refused(hub, client, folder):
    push(folder(seed=3))
    made = folder(seed=4)
    card = (made / "README.md").read_text()
    (made / "README.md").write_text(card.replace("name: score_mass", "name: mass"))
    with pytest.raises(UserError, match="without score_mass, with mass"):
        push(made)
    fewer = folder(seed=5, formats=("trl-sft",))
    with pytest.raises(UserError, match="has the config 'rows', which this release has not"):
        push(fewer)
    assert commits(hub) == 1


def test_data_of_somebody_else_is_refused(hub, client, folder):
    push(folder(seed=3))
    repo = hub.repos[NAME]
    repo.commit({"README.md": Entry(b"# mine"), "train.parquet": Entry(b"x", "0" * 64)})
    with pytest.raises(UserError, match="holds data that no release"):
        push(folder(seed=4))


def test_private(hub, client, folder):
    made = folder()
    push(made, private=True)
    assert hub.repos[NAME].private
    hub.repos[NAME].private = False
    with pytest.raises(UserError, match="is public, and --private was given"):
        push(folder(seed=4), private=True)


@pytest.mark.parametrize(
    ("token", "cause"),
    [
        (READER, "no right to write"),
        ("hf_forged", "does not accept the token"),
        ("hf bad\ttoken", "characters that no token has"),
    ],
)
def test_tokens_that_do_not_fit(hub, client, folder, monkeypatch, token, cause):
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(UserError, match=cause) as error:
        push(folder())
    assert token not in str(error.value)
    assert NAME not in hub.repos


def test_a_hub_that_is_not_there(client, folder, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match="cannot be reached"):
        push(folder())


@pytest.mark.parametrize("name", ["small", "a/b/c", "org/..", "org/a b"])
def test_names_that_are_none(client, name):
    with pytest.raises(UserError, match="--repo"):
        Repository(name)


# -- the command, in a process of its own


@pytest.fixture
def command(hub, small_recipe, run_recipe, tmp_path, monkeypatch):
    """Run `bowerbird publish …`; `command.start` starts it only."""
    _, store = run_recipe(small_recipe())
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    fixed = [str(BOWERBIRD), "publish", "--store", store.root.uri(), "--repo", NAME]

    def start(*arguments):
        return subprocess.Popen(
            [*fixed, "--license", "mit", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(*arguments):
        with start(*arguments) as process:
            out, errors = process.communicate(timeout=400)
        assert "Traceback" not in errors
        assert WRITER not in out + errors
        return process.returncode, out, errors

    run.start = start
    return run


def test_a_dry_run_only_reads(hub, command):
    code, out, errors = command("--tag", "v1", "--dry-run")
    assert (code, out) == (0, "")
    assert "a new public repository" in errors
    assert "  add    data/train-00000-of-00001.parquet" in errors
    assert "  tag    v1" in errors
    assert "nothing was sent" in errors
    assert all(seen.startswith(("GET", "HEAD")) for seen in hub.seen)
    assert not hub.repos


def test_published_and_loaded_again(hub, command, tmp_path):
    code, out, _ = command("--tag", "v1.0.0", "--out", str(tmp_path / "out"))
    assert code == 0
    assert out.strip() == f"{hub.url}/datasets/{NAME}/tree/v1.0.0"
    assert holds(hub, tmp_path / "out")
    load = (
        "import datasets; datasets.config.USE_PARQUET_EXPORT = False;"
        f"print(datasets.load_dataset('{NAME}', split='train', revision='v1.0.0').num_rows,"
        f"datasets.load_dataset('{NAME}', 'rows', split='train').num_rows)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", load], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.split() == ["6", "6"]


def test_killed_while_it_uploads(hub, command, tmp_path):
    running, arrived = [], []

    def kill_at_the_second():
        arrived.append(time.monotonic())
        if len(arrived) == 2:
            running[0].kill()

    hub.before["upload"].append(kill_at_the_second)
    running.append(command.start("--tag", "v1", "--out", str(tmp_path / "out")))
    assert running[0].wait() == -signal.SIGKILL
    wait(lambda: len(hub.large) == 2)
    assert commits(hub) == 0
    hub.before.clear()
    code, _, errors = command("--tag", "v1", "--out", str(tmp_path / "out"))
    assert code == 0, errors
    assert holds(hub, tmp_path / "out")
    assert commits(hub) == 1
    assert sum(seen.startswith("PUT") for seen in hub.seen) == 2, "a file was sent twice"


def test_killed_before_it_hears_of_the_commit(hub, command, tmp_path):
    process = command.start("--tag", "v1", "--out", str(tmp_path / "out"))
    # It takes a second to get there.
    hub.before["commit"].append(process.kill)
    assert process.wait() == -signal.SIGKILL
    wait(lambda: len(hub.repos[NAME].history) == 2)
    assert not hub.repos[NAME].tags
    hub.before.clear()
    code, _, errors = command("--tag", "v1", "--out", str(tmp_path / "out"))
    assert code == 0, errors
    assert "no file changes" in errors
    assert commits(hub) == 1
    assert hub.repos[NAME].tags == {"v1": hub.repos[NAME].head}


def wait(fact):
    for _ in range(600):
        if fact():
            return
        time.sleep(0.05)
    raise AssertionError("not in 30 s")


def test_without_a_token(hub, command, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    code, _, errors = command()
    assert code == 2
    assert "error there is no token for the hub" in errors
    assert "hf auth login" in errors
    code, _, errors = command("--dry-run")
    assert code == 0
    assert "a new public repository" in errors


def test_the_token_is_left_nowhere(hub, command, monkeypatch, tmp_path):
    """Not in what is printed, sent, or left on disk; also where things go wrong."""
    canary = "hf_c4n4ryc4n4ryc4n4ry"
    monkeypatch.setenv("HF_TOKEN", canary)
    code, out, errors = command("--out", str(tmp_path / "out"))
    assert code == 2
    assert "does not accept the token" in errors
    assert canary not in out + errors
    monkeypatch.delenv("HF_TOKEN")
    home = Path(os.environ["HF_HOME"])
    home.mkdir(exist_ok=True)
    (home / "token").write_text(WRITER)
    code, _, errors = command("--out", str(tmp_path / "out"))
    assert code == 0, errors
    left = [p for p in files(tmp_path) if p != home / "token"]
    assert len(left) > 10
    for token in (canary, WRITER):
        assert not [p for p in left if token.encode() in p.read_bytes()]
        assert not [body for body in hub.bodies if token.encode() in body]
