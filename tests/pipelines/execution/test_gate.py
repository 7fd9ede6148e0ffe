"""Admission by rows: enough for the engine, whatever the shards, and in order."""

import threading

from pipelines.execution.steps.gate import Gate


def entered(gate, *works):
    let = []
    for position, rows, name in works:
        gate.enter(position, rows, lambda through, name=name: let.append((name, through)))
    return let


def names(let):
    return [name for name, _ in let]


def test_a_shard_is_let_in_while_there_is_room_for_a_row():
    gate = Gate(10)
    let = entered(gate, (0, 8, "a"), (0, 8, "b"), (0, 1, "c"))
    assert names(let) == ["a", "b"]
    let[0][1].heard(6)
    assert names(let) == ["a", "b"]
    let[1][1].heard(1)
    assert names(let) == ["a", "b", "c"]


def test_a_slow_row_holds_back_no_other():
    gate = Gate(4)
    let = entered(gate, *((0, 4, n) for n in range(6)))
    for number in range(4):
        let[number][1].heard(3)  # one row of each is still out
    assert len(let) == 4
    let[0][1].heard(1)
    assert len(let) == 5


def test_the_lowest_position_goes_first_and_a_pass_is_given_back_once():
    gate = Gate(1)
    let = entered(gate, (1, 1, "first"), (2, 1, "late"), (0, 1, "early"))
    let[0][1].close()
    let[0][1].close()
    let[0][1].heard(5)
    assert names(let) == ["first", "early"]
    let[1][1].close()
    assert names(let) == ["first", "early", "late"]


def test_threads_leave_and_enter_at_once():
    gate, done = Gate(7), []

    def work(through):
        done.append(through)
        threading.Thread(target=through.close).start()

    for number in range(500):
        gate.enter(number % 3, 1 + number % 5, work)
    for _ in range(200):
        if len(done) == 500:
            break
        threading.Event().wait(0.05)
    assert len(done) == 500
