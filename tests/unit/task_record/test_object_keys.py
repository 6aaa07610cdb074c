"""Keys of the objects in the output bucket."""

import pytest

from task_record.object_keys import TAGS_OF_A_CLAIM, answer_key, claim_tag, output_key, task_folder

CLAIM = "0123abcd-4567-89ef-fedc-ba9876543210"


def test_keys_start_with_prefix_and_id() -> None:
    folder = task_folder("t1", "a/b/")
    assert output_key(folder, "t1", claim_tag(CLAIM), 0, "png") == "a/b/t1/t1-0123-0.png"
    assert answer_key(folder, "t1", claim_tag(CLAIM)) == "a/b/t1/t1-0123.out"


def test_keys_start_with_the_id_without_a_prefix() -> None:
    assert task_folder("t1", None) == "t1/"


@pytest.mark.parametrize("task_id", ["uploads", "payloads", "parked"])
def test_results_are_not_stored_under_reserved_prefixes(task_id: str) -> None:
    assert task_folder(task_id, None) == f"%{task_id.encode().hex()[:2].upper()}{task_id[1:]}/"
    assert task_folder(task_id, "a") == f"a/{task_id}/"


def test_what_is_not_safe_in_a_key_is_encoded() -> None:
    assert task_folder("a b", "c d/..") == "prefix-c%2520d%252F%252E%252E/a%20b/"


def test_every_draw_of_a_claim_gives_another_tag() -> None:
    tags = [claim_tag(CLAIM, draw) for draw in range(TAGS_OF_A_CLAIM)]
    assert tags == ["0123", "abcd", "4567", "89ef", "fedc", "ba98", "7654", "3210"]
